"""Giving and seeing, through the whole way of a request."""

from __future__ import annotations

import asyncio

import pytest

from guerdon import (
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RefusedError,
    was_replayed,
)
from guerdon.recognition.v1 import allowances_pb2 as allowances
from guerdon.recognition.v1 import recognition_pb2 as recs
from tests.contract.recognition.world import Employer


async def test_fifty_for_each_of_three_is_one_hundred_and_fifty_at_once(employer: Employer) -> None:
    # Oracle: Bonusly, 50 points to each of 3 people: 150 debited, or nothing.
    given = await employer.give("ann", ["ben", "cleo", "dan"], 50, values=["#teamwork"])
    assert await employer.left("ann") == 50
    assert [await employer.earned(person) for person in ("ben", "cleo", "dan")] == [50, 50, 50]
    read = await employer.admin.recognition.GetRecognition(recs.GetRecognitionRequest(name=given.name))
    assert read.recognition == given
    assert len({one for one in given.transactions if one.startswith(f"{employer.program}/transactions/")}) == 3
    assert (given.giver, list(given.values)) == (employer.person("ann"), ["#teamwork"])


@pytest.mark.parametrize("left", [149, 70, 20, 0])
async def test_fifty_for_each_of_three_is_nothing_where_it_does_not_reach(employer: Employer, left: int) -> None:
    await employer.give("ann", ["ben"], 200 - left)
    request = employer.thanks("ann", ["ben", "cleo", "dan"], 50)
    with pytest.raises(RefusedError) as refusal:
        await employer.admin.recognition.CreateRecognition(request)
    assert refusal.value.reason == "INSUFFICIENT_ALLOWANCE"
    assert refusal.value.metadata == {
        "required": "150",
        "available": str(left),
        "missing": str(150 - left),
    }
    assert await employer.left("ann") == left
    assert [await employer.earned(person) for person in ("cleo", "dan")] == [0, 0]
    assert len((await employer.feed()).recognitions) == 1


async def test_a_refusal_for_lack_of_allowance_stays_that_requests_answer(employer: Employer) -> None:
    request = employer.thanks("eve", ["ben"], 250)
    request.recognition.giver = employer.person("ann")
    answers = []
    for _ in range(2):
        with pytest.raises(RefusedError) as refusal:
            await employer.admin.recognition.CreateRecognition(request)
        answers.append((refusal.value.reason, dict(refusal.value.metadata), refusal.value.message))
    assert answers[0] == answers[1]
    assert answers[0][1] == {"required": "250", "available": "200", "missing": "50"}


async def test_received_points_are_redeemed_and_do_not_expire(employer: Employer) -> None:
    # Oracle: Bonusly, earned 270, redeem 50: 220.
    await employer.give("ann", ["dan"], 200)
    await employer.give("ben", ["dan"], 70)
    assert await employer.earned("dan") == 270
    await employer.redeem("dan", 50)
    balance = await employer.balance((await employer.read_person("dan")).rewards_account)
    assert (balance.available, len(balance.expiries)) == (220, 0)


async def test_of_two_gives_with_allowance_for_one_exactly_one_succeeds(employer: Employer) -> None:
    requests = [employer.thanks("ann", [receiver], 150) for receiver in ("ben", "cleo")]
    outcomes = await asyncio.gather(
        *(employer.admin.recognition.CreateRecognition(request) for request in requests), return_exceptions=True
    )
    refusals = [outcome for outcome in outcomes if isinstance(outcome, RefusedError)]
    assert [refusal.reason for refusal in refusals] == ["INSUFFICIENT_ALLOWANCE"]
    assert len(outcomes) - len(refusals) == 1
    assert await employer.left("ann") == 50


