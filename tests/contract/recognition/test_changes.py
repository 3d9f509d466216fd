"""Adding onto a recognition, editing it, taking it back: points follow, and nothing is made or lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from guerdon import (
    Client,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RefusedError,
    UnavailableError,
    new_request_id,
    was_replayed,
)
from guerdon.recognition.v1 import add_ons_pb2 as add_ons
from guerdon.recognition.v1 import fairness_pb2 as fair
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon.recognition.v1 import reviews_pb2 as reviews
from tests.contract.recognition.world import Employer, World

Come = tuple[str, str, int, int, int]
"""Giver, receiver, and what was wanted, recovered and missing."""


async def test_an_add_on_gives_to_all_the_others_from_the_adders_allowance(employer: Employer) -> None:
    given = await employer.give("ann", ["ben", "cleo"], 10)
    added = await add(employer, given, "ben", 20)
    assert list(added.receivers) == [employer.person("cleo")]
    await add(employer, given, "dan", 30)
    await add(employer, given, "dan", 5, receivers=["ben"])
    assert [await employer.left(one) for one in ("ann", "ben", "dan")] == [180, 180, 135]
    assert [await employer.earned(one) for one in ("ben", "cleo")] == [45, 60]
    listed = (await employer.admin.add_ons.ListAddOns(add_ons.ListAddOnsRequest(parent=given.name))).add_ons
    assert [(one.giver, one.amount) for one in listed] == [
        (employer.person("ben"), 20),
        (employer.person("dan"), 30),
        (employer.person("dan"), 5),
    ]


async def test_the_same_add_on_is_given_once(employer: Employer) -> None:
    given = await employer.give("ann", ["ben"], 10)
    request = addition(employer, given, "dan", 30)
    at_once = await asyncio.gather(*(employer.admin.add_ons.CreateAddOn(request) for _ in range(4)))
    assert len({one.add_on.name for one in at_once}) == 1
    again = employer.admin.add_ons.CreateAddOn(request)
    assert (await again).add_on == at_once[0].add_on
    assert await was_replayed(again)
    assert (await employer.left("dan"), await employer.earned("ben")) == (170, 40)


async def test_an_add_on_is_for_receivers_never_for_oneself_and_all_or_nothing(employer: Employer) -> None:
    given = await employer.give("ann", ["ben", "cleo"], 10, private=True)
    with pytest.raises(NotFoundError):
        await add(employer, given, "dan", 5)  # who does not see it adds nothing
    with pytest.raises(RefusedError) as own:
        await add(employer, given, "ben", 5, receivers=["ben"])
    assert own.value.reason == "SELF_GIVING"
    with pytest.raises(InvalidRequestError) as other:
        await add(employer, given, "ben", 5, receivers=["cleo", "dan", "cleo"])
    assert [one.field for one in other.value.violations] == ["add_on.receivers[1]", "add_on.receivers[2]"]
    with pytest.raises(RefusedError) as much:
        await add(employer, given, "ann", 95)
    assert much.value.metadata == {"required": "190", "available": "180", "missing": "10"}
    assert [await employer.earned(one) for one in ("ben", "cleo")] == [10, 10]


async def test_what_is_deleted_returns_to_all_who_gave_and_is_seen_no_more(employer: Employer) -> None:
    given = await employer.give("ann", ["ben", "cleo"], 50)
    await add(employer, given, "dan", 20)
    assert await delete(employer, given) == [
        ("ann", "ben", 50, 50, 0),
        ("ann", "cleo", 50, 50, 0),
        ("dan", "ben", 20, 20, 0),
        ("dan", "cleo", 20, 20, 0),
    ]
    assert [await employer.left(one) for one in ("ann", "dan")] == [200, 200]
    assert [await employer.earned(one) for one in ("ben", "cleo")] == [0, 0]
    assert not (await employer.feed()).recognitions
    for again in (
        employer.admin.recognition.GetRecognition(recs.GetRecognitionRequest(name=given.name)),
        employer.admin.add_ons.CreateAddOn(addition(employer, given, "dan", 1)),
        employer.admin.recognition.DeleteRecognition(deletion(given)),
    ):
        with pytest.raises(NotFoundError):
            await again


@pytest.mark.parametrize(
    ("policy", "recovered"), [(recs.TAKING_POLICY_UNSPENT, 0), (recs.TAKING_POLICY_WITHIN_BALANCE, 30)]
)
async def test_who_has_spent_it_gives_back_by_policy_and_it_is_said(
    employer: Employer, policy: recs.TakingPolicy.ValueType, recovered: int
) -> None:
    given = await employer.give("ann", ["ben", "cleo"], 50)
    await employer.redeem("ben", 50)
    await employer.give("dan", ["ben"], 30)
    refusing = deletion(given, recs.TAKING_POLICY_REFUSE)
    with pytest.raises(RefusedError) as refusal:
        await employer.admin.recognition.DeleteRecognition(refusing)
    assert refusal.value.metadata == {"person": employer.person("ben"), "required": "50", "available": "30"}
    assert await delete(employer, given, policy) == [
        ("ann", "ben", 50, recovered, 50 - recovered),
        ("ann", "cleo", 50, 50, 0),
    ]
    assert await employer.left("ann") == 150 + recovered
    assert await employer.earned("ben") == 30 - recovered


async def test_refuse_takes_everything_where_everything_is_there(employer: Employer) -> None:
    given = await employer.give("ann", ["ben"], 50)
    request = deletion(given, recs.TAKING_POLICY_REFUSE)
    first = await employer.admin.recognition.DeleteRecognition(request)
    again = employer.admin.recognition.DeleteRecognition(request)
    assert await again == first  # though nothing is there to take any more
    assert await was_replayed(again)
    assert await employer.left("ann") == 200


async def test_of_two_deletions_at_once_one_takes_it_back(employer: Employer) -> None:
    given = await employer.give("ann", ["ben"], 50)
    outcomes = await asyncio.gather(
        *(employer.admin.recognition.DeleteRecognition(deletion(given)) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(outcome, NotFoundError) for outcome in outcomes) == 3
    assert (await employer.left("ann"), await employer.earned("ben")) == (200, 0)


async def test_an_add_on_is_in_before_the_deletion_and_taken_back_or_refused(employer: Employer) -> None:
    given = await employer.give("ann", ["ben"], 50)
    requests = [addition(employer, given, giver, 3) for giver in ("cleo", "dan") for _ in range(5)]
    adding = [employer.admin.add_ons.CreateAddOn(request) for request in requests]
    deleting = employer.admin.recognition.DeleteRecognition(deletion(given))
    outcomes = await asyncio.gather(*adding[:5], deleting, *adding[5:], return_exceptions=True)
    added = sum(hasattr(outcome, "add_on") for outcome in outcomes)
    assert sum(isinstance(outcome, NotFoundError) for outcome in outcomes) == len(requests) - added
    assert sum(one.recovered_amount for one in (await deleting).recoveries) == 50 + 3 * added
    assert [await employer.left(one) for one in ("ann", "cleo", "dan")] == [200] * 3
    assert await employer.earned("ben") == 0


async def test_one_deletes_and_edits_ones_own_or_as_an_admin(employer: Employer) -> None:
    public, private = await employer.give("ann", ["ben"], 5), await employer.give("ann", ["cleo"], 5, private=True)
    for person in ("ben", "cleo"):
        client = employer.own_client(person)
        with pytest.raises(PermissionDeniedError) as refusal:
            await client.recognition.DeleteRecognition(deletion(public))
        assert refusal.value.metadata == {"roles": "ADMIN"}
    with pytest.raises(NotFoundError):
        await employer.own_client("ben").recognition.DeleteRecognition(deletion(private))
    ann = employer.own_client("ann")
    await ann.recognition.DeleteRecognition(deletion(public))
    await edit(employer, private, "message", message="Thanks!", client=ann)
    assert await employer.left("ann") == 195


async def test_an_admin_edits_but_gives_nobody_more_of_anothers_allowance(employer: Employer) -> None:
    eve = employer.new_person("eve")
    eve.role = orgs.ROLE_ADMIN
    await employer.admin.organisations.CreatePerson(orgs.CreatePersonRequest(person=eve, request_id=new_request_id()))
    given, admin = await employer.give("ann", ["ben"], 10), employer.own_client("eve")
    for field, more in (("amount", {"amount": 11}), ("receivers", {"receivers": ["ben", "eve"]})):
        with pytest.raises(PermissionDeniedError) as refusal:
            await edit(employer, given, field, client=admin, **more)
        assert refusal.value.metadata == {"scope": "recognition.act_for"}
    edited, came = await edit(employer, given, "amount", "message", amount=4, message="Thanks", client=admin)
    assert (edited.amount, edited.message, came) == (4, "Thanks", [("ann", "ben", 6, 6, 0)])
    assert (await employer.left("ann"), await employer.earned("eve")) == (196, 0)


async def test_a_recognition_has_at_most_a_thousand_gifts_what_was_held_too(world: World) -> None:
    crowd, adders = [f"p{number}" for number in range(100)], [f"a{number}" for number in range(11)]
    employer = await world.employer(people=[*crowd, *adders])
    given = await employer.give(adders[0], crowd, 1)
    hold = fair.FairnessPolicy(mode=fair.FAIRNESS_MODE_HOLD, post_points=fair.PostPoints(limit=1))
    policies = fair.FairnessPolicies(organisation=employer.name, policies=[hold])
    await employer.admin.fairness.SetFairnessPolicies(
        fair.SetFairnessPoliciesRequest(fairness_policies=policies, request_id=new_request_id())
    )
    held = await employer.admin.add_ons.CreateAddOn(addition(employer, given, adders[0], 2, crowd[:1]))
    for adder in adders[1:10]:
        await add(employer, given, adder, 1)
    full = {"limit": "1000", "used": "1000"}
    with pytest.raises(RefusedError) as refusal:
        await add(employer, given, adders[10], 1, crowd[:1])
    assert refusal.value.metadata == full
    approval = reviews.ReviewRecognitionRequest(
        name=held.review, decision=reviews.REVIEW_STATE_APPROVED, request_id=new_request_id()
    )
    with pytest.raises(RefusedError) as refusal:
        await employer.admin.reviews.ReviewRecognition(approval)
    assert refusal.value.metadata == full


async def test_an_edit_changes_words_and_its_history_tells(employer: Employer) -> None:
    given = await employer.give("ann", ["ben"], 10)
    edited, came = await edit(
        employer, given, "message", "values", message="Thank you, Ben", values=["#care"], receivers=["dan"]
    )
    assert (edited.message, list(edited.values), list(edited.receivers)) == (
        "Thank you, Ben",
        ["#care"],
        [employer.person("ben")],
    )
    assert edited.HasField("edit_time")
    assert not came
    await edit(employer, given, "visibility", visibility=recs.VISIBILITY_PRIVATE)
    edits = (
        await employer.admin.recognition.ListRecognitionEdits(recs.ListRecognitionEditsRequest(parent=given.name))
    ).edits
    assert [list(one.changed_fields) for one in edits] == [["message", "values"], ["visibility"]]
    assert (edits[0].before.message, edits[0].after.message) == ("Thank you", "Thank you, Ben")
    assert _names((await employer.feed()).recognitions) == []


async def test_points_follow_an_edit(employer: Employer) -> None:
    given = await employer.give("ann", ["ben", "cleo"], 40)
    edited, came = await edit(employer, given, "receivers", "amount", receivers=["cleo", "dan"], amount=50)
    assert came == [("ann", "ben", 40, 40, 0)]
    assert (edited.amount, list(edited.receivers)) == (50, [employer.person("cleo"), employer.person("dan")])
    assert [await employer.earned(one) for one in ("ben", "cleo", "dan")] == [0, 50, 50]
    assert await employer.left("ann") == 100
    edited, came = await edit(employer, given, "amount", amount=5)
    assert came == [("ann", "cleo", 45, 45, 0), ("ann", "dan", 45, 45, 0)]
    assert (await employer.left("ann"), await employer.earned("cleo")) == (190, 5)
    assert await delete(employer, given) == [("ann", "cleo", 5, 5, 0), ("ann", "dan", 5, 5, 0)]
    assert (await employer.left("ann"), await employer.earned("dan")) == (200, 0)


@pytest.mark.parametrize(("policy", "taken"), [(recs.TAKING_POLICY_UNSPENT, 0), (recs.TAKING_POLICY_WITHIN_BALANCE, 5)])
async def test_who_has_spent_what_an_edit_wanted_back_has_it_still_when_another_gives_more(
    employer: Employer, policy: recs.TakingPolicy.ValueType, taken: int
) -> None:
    given = await employer.give("ann", ["ben"], 30)
    await employer.redeem("ben", 30)
    await employer.give("dan", ["ben"], 5)
    _, came = await edit(employer, given, "amount", amount=10, policy=policy)
    assert came == [("ann", "ben", 20, taken, 20 - taken)]
    _, came = await edit(employer, given, "amount", amount=25, policy=policy)
    assert came == ([] if taken else [("ann", "ben", 5, 0, 5)])
    assert (await employer.left("ann"), await employer.earned("ben")) == (170 + taken, 5 - taken)
    _, came = await edit(employer, given, "amount", amount=40)
    assert (await employer.left("ann"), came) == (160, [])
    assert await delete(employer, given) == [("ann", "ben", 40, 10 + taken, 30 - taken)]
    assert (await employer.left("ann"), await employer.earned("ben")) == (170 + taken, 5 - taken)


async def test_who_is_removed_having_spent_it_is_not_given_it_again_when_they_are_back(employer: Employer) -> None:
    given = await employer.give("ann", ["ben", "cleo"], 30)
    await employer.redeem("ben", 20)
    _, came = await edit(employer, given, "receivers", receivers=["cleo"])
    assert came == [("ann", "ben", 30, 10, 20)]
    await edit(employer, given, "receivers", "amount", receivers=["cleo", "ben"], amount=15)
    assert (await employer.left("ann"), await employer.earned("ben")) == (165, 0)
    await edit(employer, given, "amount", amount=25)
    assert (await employer.left("ann"), await employer.earned("ben")) == (150, 5)


async def test_who_is_removed_loses_what_others_added_for_them(employer: Employer) -> None:
    given = await employer.give("ann", ["ben", "cleo"], 10)
    await add(employer, given, "dan", 7)
    _, came = await edit(employer, given, "receivers", receivers=["cleo"])
    assert came == [("ann", "ben", 10, 10, 0), ("dan", "ben", 7, 7, 0)]
    assert [await employer.left(one) for one in ("ann", "dan")] == [190, 193]
    assert [await employer.earned(one) for one in ("ben", "cleo")] == [0, 17]
    assert _names((await employer.feed(person="ben")).recognitions) == []


async def test_an_edit_beyond_the_allowance_changes_nothing(employer: Employer) -> None:
    given = await employer.give("ann", ["ben"], 150)
    with pytest.raises(RefusedError) as refusal:
        await edit(employer, given, "receivers", "message", receivers=["cleo"], message="Better")
    assert refusal.value.metadata == {"required": "150", "available": "50", "missing": "100"}
    read = await employer.admin.recognition.GetRecognition(recs.GetRecognitionRequest(name=given.name))
    assert read.recognition == given
    assert [await employer.earned(one) for one in ("ben", "cleo")] == [150, 0]


async def test_after_the_edit_window_a_recognition_is_only_hidden(employer: Employer) -> None:
    given = await employer.give("ann", ["ben"], 10)
    settings = recs.RecognitionSettings(name=f"{employer.name}/recognitionSettings")
    settings.edit_window.FromSeconds(0)
    await employer.admin.recognition.UpdateRecognitionSettings(
        recs.UpdateRecognitionSettingsRequest(settings=settings, request_id=new_request_id())
    )
    with pytest.raises(RefusedError) as refusal:
        await edit(employer, given, "visibility", "amount", visibility=recs.VISIBILITY_PRIVATE, amount=20)
    assert refusal.value.reason == "EDIT_WINDOW_OVER"
    hidden, _ = await edit(employer, given, "visibility", visibility=recs.VISIBILITY_PRIVATE)
    assert hidden.visibility == recs.VISIBILITY_PRIVATE
    with pytest.raises(RefusedError):
        await edit(employer, given, "visibility", visibility=recs.VISIBILITY_PUBLIC)


async def test_a_hundred_gives_of_ten_at_once_on_two_hundred_are_twenty(employer: Employer) -> None:
    requests = [employer.thanks("ann", [("ben", "cleo", "dan")[number % 3]], 10) for number in range(100)]

    async def given(request: recs.CreateRecognitionRequest) -> recs.Recognition:
        while True:  # whose turn did not come within the deadline asks again for the same
            try:
                return (await employer.admin.recognition.CreateRecognition(request)).recognition
            except UnavailableError:
                continue

    outcomes = await asyncio.gather(*map(given, requests), return_exceptions=True)
    refusals = [outcome.reason for outcome in outcomes if isinstance(outcome, RefusedError)]
    assert refusals == ["INSUFFICIENT_ALLOWANCE"] * 80
    assert sum(isinstance(outcome, recs.Recognition) for outcome in outcomes) == 20
    assert await employer.left("ann") == 0
    assert sum([await employer.earned(one) for one in ("ben", "cleo", "dan")]) == 200


def addition(
    employer: Employer, onto: recs.Recognition, giver: str, amount: int, receivers: Iterable[str] = ()
) -> add_ons.CreateAddOnRequest:
    """A request to add on."""
    add_on = add_ons.AddOn(
        giver=employer.person(giver), receivers=[employer.person(one) for one in receivers], amount=amount
    )
    return add_ons.CreateAddOnRequest(parent=onto.name, add_on=add_on, request_id=new_request_id())


async def add(
    employer: Employer, onto: recs.Recognition, giver: str, amount: int, receivers: Iterable[str] = ()
) -> add_ons.AddOn:
    """Adds on."""
    return (await employer.admin.add_ons.CreateAddOn(addition(employer, onto, giver, amount, receivers))).add_on


def deletion(
    recognition: recs.Recognition, policy: recs.TakingPolicy.ValueType = recs.TAKING_POLICY_UNSPECIFIED
) -> recs.DeleteRecognitionRequest:
    """A request to delete."""
    return recs.DeleteRecognitionRequest(name=recognition.name, taking_policy=policy, request_id=new_request_id())


async def delete(
    employer: Employer,
    recognition: recs.Recognition,
    policy: recs.TakingPolicy.ValueType = recs.TAKING_POLICY_UNSPECIFIED,
) -> list[Come]:
    """Deletes, and answers what came back."""
    answer = await employer.admin.recognition.DeleteRecognition(deletion(recognition, policy))
    return _come(answer.recoveries)


async def edit(
    employer: Employer,
    recognition: recs.Recognition,
    *fields: str,
    message: str = "",
    values: Sequence[str] = (),
    receivers: Sequence[str] = (),
    amount: int = 0,
    visibility: recs.Visibility.ValueType = recs.VISIBILITY_UNSPECIFIED,
    policy: recs.TakingPolicy.ValueType = recs.TAKING_POLICY_UNSPECIFIED,
    client: Client | None = None,
) -> tuple[recs.Recognition, list[Come]]:
    """Edits these fields, and answers the recognition and what came back."""
    request = recs.UpdateRecognitionRequest(
        recognition=recs.Recognition(
            name=recognition.name,
            message=message,
            values=values,
            receivers=map(employer.person, receivers),
            amount=amount,
            visibility=visibility,
        ),
        taking_policy=policy,
        request_id=new_request_id(),
    )
    request.update_mask.paths.extend(fields)
    answer = await (client or employer.admin).recognition.UpdateRecognition(request)
    return answer.recognition, _come(answer.recoveries)


def _come(recoveries: Iterable[recs.Recovery]) -> list[Come]:
    return [
        (
            one.giver.rpartition("/")[2],
            one.receiver.rpartition("/")[2],
            one.amount,
            one.recovered_amount,
            one.missing_amount,
        )
        for one in recoveries
    ]


def _names(recognitions: Iterable[recs.Recognition]) -> list[str]:
    return [one.name for one in recognitions]
