"""Points that activity keeps, from the purchase to the lots in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import InvalidRequestError, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import purchase_pb2, rule_pb2, times_pb2
from guerdon_kit.testing import wait_until
from membership.domain.calendar import ExpiryPolicy
from tests.contract.ledger.world import findings
from tests.contract.membership import doings, friends, sent, test_rules
from tests.contract.membership.people import merge
from tests.contract.membership.world import Shop, World, row

SLIDING = times_pb2.ExpiryPolicy(kind=times_pb2.ExpiryPolicy.KIND_SLIDING, months=12)
NOW = datetime.now(UTC).replace(microsecond=0)


def ago(**span: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(NOW - timedelta(**span))
    return stamp


def year_after(stamp: Timestamp) -> datetime:
    """Twelve months later by the clock of the program's zone."""
    return ExpiryPolicy(12).expire_time(stamp.ToDatetime(tzinfo=UTC), "America/New_York")


async def expiries(shop: Shop, member_id: str) -> dict[datetime, int]:
    """What expires when, by the ledger."""
    request = ledger.GetBalanceRequest(name=f"{shop.program}/accounts/m-{member_id}", view=ledger.BALANCE_VIEW_FULL)
    found = (await shop.books.ledger.GetBalance(request)).balance.expiries
    return {one.expire_time.ToDatetime(tzinfo=UTC): one.amount for one in found}


async def have(shop: Shop, member_id: str, expected: dict[datetime, int]) -> None:
    """Waits until a member's points expire like that."""
    found: dict[datetime, int] = {}

    async def so() -> bool:
        found.clear()
        found.update(await expiries(shop, member_id))
        return found == expected

    try:
        await wait_until(so)
    except TimeoutError:
        assert found == expected


@pytest.fixture
async def shop(world: World) -> Shop:
    made = await world.shop(welcome_points=0, tiers=[], expiry_policy=SLIDING)
    await made.enroll("ada")
    return made


async def test_purchases_and_earning_activities_keep_all_points_and_nothing_else_does(shop: Shop, world: World) -> None:
    first, second, third = ago(days=300), ago(days=100), ago(days=2)
    await shop.buy("p1", "ada", 100_00, first)
    await have(shop, "ada", {year_after(first): 100})
    await shop.buy("p2", "ada", 50, second)  # it earns nothing, and is a visit all the same
    await have(shop, "ada", {year_after(second): 100})
    await shop.buy("late", "ada", 30_00, ago(days=200))
    await have(shop, "ada", {year_after(second): 130})
    await shop.bring_back("r1", "p1", 100_00)
    await have(shop, "ada", {year_after(second): 30})
    goodwill = ledger_res.Transaction(
        kind=ledger_res.TRANSACTION_KIND_EARN,
        postings=[
            ledger_res.Posting(
                source=f"{shop.program}/accounts/issuance.points",
                destination=f"{shop.program}/accounts/m-ada",
                amount=7,
            )
        ],
    )
    goodwill.postings[0].expire_time.FromDatetime(NOW + timedelta(days=5))
    await shop.books.ledger.PostTransaction(
        ledger.PostTransactionRequest(parent=shop.program, transaction=goodwill, request_id=new_request_id())
    )
    await have(shop, "ada", {year_after(second): 30, NOW + timedelta(days=5): 7})
    month = times_pb2.ExpiryPolicy(months=1)  # it would expire sooner, were it not activity itself
    await doings.make_type(shop, "review", 10, expiry_policy=month)
    await doings.record(shop, doings.activity(shop, "a1", "ada", "review", third))
    await have(shop, "ada", {year_after(third): 47})
    assert await findings(world.client(world.ledger)) == []


async def test_what_had_expired_before_the_next_activity_stays_expired_also_in_an_import(shop: Shop) -> None:
    old, kept, last = ago(days=900), ago(days=500), ago(days=200)
    rows = [row("last", "ada", 5_00, last), row("old", "ada", 1_00, old), row("kept", "ada", 2_00, kept)]
    [answer] = await shop.import_([shop.chunk(1, rows)])
    assert answer.base_points == 8
    await have(shop, "ada", {year_after(last): 7})
    assert (await shop.buy("old", "ada", 1_00, old)).purchase.state == purchase_pb2.Purchase.STATE_LAPSED