async def test_the_same_request_gives_once(employer: Employer) -> None:
    request = employer.thanks("ann", ["ben"], 10, request_id="thank-ben")
    at_once = [employer.admin.recognition.CreateRecognition(request) for _ in range(6)]
    names = {(await call).recognition.name for call in at_once}
    later = employer.admin.recognition.CreateRecognition(request)
    names.add((await later).recognition.name)
    assert len(names) == 1
    assert await was_replayed(later)
    assert await employer.left("ann") == 190
    assert len((await employer.feed()).recognitions) == 1
    request.recognition.amount = 20
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.admin.recognition.CreateRecognition(request)
    assert refusal.value.metadata == {"fields": "recognition"}


async def test_nobody_gives_to_themselves(employer: Employer) -> None:
    with pytest.raises(RefusedError) as refusal:
        await employer.give("ann", ["ben", "ann"], 10)
    assert (refusal.value.reason, refusal.value.metadata) == ("SELF_GIVING", {"person": employer.person("ann")})
    with pytest.raises(RefusedError) as refusal:
        await employer.own_client("ann").recognition.CreateRecognition(employer.thanks("", ["ann"], 10))
    assert refusal.value.reason == "SELF_GIVING"


async def test_nobody_receives_twice_or_from_afar(employer: Employer) -> None:
    request = employer.thanks("ann", ["ben", "cleo", "ben"], 10)
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.admin.recognition.CreateRecognition(request)
    assert [violation.field for violation in refusal.value.violations] == ["recognition.receivers[2]"]
    request = employer.thanks("ann", ["ben"], 10)
    request.recognition.receivers.append("organisations/elsewhere/people/eve")
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.admin.recognition.CreateRecognition(request)
    assert [violation.field for violation in refusal.value.violations] == ["recognition.receivers[1]"]
    with pytest.raises(NotFoundError) as unknown:
        await employer.give("ann", ["ben", "nobody"], 10)
    assert unknown.value.metadata == {"resource": employer.person("nobody")}
    assert await employer.left("ann") == 200


async def test_a_recognition_is_for_the_organisations_values(employer: Employer) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.give("ann", ["ben"], 10, values=["#care", "#speed"])
    assert [violation.field for violation in refusal.value.violations] == ["recognition.values[1]"]


async def test_the_giver_is_whom_the_token_names(employer: Employer) -> None:
    ann = employer.own_client("ann")
    given = (await ann.recognition.CreateRecognition(employer.thanks("", ["ben"], 10))).recognition
    assert given.giver == employer.person("ann")
    own = (await ann.recognition.CreateRecognition(employer.thanks("ann", ["ben"], 10))).recognition
    assert own.giver == employer.person("ann")
    with pytest.raises(PermissionDeniedError) as refusal:
        await ann.recognition.CreateRecognition(employer.thanks("ben", ["cleo"], 10))
    assert refusal.value.metadata == {"scope": "recognition.act_for"}
    assistant = employer.own_client("ann", "recognition.act_for")
    for_ben = (await assistant.recognition.CreateRecognition(employer.thanks("ben", ["cleo"], 10))).recognition
    assert for_ben.giver == employer.person("ben")


async def test_a_token_that_names_nobody_gives_nothing(employer: Employer) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.own_client("stranger").recognition.CreateRecognition(employer.thanks("", ["ben"], 10))
    assert [violation.field for violation in refusal.value.violations] == ["recognition.giver"]


async def test_an_allowance_is_its_owners_to_see(employer: Employer) -> None:
    ann = employer.own_client("ann")
    own = await ann.allowances.GetAllowance(allowances.GetAllowanceRequest(name=f"{employer.person('ann')}/allowance"))
    assert (own.allowance.granted_amount, own.allowance.available_amount) == (200, 200)
    with pytest.raises(PermissionDeniedError):
        await ann.allowances.GetAllowance(allowances.GetAllowanceRequest(name=f"{employer.person('ben')}/allowance"))


