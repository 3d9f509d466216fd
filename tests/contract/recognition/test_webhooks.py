"""Webhooks: an organisation is told of its public recognitions, signed, until it takes them, and of nothing else."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.recognition.v1 import fairness_pb2 as fair
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon.recognition.v1 import reviews_pb2 as reviews
from guerdon.recognition.v1 import webhooks_pb2 as pb
from guerdon_kit.testing import wait_until
from tests.contract.partner_exchange.hooks import believed, ok, said, taken
from tests.contract.recognition.hooks import deliveries, endpoint, listen, replay, rotate
from tests.contract.recognition.test_changes import add
from tests.contract.recognition.test_fairness import pair_points, set_policies
from tests.contract.recognition.test_privacy import OPERATIONS, Random, with_teams
from tests.contract.recognition.world import Employer, World
from tests.contract.rewards_catalog.counterparty import Counterparty, counterparty

PREFIX = "guerdon.recognition.v1.recognition_"
DELIVERED = pb.WEBHOOK_DELIVERY_STATE_DELIVERED


@pytest.fixture
async def receiver() -> AsyncIterator[Counterparty]:
    """What listens at the organisation's address, and takes what comes."""
    async with counterparty() as made:
        made.answer = ok
        yield made


async def told(employer: Employer, receiver: Counterparty) -> set[str]:
    """The recognitions that the endpoint has been told of so far: what follows them has been told, too, and all of it
    was taken.
    """
    last = (await employer.give("dan", ["ann"], 1)).name

    async def all_taken() -> bool:
        events = await deliveries(employer)
        return last in names(receiver) and all(one.state == DELIVERED for one in events)

    await wait_until(all_taken)
    return names(receiver) - {last}


def names(receiver: Counterparty) -> set[str]:
    return {said(asked)["data"]["recognition"] for asked in receiver.asked}


async def test_what_becomes_of_a_public_recognition_is_told_in_names_and_numbers_signed(
    employer: Employer, receiver: Counterparty
) -> None:
    secret = await listen(employer, receiver.url)
    given = await employer.give("ann", ["ben"], 10, values=["#care"])
    await add(employer, given, "cleo", 5)
    await taken(receiver, 2)
    await employer.admin.recognition.DeleteRecognition(
        recs.DeleteRecognitionRequest(name=given.name, request_id=new_request_id())
    )
    await taken(receiver, 3)
    content = {"giver": employer.person("ann"), "receivers": [employer.person("ben")]}
    expected = {
        "created": {**content, "amount": 10, "values": ["#care"]},
        "add_on_created": {"giver": employer.person("cleo"), "receivers": [employer.person("ben")], "amount": 5},
        "deleted": {**content, "amount": 10, "values": ["#care"]},
    }
    for asked in receiver.asked:
        believed(asked, secret)
    assert {said(asked)["type"]: said(asked)["data"] for asked in receiver.asked} == {
        PREFIX + kind: {"recognition": given.name, **data} for kind, data in expected.items()
    }


async def test_of_what_is_not_public_any_more_nothing_is_sent_again_but_that(
    employer: Employer, receiver: Counterparty
) -> None:
    await listen(employer, receiver.url)
    given = await employer.give("ann", ["ben"], 10)
    await taken(receiver)
    private = recs.Recognition(name=given.name, visibility=recs.VISIBILITY_PRIVATE)
    await employer.admin.recognition.UpdateRecognition(
        recs.UpdateRecognitionRequest(
            recognition=private, update_mask=FieldMask(paths=["visibility"]), request_id=new_request_id()
        )
    )
    await taken(receiver, 2)
    assert await replay(employer, from_time=given.create_time) == 1
    hidden = (await taken(receiver, 3))[1:]
    assert [(said(asked)["type"], said(asked)["data"]) for asked in hidden] == [
        (f"{PREFIX}hidden", {"recognition": given.name})
    ] * 2


