"""Fairness policies, through the whole way of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from google.protobuf.duration_pb2 import Duration

from guerdon import InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.recognition.v1 import fairness_pb2 as fair
from guerdon.type.v1.rational_pb2 import Rational
from tests.contract.recognition.test_changes import add, delete, edit
from tests.contract.recognition.world import Employer

WARN, BLOCK, MONTH = fair.FAIRNESS_MODE_WARN, fair.FAIRNESS_MODE_BLOCK, fair.FAIRNESS_PERIOD_MONTH


def pair_points(limit: int, mode: fair.FairnessMode.ValueType = BLOCK) -> fair.FairnessPolicy:
    return fair.FairnessPolicy(mode=mode, pair_points=fair.PairPoints(limit=limit, period=MONTH))


def one_of_each(mode: fair.FairnessMode.ValueType) -> list[fair.FairnessPolicy]:
    return [
        pair_points(100, mode),
        fair.FairnessPolicy(mode=mode, pair_posts=fair.PairPosts(limit=2, period=MONTH)),
        fair.FairnessPolicy(mode=mode, post_points=fair.PostPoints(limit=40)),
        fair.FairnessPolicy(
            mode=mode,
            reciprocity=fair.Reciprocity(limit=Rational(numerator=1, denominator=2), from_amount=10, period=MONTH),
        ),
        fair.FairnessPolicy(mode=mode, allowance_share=fair.AllowanceShare(limit=Rational(numerator=1, denominator=4))),
        fair.FairnessPolicy(
            mode=mode, repeated_text=fair.RepeatedText(within=Duration(seconds=86_400), same_receiver=True)
        ),
    ]


async def set_policies(
    employer: Employer, *policies: fair.FairnessPolicy, review_days: int = 0
) -> fair.FairnessPolicies:
    request = fair.SetFairnessPoliciesRequest(
        fairness_policies=fair.FairnessPolicies(organisation=employer.name, policies=policies, review_days=review_days),
        request_id=new_request_id(),
    )
    return (await employer.admin.fairness.SetFairnessPolicies(request)).fairness_policies


async def give(
    employer: Employer, giver: str, receivers: Sequence[str], amount: int, message: str
) -> list[fair.FairnessFinding]:
    """Gives, and answers the warnings."""
    request = employer.thanks(giver, receivers, amount, message=message)
    return list((await employer.admin.recognition.CreateRecognition(request)).findings)


async def refused(employer: Employer, giver: str, receivers: Sequence[str], amount: int, message: str) -> RefusedError:
    with pytest.raises(RefusedError) as refusal:
        await give(employer, giver, receivers, amount, message)
    return refusal.value


async def test_policies_are_kept_as_they_were_set(employer: Employer) -> None:
    read = fair.GetFairnessPoliciesRequest(parent=employer.name)
    empty = (await employer.admin.fairness.GetFairnessPolicies(read)).fairness_policies
    assert (empty.organisation, list(empty.policies), empty.version) == (employer.name, [], 0)
    assert empty.review_days == 14
    wanted = [*one_of_each(WARN), *one_of_each(BLOCK)]
    request = fair.SetFairnessPoliciesRequest(
        fairness_policies=fair.FairnessPolicies(organisation=employer.name, policies=wanted), request_id="set-once"
    )
    kept = (await employer.admin.fairness.SetFairnessPolicies(request)).fairness_policies
    assert list(kept.policies) == wanted
    assert (kept.version, bool(kept.actor)) == (1, True)
    again = employer.admin.fairness.SetFairnessPolicies(request)
    assert (await again).fairness_policies == kept
    assert await was_replayed(again)
    assert kept.review_days == 14
    assert (await set_policies(employer, review_days=3)).version == 2
    now = (await employer.admin.fairness.GetFairnessPolicies(read)).fairness_policies
    assert (list(now.policies), now.version, now.review_days) == ([], 2, 3), "all are set together"


async def test_policies_out_of_their_bounds_change_nothing(employer: Employer) -> None:
    for policy, field in [
        (fair.FairnessPolicy(mode=BLOCK), "rule"),
        (fair.FairnessPolicy(pair_posts=fair.PairPosts(limit=1, period=MONTH)), "mode"),
        (fair.FairnessPolicy(mode=BLOCK, pair_points=fair.PairPoints(limit=1)), "pair_points.period"),
        (pair_points(0), "pair_points.limit"),
        (
            fair.FairnessPolicy(mode=BLOCK, allowance_share=fair.AllowanceShare(limit=Rational(numerator=1))),
            "allowance_share.limit.denominator",
        ),
    ]:
        with pytest.raises(InvalidRequestError) as refusal:
            await set_policies(employer, policy)
        fields = [violation.field for violation in refusal.value.violations]
        assert fields == [f"fairness_policies.policies[0].{field}"]
    with pytest.raises(InvalidRequestError) as refusal:
        await set_policies(employer, review_days=91)
    assert [violation.field for violation in refusal.value.violations] == ["fairness_policies.review_days"]
    with pytest.raises(NotFoundError):
        await employer.admin.fairness.GetFairnessPolicies(
            fair.GetFairnessPoliciesRequest(parent="organisations/nowhere")
        )


async def test_a_pair_cap_of_15_a_month_and_10_a_post(employer: Employer) -> None:
    # Oracle: a per-pair cap of 15 a month, 10 a post; gives of 10, 10: 10, then at most 5.
    post = fair.FairnessPolicy(mode=BLOCK, post_points=fair.PostPoints(limit=10))
    await set_policies(employer, pair_points(15), post)
    assert await give(employer, "ann", ["ben"], 10, "one") == []
    refusal = await refused(employer, "ann", ["ben"], 10, "two")
    assert (refusal.reason, refusal.metadata) == (
        "FAIRNESS_PAIR_POINTS",
        {"receiver": employer.person("ben"), "limit": "15", "used": "10", "requested": "10", "room": "5"},
    )
    assert (await refused(employer, "ann", ["cleo"], 11, "much")).reason == "FAIRNESS_POST_POINTS"
    assert (await refused(employer, "ann", ["cleo", "ben"], 6, "both")).metadata["receiver"] == employer.person("ben")
    await give(employer, "ann", ["ben"], 5, "three")
    assert await employer.left("ann") == 185, "what was refused has moved nothing"


async def test_each_policy_refuses_with_its_reason_and_numbers(employer: Employer) -> None:
    await give(employer, "ann", ["ben"], 20, "First")
    await give(employer, "ann", ["ben"], 20, "Second")
    await give(employer, "ben", ["dan"], 1, "Well done!")
    for policy, act, expected in [
        (0, ("ann", ["ben"], 61, "x"), ("FAIRNESS_PAIR_POINTS", "100", "40", "60")),
        (1, ("ann", ["ben"], 1, "x"), ("FAIRNESS_PAIR_POSTS", "2", "3", "0")),
        (2, ("ann", ["dan"], 41, "x"), ("FAIRNESS_POST_POINTS", "40", "0", "40")),
        (3, ("ben", ["ann"], 52, "x"), ("FAIRNESS_RECIPROCITY", "51", "0", "51")),
        (4, ("ann", ["ben"], 11, "x"), ("FAIRNESS_ALLOWANCE_SHARE", "50", "102", "0")),
        (5, ("ben", ["cleo", "dan"], 1, "well DONE"), ("FAIRNESS_REPEATED_TEXT", "0", "1", "0")),
    ]:
        await set_policies(employer, one_of_each(BLOCK)[policy])
        refusal = await refused(employer, *act)
        numbers = (refusal.metadata["limit"], refusal.metadata["used"], refusal.metadata["room"])
        assert (refusal.reason, *numbers) == expected
        await set_policies(employer, one_of_each(WARN)[policy])
        [warning] = await give(employer, *act)
        assert (warning.reason, str(warning.limit), str(warning.used), str(warning.room)) == expected
        assert warning.mode == WARN
        await set_policies(employer, one_of_each(BLOCK)[policy])
        assert (await refused(employer, *act)).reason == expected[0], "what was warned of counts"


async def test_words_are_not_repeated_by_an_edit_and_those_taken_back_may_be_said_again(employer: Employer) -> None:
    await set_policies(employer, one_of_each(BLOCK)[5])
    thanks = [employer.thanks("ann", ["ben"], 1, message=message) for message in ("Well done", "Something else")]
    first, second = [(await employer.admin.recognition.CreateRecognition(one)).recognition for one in thanks]
    for fields in (["message"], ["message", "amount"]):
        with pytest.raises(RefusedError) as refusal:
            await edit(employer, second, *fields, message="WELL done!", amount=2)
        assert (refusal.value.reason, refusal.value.metadata["used"]) == ("FAIRNESS_REPEATED_TEXT", "1")
    await edit(employer, first, "message", message="Well done!")
    await edit(employer, second, "receivers", receivers=["ben", "cleo"])
    await delete(employer, first)
    edited, _ = await edit(employer, second, "message", message="Well done")
    assert edited.message == "Well done"
    assert (await refused(employer, "ann", ["cleo"], 1, "Well done")).reason == "FAIRNESS_REPEATED_TEXT"


async def test_a_warning_is_answered_again_with_the_request(employer: Employer) -> None:
    await set_policies(employer, pair_points(5, WARN))
    request = employer.thanks("ann", ["ben"], 10)
    first = await employer.admin.recognition.CreateRecognition(request)
    await set_policies(employer)
    assert await employer.admin.recognition.CreateRecognition(request) == first
    assert [warning.reason for warning in first.findings] == ["FAIRNESS_PAIR_POINTS"]


async def test_what_the_ledger_refused_leaves_its_room(employer: Employer) -> None:
    await set_policies(employer, pair_points(250))
    assert (await refused(employer, "ann", ["ben"], 201, "too much")).reason == "INSUFFICIENT_ALLOWANCE"
    await give(employer, "ann", ["ben"], 200, "all")


async def test_of_twenty_gives_at_once_under_a_cap_one_passes(employer: Employer) -> None:
    await set_policies(employer, pair_points(15))
    requests = [employer.thanks("ann", ["ben"], 10, message=f"Thanks {number}") for number in range(20)]
    outcomes = await asyncio.gather(
        *(employer.admin.recognition.CreateRecognition(request) for request in requests), return_exceptions=True
    )
    refusals = [outcome for outcome in outcomes if isinstance(outcome, RefusedError)]
    assert [refusal.reason for refusal in refusals] == ["FAIRNESS_PAIR_POINTS"] * 19
    assert await employer.earned("ben") == 10


async def test_of_two_who_give_each_other_at_once_one_passes(employer: Employer) -> None:
    await set_policies(employer, one_of_each(BLOCK)[3])
    for giver, receiver in [("ann", "ben"), ("cleo", "dan")]:
        there, back = employer.thanks(giver, [receiver], 10), employer.thanks(receiver, [giver], 10)
        outcomes = await asyncio.gather(
            *(employer.admin.recognition.CreateRecognition(request) for request in (there, back)),
            return_exceptions=True,
        )
        refusals = [outcome for outcome in outcomes if isinstance(outcome, RefusedError)]
        assert [refusal.reason for refusal in refusals] == ["FAIRNESS_RECIPROCITY"]


async def test_add_ons_and_edits_count_and_what_is_taken_back_frees_its_room(employer: Employer) -> None:
    await set_policies(employer, pair_points(15))
    mine = (await employer.admin.recognition.CreateRecognition(employer.thanks("ann", ["ben"], 6))).recognition
    other = (await employer.admin.recognition.CreateRecognition(employer.thanks("cleo", ["ben"], 1))).recognition
    await add(employer, other, "ann", 6)
    assert (await refused(employer, "ann", ["ben"], 4, "x")).metadata["used"] == "12"
    with pytest.raises(RefusedError) as refusal:
        await edit(employer, mine, "amount", amount=10)
    assert (refusal.value.reason, refusal.value.metadata["room"]) == ("FAIRNESS_PAIR_POINTS", "3")
    await edit(employer, mine, "amount", amount=9)
    assert (await refused(employer, "ann", ["ben"], 1, "x")).metadata["used"] == "15"
    await delete(employer, mine)
    assert await give(employer, "ann", ["ben"], 9, "x") == []
    assert (await refused(employer, "ann", ["ben"], 1, "x")).metadata["used"] == "15"


async def test_gives_and_add_ons_at_once_stay_under_a_cap_together(employer: Employer) -> None:
    other = (await employer.admin.recognition.CreateRecognition(employer.thanks("cleo", ["ben"], 1))).recognition
    await set_policies(employer, pair_points(15))
    outcomes = await asyncio.gather(
        *(add(employer, other, "ann", 5) for _ in range(8)),
        *(employer.admin.recognition.CreateRecognition(employer.thanks("ann", ["ben"], 5)) for _ in range(8)),
        return_exceptions=True,
    )
    refusals = [outcome for outcome in outcomes if isinstance(outcome, RefusedError)]
    assert [refusal.reason for refusal in refusals] == ["FAIRNESS_PAIR_POINTS"] * 13
    assert await employer.earned("ben") == 16