async def test_what_is_private_is_seen_by_those_concerned_only(employer: Employer) -> None:
    public = await employer.give("ann", ["ben"], 5)
    private = await employer.give("ann", ["cleo"], 5, private=True)
    both, one = [private.name, public.name], [public.name]
    for person, expected in [("ann", both), ("cleo", both), ("ben", one), ("dan", one), ("stranger", one)]:
        client = employer.own_client(person)
        assert _names(await employer.feed(client)) == expected
        assert _names(await employer.feed(client, person="cleo")) == expected[:-1]
        request = recs.GetRecognitionRequest(name=private.name)
        if expected == both:
            assert (await client.recognition.GetRecognition(request)).recognition == private
        else:
            with pytest.raises(NotFoundError):
                await client.recognition.GetRecognition(request)
    # Who runs the service sees what is public, unless it says for whom it looks.
    assert _names(await employer.feed()) == one
    assert _names(await employer.feed(viewer="cleo")) == both


async def test_only_who_may_act_for_others_looks_for_them(employer: Employer) -> None:
    ben = employer.own_client("ben")
    assert _names(await employer.feed(ben, viewer="ben")) == []
    with pytest.raises(PermissionDeniedError):
        await employer.feed(ben, viewer="cleo")
    given = await employer.give("ann", ["cleo"], 5, private=True)
    with pytest.raises(PermissionDeniedError):
        await ben.recognition.GetRecognition(
            recs.GetRecognitionRequest(name=given.name, viewer=employer.person("cleo"))
        )
    with pytest.raises(NotFoundError):
        await employer.feed(viewer="nobody")


async def test_the_feed_is_newest_first_page_by_page_and_filtered(employer: Employer) -> None:
    given: list[recs.Recognition] = []
    for number in range(14):
        giver, receiver = ("ann", "ben") if number % 2 else ("cleo", "dan")
        values = ["#care"] if number % 3 == 0 else ["#teamwork"]
        given.insert(0, await employer.give(giver, [receiver], 1 + number, values=values))
    assert list((await employer.feed()).recognitions) == given
    for value, person, expected in [
        ("", "", given),
        ("#care", "", [one for one in given if "#care" in one.values]),
        ("", "ben", [one for one in given if employer.person("ben") in one.receivers]),
        ("", "cleo", [one for one in given if one.giver == employer.person("cleo")]),
        ("#care", "ann", [one for one in given if one.amount in {4, 10}]),
        ("#speed", "", []),
    ]:
        pages: list[list[str]] = []
        token = ""
        while not pages or token:
            page = await employer.feed(value=value, person=person, page_size=3, page_token=token)
            pages.append(_names(page))
            token = page.next_page_token
            if len(pages) == 1:
                await employer.give("dan", ["ann"], 1)  # comes before what was read: no page shifts by it
        assert [name for names in pages for name in names] == [one.name for one in expected]
        assert all(len(names) == 3 for names in pages[:-1])


async def test_a_page_token_belongs_to_its_filters(employer: Employer) -> None:
    for _ in range(3):
        await employer.give("ann", ["ben"], 1, values=["#care"])
    token = (await employer.feed(page_size=1, value="#care")).next_page_token
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.feed(page_size=1, page_token=token)
    assert [violation.field for violation in refusal.value.violations] == ["page_token"]


async def test_a_month_is_granted_once_and_only_while_it_lasts(employer: Employer) -> None:
    period = (await employer.allowance("ann")).period
    first = await employer.grant(request_id="grant-again", period=period)
    assert (first.granted_count, first.existing_count, first.period) == (0, 4, period)
    assert await employer.grant(request_id="grant-again", period=period) == first
    with pytest.raises(RefusedError) as refusal:
        await employer.grant(period="2020-02")
    assert refusal.value.metadata == {"period": "2020-02", "current": period}
    with pytest.raises(InvalidRequestError):
        await employer.grant(period="2020-13")
    assert await employer.left("ann") == 200


def _names(page: recs.ListRecognitionsResponse) -> list[str]:
    return [recognition.name for recognition in page.recognitions]