@pytest.mark.parametrize("seed", range(2))
async def test_of_random_recognitions_only_those_that_were_public_reach_the_endpoint(
    world: World, receiver: Counterparty, seed: int
) -> None:
    employer = await with_teams(world)
    await listen(employer, receiver.url)
    played = Random(employer, random.Random(seed))
    for _ in range(2 * OPERATIONS):
        await played.step()
    assert await told(employer, receiver) == played.once_public
    assert len(played.once_public) < len(played.said)


async def test_what_is_held_is_told_once_it_is_approved_and_never_where_it_is_rejected(
    employer: Employer, receiver: Counterparty
) -> None:
    await listen(employer, receiver.url)
    await set_policies(employer, pair_points(30, fair.FAIRNESS_MODE_HOLD))
    held: list[recs.CreateRecognitionResponse] = [
        await employer.admin.recognition.CreateRecognition(employer.thanks("ann", [person], 40))
        for person in ("ben", "cleo", "dan")
    ]
    for one, decided in zip(held, (reviews.REVIEW_STATE_APPROVED, reviews.REVIEW_STATE_REJECTED), strict=False):
        await employer.admin.reviews.ReviewRecognition(
            reviews.ReviewRecognitionRequest(name=one.review, decision=decided, request_id=new_request_id())
        )
    assert await told(employer, receiver) == {held[0].recognition.name}


async def test_while_a_secret_is_replaced_both_sign_and_it_is_shown_once(
    employer: Employer, receiver: Counterparty
) -> None:
    request = pb.SetWebhookEndpointRequest(parent=employer.name, url=receiver.url, request_id="listen")
    first = (await employer.admin.webhooks.SetWebhookEndpoint(request)).secret
    again = employer.admin.webhooks.SetWebhookEndpoint(request)
    assert (await again).secret == first  # the answer may have been lost
    assert await was_replayed(again)
    assert await listen(employer, receiver.url) == ""
    second = await rotate(employer)
    await employer.give("ann", ["ben"], 10)
    [asked] = await taken(receiver)
    believed(asked, first)
    believed(asked, second)


async def test_gone_disables_until_an_address_is_set_and_what_was_missed_is_replayed(
    employer: Employer, receiver: Counterparty
) -> None:
    await listen(employer, receiver.url)
    receiver.answer = lambda _asked: (410, b"")
    given = await employer.give("ann", ["ben"], 10)

    async def disabled() -> bool:
        return (await endpoint(employer)).disable_reason == "GONE"

    await wait_until(disabled)
    [delivery] = await deliveries(employer)
    with pytest.raises(RefusedError) as refused:
        await replay(employer, event_id=delivery.event_id)
    assert (refused.value.reason, refused.value.metadata) == ("WEBHOOKS_DISABLED", {"owner": employer.name})
    receiver.answer = ok
    await listen(employer, receiver.url)
    assert await replay(employer, event_id=delivery.event_id) == 1
    again = (await taken(receiver, 2))[1]
    assert (again.headers["webhook-id"], said(again)["data"]["recognition"]) == (delivery.event_id, given.name)


async def test_an_endpoint_is_disabled_on_request_and_none_is_kept_of_what_is_no_address(
    employer: Employer, receiver: Counterparty
) -> None:
    for url in ("ftp://127.0.0.1/", "http://user:pass@127.0.0.1/", "not an address"):
        with pytest.raises(InvalidRequestError):
            await listen(employer, url)
    with pytest.raises(NotFoundError):
        await endpoint(employer)
    await listen(employer, receiver.url)
    request = pb.DisableWebhookEndpointRequest(parent=employer.name, request_id=new_request_id())
    stopped = (await employer.admin.webhooks.DisableWebhookEndpoint(request)).webhook_endpoint
    assert (stopped.state, stopped.disable_reason) == (pb.WEBHOOK_ENDPOINT_STATE_DISABLED, "BY_ORGANISATION")
    assert stopped.organisation == employer.name
