"""Transfers between members: what is answered, what the receiver has of it, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from guerdon import new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    BUDGET,
    DENIED,
    EARN,
    GRANT,
    INVALID,
    MERGE,
    PRECONDITION,
    TRANSFER,
    Shop,
    World,
    findings,
    refused,
    stamp,
    time_of,
)


def ahead(**span: float) -> datetime:
    return (datetime.now(UTC) + timedelta(**span)).replace(microsecond=0)


async def expiries(shop: Shop, id_: str) -> list[tuple[datetime, int]]:
    found = (await shop.balance(id_, full=True)).expiries
    return [(time_of(bucket.expire_time), bucket.amount) for bucket in found]


async def test_a_transfer_moves_points_with_their_expiry(shop: Shop, world: World) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.add("budget.points", BUDGET)
    soon, later = ahead(days=1), ahead(days=2)
    await shop.earn("ada", 10, expire_time=later)
    await shop.post(GRANT, shop.posting("budget.points", "ada", 10, expire_time=soon))
    await shop.earn("ada", 10)
    request = shop.request(TRANSFER, shop.posting("ada", "ben", 15), memo="For the family")
    answer = await shop.ledger.PostTransaction(request)
    ada, ben = answer.balances
    assert (ada.posted, ada.lifetime_spent, ben.posted, ben.lifetime_earned) == (15, 0, 15, 0)
    assert time_of(ben.valid_until) == soon
    assert await expiries(shop, "ben") == [(soon, 10), (later, 5)]
    assert await expiries(shop, "ada") == [(later, 5)]
    again = shop.ledger.PostTransaction(request)
    assert await again == answer
    assert await was_replayed(again)
    [line] = await shop.entries("ben")
    assert (line.kind, line.amount, line.counterparty) == (TRANSFER, 15, shop.account("ada"))
    undone = await shop.reverse(answer.transaction)
    assert undone.reversed_amount == 15
    assert await expiries(shop, "ada") == [(soon, 10), (later, 10)]
    assert await expiries(shop, "ben") == []
    assert await findings(world.client()) == []


async def test_only_available_points_can_be_transferred(shop: Shop) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 10)
    await shop.earn("ada", 10, available_time=ahead(days=1))
    await shop.hold("ada", 4, ahead(days=1))
    async with refused(PRECONDITION, "INSUFFICIENT_POINTS", required=7, available=6, missing=1):
        await shop.post(TRANSFER, shop.posting("ada", "ben", 7))
    await shop.post(TRANSFER, shop.posting("ada", "ben", 6))


@pytest.mark.parametrize("field", ["expire_time", "available_time"])
async def test_a_transfer_has_no_times_of_its_own(shop: Shop, field: str) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 10)
    posting = shop.posting("ada", "ben", 1)
    getattr(posting, field).CopyFrom(stamp(ahead(days=1)))
    async with refused(INVALID, "INVALID_FIELD", violated=["transaction.postings[0]"]):
        await shop.post(TRANSFER, posting)


async def test_a_transfer_to_oneself_across_units_or_across_programs_is_refused(shop: Shop, world: World) -> None:
    other = await world.shop()
    await other.add_many(["eve", "eva"])
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 10)
    unit = res.Unit(name=f"{shop.name}/units/miles")
    await shop.ledger.CreateUnit(pb.CreateUnitRequest(unit=unit, request_id=new_request_id()))
    await shop.add("cal", unit="miles")
    for destination in (shop.account("ada"), shop.account("cal"), other.account("eve")):
        posting = res.Posting(source=shop.account("ada"), destination=destination, amount=1)
        async with refused(INVALID, "INVALID_FIELD", violated=["transaction.postings[0].destination"]):
            await shop.post(TRANSFER, posting)
    async with refused(DENIED, "SPANS_PROGRAMS"):
        await shop.post(TRANSFER, shop.posting("ada", "ben", 1), other.posting("eve", "eva", 1))
    assert (await shop.balance("ada")).version == 1


async def test_points_of_too_many_expiries_are_refused_with_what_one_posting_can_move(shop: Shop) -> None:
    await shop.add_many(["ada", "ben"])
    times = [ahead(days=1, minutes=n) for n in range(102)]
    for half in (times[:51], times[51:]):
        await shop.post(EARN, *[shop.posting("issuance.points", "ada", 2, expire_time=time) for time in half])
    async with refused(PRECONDITION, "TOO_MANY_LOTS", lots_max=100, movable=200, requested=201):
        await shop.post(TRANSFER, shop.posting("ada", "ben", 201))
    await shop.post(TRANSFER, shop.posting("ada", "ben", 200), shop.posting("ada", "ben", 4))
    assert (await shop.balance("ben")).posted == 204


async def test_two_accounts_become_one_with_what_is_pending_and_what_is_owed(shop: Shop, world: World) -> None:
    await shop.add_many(["old", "new"])
    tomorrow, later = ahead(days=1), ahead(days=2)
    taken = await shop.earn("old", 10)
    await shop.spend("old", 10)
    await shop.reverse(taken, policy=pb.CLAWBACK_POLICY_ALLOW_NEGATIVE)
    await shop.earn("old", 20, available_time=tomorrow, expire_time=later)
    await shop.earn("new", 4)
    await shop.post(MERGE, shop.posting("new", "old", 10))
    waiting = shop.posting("old", "new", 20)
    waiting.pending = True
    merged = (await shop.post(MERGE, waiting)).transaction
    old, new = await shop.balance("old"), await shop.balance("new", full=True)
    assert (old.posted, old.debt, old.pending) == (0, 0, 0)
    assert (new.posted, new.debt, new.pending, new.available) == (14, 6, 20, -6)
    assert await expiries(shop, "new") == [(later, 20)]
    async with refused(PRECONDITION, "NOT_REVERSIBLE", kind="MERGE"):
        await shop.reverse(merged)
    waiting.expire_time.CopyFrom(stamp(later))
    async with refused(INVALID, "INVALID_FIELD", violated=["transaction.postings[0]"]):
        await shop.post(MERGE, waiting)
    assert await findings(world.client()) == []
