"""Two enrolments of one person become one membership."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.membership.v1 import member_pb2, profile_pb2, times_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon_kit.testing import wait_until
from tests.contract.ledger.world import findings
from tests.contract.membership.people import ADA, close, enroll, erase, find, get, merge, name, profile_of, update
from tests.contract.membership.world import Shop, World, row, when


async def two(shop: Shop) -> None:
    """Two members who are one person."""
    await enroll(shop, "old", profile_pb2.Profile(cards=["OLD-1"], email="old@example.com", display_name="Ada O."))
    await enroll(shop, "new", profile_pb2.Profile(cards=["NEW-1"], email="new@example.com"))


async def wait_for(shop: Shop, member_id: str, posted: int) -> None:
    """Until a member has so many points."""

    async def arrived() -> bool:
        return (await shop.balance(member_id)).posted == posted

    await wait_until(arrived)


async def test_points_tier_credit_contacts_and_history_follow_and_a_double_welcome_is_taken_back_once(
    shop: Shop, world: World
) -> None:
    await two(shop)
    await shop.buy("p1", "old", 80_00)
    await shop.buy("p2", "new", 30_00)
    assert (await get(shop, "new")).tier_id == ""
    merged = await merge(shop, "old", "new", "merge-1")
    assert not merged.moving
    assert (merged.member.name, merged.member.tier_id) == (name(shop, "new"), "silver")
    again = merge(shop, "old", "new", "merge-1")
    assert (await again) == merged
    assert await was_replayed(again)
    assert (await merge(shop, "old", "new")) == merged
    assert ((await shop.balance("old")).posted, (await shop.balance("new")).posted) == (0, 50 + 80 + 30)
    assert await get(shop, "old") == merged.member
    assert (await shop.progress("old")).progress.counted == 110
    for contact in ({"card": "OLD-1"}, {"card": "NEW-1"}, {"email": "new@example.com"}):
        assert await find(shop, **contact) == "new"
    assert (await profile_of(shop, "old")).display_name == "Ada O."
    listed = await shop.membership.membership.ListMembers(pb.ListMembersRequest(parent=shop.program))
    assert [one.name for one in listed.members] == [name(shop, "new")]
    totals = await shop.totals()
    assert (totals.member_count, [tier.member_count for tier in totals.tiers]) == (1, [1, 0])
    assert await findings(world.client(world.ledger)) == []


async def test_the_old_id_keeps_answering_as_the_survivor(shop: Shop) -> None:
    await two(shop)
    await merge(shop, "old", "new")
    bought = (await shop.buy("p1", "old", 10_00)).purchase
    assert bought.member == name(shop, "new")
    assert (await shop.buy("p1", "old", 10_00)).already_recorded
    assert (await shop.buy("p1", "new", 10_00)).already_recorded
    [answer] = await shop.import_(
        [shop.chunk(1, [row("p1", "old", 10_00, when(2026, 1, 5, 12)), row("p2", "old", 5_00), row("p3", "ben", 5_00)])]
    )
    assert (answer.recorded_count, answer.already_recorded_count, answer.enrolled_count) == (2, 1, 1)
    assert (await shop.balance("new")).posted == 50 + 10 + 5
    assert (await shop.enroll("old")).member.name == name(shop, "new")
    await update(shop, "old", display_name="Ada N.")
    assert (await profile_of(shop, "new")).display_name == "Ada N."
    await enroll(shop, "third", profile_pb2.Profile())
    await merge(shop, "new", "third")
    assert await find(shop, card="OLD-1") == "third"
    assert (await get(shop, "old")).name == name(shop, "third")
    assert (await shop.balance("third")).posted == 50 + 15


async def test_a_return_of_what_the_old_one_bought_is_owed_by_the_survivor(shop: Shop, world: World) -> None:
    await two(shop)
    await shop.buy("p1", "old", 40_00)
    await merge(shop, "old", "new")
    await shop.spend("new", 85)
    assert (await shop.bring_back("r1", "p1", 20_00)).goods_return.points == 20
    await wait_for(shop, "new", -15)
    assert (await shop.balance("old")).debt == 0
    assert (await shop.progress("new")).progress.counted == 20
    assert await findings(world.client(world.ledger)) == []


async def test_pending_points_debts_and_holds_follow(shop: Shop) -> None:
    await two(shop)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    posting = ledger_res.Posting(
        source=f"{shop.program}/accounts/issuance.points", destination=f"{shop.program}/accounts/m-old", amount=30
    )
    posting.available_time.FromDatetime(tomorrow)
    earn = ledger_res.Transaction(kind=ledger_res.TRANSACTION_KIND_EARN, postings=[posting])
    await shop.books.ledger.PostTransaction(
        ledger.PostTransactionRequest(parent=shop.program, transaction=earn, request_id=new_request_id())
    )
    await shop.buy("p1", "old", 20_00)
    hold = ledger_res.Hold(account=f"{shop.program}/accounts/m-old", amount=8)
    hold.expire_time.FromDatetime(tomorrow)
    held = await shop.books.ledger.PlaceHold(
        ledger.PlaceHoldRequest(parent=shop.program, hold=hold, request_id=new_request_id())
    )
    assert (await merge(shop, "old", "new", "merge-1")).moving
    old, new = await shop.balance("old"), await shop.balance("new")
    assert (old.posted, old.held, new.available, new.pending) == (8, 8, 50 + 12, 30)
    with pytest.raises(RefusedError) as refused:
        await close(shop, "new")
    assert refused.value.reason == "MEMBER_CHANGING"
    await shop.books.ledger.ReleaseHold(ledger.ReleaseHoldRequest(name=held.hold.name, request_id=new_request_id()))
    assert not (await merge(shop, "old", "new", "merge-1")).moving
    assert (await shop.balance("new")).available == 50 + 20


async def test_lots_of_more_than_a_hundred_expiries_follow_in_several_steps(world: World) -> None:
    shop = await world.shop(welcome_points=0, expiry_policy=times_pb2.ExpiryPolicy(months=12))
    await two(shop)
    now = datetime.now(UTC)
    times = [when(*(now - timedelta(days=1, minutes=number)).timetuple()[:6]) for number in range(250)]
    await shop.import_([shop.chunk(1, [row(f"p{n}", "old", 1_00, time) for n, time in enumerate(times)])])
    expiries = (await expiring(shop, "old"))[:20]
    await merge(shop, "old", "new", "merge-1")
    await wait_for(shop, "new", (await shop.totals()).base_points + (await shop.totals()).tier_points)
    assert (await expiring(shop, "new"))[:20] == expiries


async def test_credits_of_others_that_the_ledger_refuses_keep_nobody_moving(shop: Shop) -> None:
    await shop.take_account("zed")
    await shop.import_([shop.chunk(1, [row("p1", "zed", 10_00), row("p2", "old", 20_00)])])
    await shop.enroll("new")
    assert not (await merge(shop, "old", "new")).moving
    assert ((await shop.balance("old")).posted, (await shop.balance("new")).posted) == (0, 50 + 20)


async def expiring(shop: Shop, member_id: str) -> list[Any]:
    """What expires when."""
    request = ledger.GetBalanceRequest(name=f"{shop.program}/accounts/m-{member_id}", view=ledger.BALANCE_VIEW_FULL)
    return list((await shop.books.ledger.GetBalance(request)).balance.expiries)


async def test_who_has_ended_is_unknown_or_is_the_same_is_not_merged(shop: Shop) -> None:
    await two(shop)
    await shop.enroll("gone")
    await erase(shop, "gone")
    for one, other, reason in (
        ("old", "gone", "MEMBER_ERASED"),
        ("gone", "new", "MEMBER_ERASED"),
        ("old", "old", "INVALID_FIELD"),
    ):
        with pytest.raises(GuerdonError) as refused:
            await merge(shop, one, other)
        assert refused.value.reason == reason
    with pytest.raises(NotFoundError):
        await merge(shop, "old", "nobody")
    await update(shop, "old", cards=None, email=None)
    await update(shop, "new", cards=None)
    await merge(shop, "old", "new")
    await shop.enroll("third")
    with pytest.raises(RefusedError) as refused:
        await merge(shop, "old", "third")
    assert refused.value.reason == "MEMBER_MERGED"
    with pytest.raises(InvalidRequestError) as invalid:
        await merge(shop, "new", "old")
    assert invalid.value.violations[0].field == "into"


async def test_an_erased_survivor_leaves_nothing_of_either_one(shop: Shop) -> None:
    await enroll(shop, "old", ADA, "enrol-1")
    await shop.enroll("new")
    await merge(shop, "old", "new")
    assert not (await erase(shop, "old")).texts_pending
    assert (await get(shop, "old")).state == member_pb2.Member.STATE_ERASED
    assert await profile_of(shop, "new") == profile_pb2.Profile()
    for member_id in ("old", "new"):
        assert {memo for _, memo in await shop.statement(member_id)} == {""}
    await enroll(shop, "ada", ADA)