async def test_an_old_history_that_is_told_of_latest_first_keeps_what_it_keeps_in_one_chunk(shop: Shop) -> None:
    last = ago(days=100)
    rows = [row(f"p{days}", "ada", 10_00, ago(days=days)) for days in (700, 400)] + [row("p100", "ada", 10_00, last)]
    await shop.import_([shop.chunk(number, [one]) for number, one in enumerate(reversed(rows), start=1)])
    await shop.import_([shop.chunk(1, [row(f"ben-{one.purchase_id}", "ben", 10_00, one.event_time) for one in rows])])
    await have(shop, "ada", {year_after(last): 30})
    await have(shop, "ben", {year_after(last): 30})


async def test_points_of_two_who_are_one_are_kept_by_what_both_did(shop: Shop) -> None:
    first, second = ago(days=300), ago(days=20)
    await shop.enroll("ben")
    await shop.buy("p1", "ada", 10_00, first)
    await shop.buy("p2", "ben", 5_00, second)
    await merge(shop, "ada", "ben")
    await have(shop, "ben", {year_after(second): 15})


async def test_a_hold_on_the_merged_account_does_not_keep_the_survivors_own_points_from_being_extended(
    shop: Shop,
) -> None:
    first, second = ago(days=300), ago(days=20)
    await shop.import_([shop.chunk(1, [row("p1", "ben", 10_00, first), row("p2", "cid", 5_00, second)])])
    hold = ledger_res.Hold(account=f"{shop.program}/accounts/m-cid", amount=1)
    hold.expire_time.FromDatetime(NOW + timedelta(days=80))
    await shop.books.ledger.PlaceHold(
        ledger.PlaceHoldRequest(parent=shop.program, hold=hold, request_id=new_request_id())
    )
    assert (await merge(shop, "cid", "ben")).moving
    await have(shop, "ben", {year_after(second): 10 + 4})


async def test_bonuses_of_a_purchase_told_of_late_live_as_long_as_its_own_points(world: World) -> None:
    """For a count that is reached, for an offer that is completed, and for a referral of both sides."""
    shop = await world.shop(welcome_points=0, tiers=[], expiry_policy=SLIDING)
    await friends.set_terms(shop, minimum_spend=15_00)
    await shop.enroll("advocate")
    await friends.join(shop, "ada", await friends.code_of(shop, "advocate"))
    counted = rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=3)
    await test_rules.make(shop, "third", bonus_points=1_000, count=counted)
    await sent.make(shop, points=10_000)
    await sent.send(shop, "ada")
    first, early, late = (sent.stamp(sent.now() + timedelta(seconds=seconds)) for seconds in (2, 60, 240))
    for member_id in ("ada", "advocate"):
        for time in (first, late):
            await shop.buy(f"{member_id}-{time.seconds}", member_id, 1_00, time)
        await have(shop, member_id, {year_after(late): 2})
    await shop.buy("early", "ada", 20_00, early)
    await have(shop, "ada", {year_after(late): 2 + 20 + 25 + 1_000 + 10_000})
    await have(shop, "advocate", {year_after(late): 2 + 100})


async def test_a_sliding_expiry_is_a_programs_alone(shop: Shop, world: World) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await doings.make_type(shop, "review", 10, expiry_policy=SLIDING)
    assert [one.field for one in refused.value.violations] == ["activity_type.expiry_policy.kind"]
    no_months = times_pb2.ExpiryPolicy(kind=times_pb2.ExpiryPolicy.KIND_SLIDING)
    with pytest.raises(InvalidRequestError) as refused:
        await world.shop(expiry_policy=no_months)
    assert [one.field for one in refused.value.violations] == ["program.expiry_policy.months"]


async def test_reminders_and_waits_have_bounds_and_are_told_as_they_were_set(world: World) -> None:
    for wrong in ({"expiry_reminder_days": [7, 7]}, {"expiry_reminder_days": [0]}, {"return_wait_days": -1}):
        with pytest.raises(InvalidRequestError) as refused:
            await world.shop(**wrong)
        assert [one.field for one in refused.value.violations] == [f"program.{next(iter(wrong))}"]
    made = await world.shop(expiry_reminder_days=[30, 7])
    found = (await made.membership.membership.GetProgram(pb.GetProgramRequest(name=made.program))).program
    assert (list(found.expiry_reminder_days), found.return_wait_days) == ([30, 7], 30)
