"""UpdateLots: expiry moved, pending points activated or cancelled, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from guerdon import new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    DENIED,
    EARN,
    INVALID,
    NOT_FOUND,
    PRECONDITION,
    RECOGNITION,
    SPEND,
    Shop,
    World,
    findings,
    refused,
    stamp,
    time_of,
)

ACTIVATE = {"activate": pb.ActivateLots()}
CANCEL = {"cancel": pb.CancelLots()}


def ahead(**span: float) -> datetime:
    return (datetime.now(UTC) + timedelta(**span)).replace(microsecond=0)


def move(to: datetime | None, *, only_extend: bool = False) -> dict[str, Any]:
    expire_time = None if to is None else stamp(to)
    return {"move_expiry": pb.MoveExpiry(expire_time=expire_time, only_extend=only_extend)}


def request(shop: Shop, member: str, *transactions: str, **change: Any) -> pb.UpdateLotsRequest:
    fields = {"request_id": new_request_id(), **change}
    return pb.UpdateLotsRequest(account=shop.account(member), transactions=transactions, **fields)


async def update(shop: Shop, member: str, *transactions: str, **change: Any) -> pb.UpdateLotsResponse:
    answer: pb.UpdateLotsResponse = await shop.ledger.UpdateLots(request(shop, member, *transactions, **change))
    return answer


async def expiries(shop: Shop, id_: str) -> list[tuple[datetime, int]]:
    found = (await shop.balance(id_, full=True)).expiries
    return [(time_of(bucket.expire_time), bucket.amount) for bucket in found]


async def pending(shop: Shop, member: str, amount: int, source: str = "issuance.points", kind: int = EARN) -> str:
    posting = shop.posting(source, member, amount)
    posting.pending = True
    return (await shop.post(kind, posting)).transaction


async def test_an_activity_extends_all_points_that_would_expire_before(shop: Shop, world: World) -> None:
    await shop.add("ada")
    soon, year, later = ahead(days=1), ahead(days=365), ahead(days=700)
    await shop.earn("ada", 10, expire_time=soon)
    await shop.earn("ada", 10, expire_time=later)
    await shop.earn("ada", 10)
    await shop.hold("ada", 4, ahead(hours=1))
    asked = request(shop, "ada", **move(year, only_extend=True))
    answer = await shop.ledger.UpdateLots(asked)
    [balance] = answer.balances
    assert (answer.amount, balance.version, balance.available, balance.held) == (10, 5, 26, 4)
    assert await expiries(shop, "ada") == [(year, 10), (later, 10)]
    assert await shop.balance("ada") == balance
    again = shop.ledger.UpdateLots(asked)
    assert await again == answer
    assert await was_replayed(again)
    assert (await update(shop, "ada", **move(year, only_extend=True))).amount == 0
    assert (await shop.balance("ada")).version == 5
    assert await findings(world.client()) == []


async def test_the_points_of_one_transaction_can_be_moved_earlier_or_for_ever(shop: Shop, world: World) -> None:
    await shop.add_many(["ada", "ben"])
    later, soon = ahead(days=30), ahead(days=1)
    one = await shop.earn("ada", 10, expire_time=later)
    other = await shop.earn("ada", 20, expire_time=later)
    assert (await update(shop, "ada", one, **move(soon))).amount == 10
    assert time_of((await shop.balance("ada")).valid_until) == soon
    assert (await update(shop, "ada", other, **move(None))).amount == 20
    assert await expiries(shop, "ada") == [(soon, 10)]
    moved = (await shop.post(res.TRANSACTION_KIND_TRANSFER, shop.posting("ada", "ben", 15))).transaction
    assert (await update(shop, "ben", moved, **move(later))).amount == 15
    assert await expiries(shop, "ben") == [(later, 15)]
    assert await findings(world.client()) == []


async def test_points_wait_until_they_are_activated(shop: Shop, world: World) -> None:
    await shop.add("ada")
    order = await pending(shop, "ada", 10)
    await pending(shop, "ada", 5)
    balance = await shop.balance("ada")
    assert (balance.posted, balance.pending, balance.available) == (15, 15, 0)
    assert not balance.HasField("valid_until")
    async with refused(PRECONDITION, "INSUFFICIENT_POINTS", available=0):
        await shop.spend("ada", 1)
    asked = request(shop, "ada", order, **ACTIVATE)
    answer = await shop.ledger.UpdateLots(asked)
    assert (answer.amount, answer.balances[0].available, answer.balances[0].pending) == (10, 10, 5)
    await shop.spend("ada", 10)
    assert (await shop.ledger.UpdateLots(asked)) == answer
    assert (await update(shop, "ada", **ACTIVATE)).amount == 5
    assert (await update(shop, "ada", **ACTIVATE)).amount == 0
    assert await findings(world.client()) == []


async def test_cancelled_points_return_as_a_reversal_of_what_brought_them(shop: Shop, world: World) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ben", 10, expire_time=ahead(days=9))
    orders = [await pending(shop, "ada", 10), await shop.earn("ada", 7, available_time=ahead(days=3))]
    gift = await pending(shop, "ada", 4, "ben", RECOGNITION)
    asked = request(shop, "ada", *orders, gift, **CANCEL)
    answer = await shop.ledger.UpdateLots(asked)
    ada, ben = sorted(answer.balances, key=lambda balance: balance.account)
    assert answer.amount == 21
    assert (ada.posted, ada.pending, ada.lifetime_earned) == (0, 0, 0)
    assert (ben.available, ben.lifetime_spent) == (10, 0)
    assert [line.kind for line in await shop.entries("ada")][3:] == [res.TRANSACTION_KIND_REVERSAL] * 3
    assert (await shop.balance("issuance.points")).posted == -10
    assert await shop.ledger.UpdateLots(asked) == answer
    assert (await update(shop, "ada", *orders, **CANCEL)).amount == 0
    async with refused(PRECONDITION, "OVER_REVERSAL", remaining=0):
        await shop.reverse(orders[0])
    assert await findings(world.client()) == []


async def test_what_was_activated_is_not_cancelled(shop: Shop) -> None:
    await shop.add("ada")
    order = await pending(shop, "ada", 10)
    await update(shop, "ada", **ACTIVATE)
    assert (await update(shop, "ada", order, **CANCEL)).amount == 0
    assert (await shop.balance("ada")).available == 10


async def test_a_lot_of_several_postings_is_cancelled_with_the_whole_transaction_only(shop: Shop) -> None:
    await shop.add("ada")
    single = await pending(shop, "ada", 1)
    postings = [shop.posting("issuance.points", "ada", 5, available_time=ahead(days=1)) for _ in range(2)]
    later = shop.posting("issuance.points", "ada", 5)
    double = (await shop.post(EARN, *postings, later)).transaction
    before = await shop.balance("ada")
    async with refused(PRECONDITION, "PARTIAL_REVERSAL_NOT_POSSIBLE", transaction=double, postings=3):
        await update(shop, "ada", single, double, **CANCEL)
    assert await shop.balance("ada") == before
    await shop.reverse(double)
    assert (await shop.balance("ada")).posted == 1


async def test_a_lot_cannot_expire_in_the_past_or_before_it_can_be_spent(shop: Shop) -> None:
    await shop.add("ada")
    await shop.earn("ada", 5, available_time=ahead(days=5))
    async with refused(PRECONDITION, "EXPIRY_PASSED"):
        await update(shop, "ada", **move(ahead(days=-1)))
    async with refused(PRECONDITION, "EXPIRY_BEFORE_AVAILABLE", account=shop.account("ada")):
        await update(shop, "ada", **move(ahead(days=4)))
    assert (await shop.balance("ada")).version == 1


async def test_what_does_not_fit_is_refused(shop: Shop, world: World) -> None:
    await shop.add_many(["ada", "ben"])
    earned = await shop.earn("ada", 5)
    foreign = await world.shop()
    await foreign.add("eve")
    theirs = await foreign.earn("eve", 1)
    cases: list[tuple[pb.UpdateLotsRequest, str]] = [
        (request(shop, "ada"), "change"),
        (request(shop, "issuance.points", **ACTIVATE), "account"),
        (request(shop, "ben", earned, **ACTIVATE), "transactions[0]"),
        (request(shop, "ada", earned, theirs, **ACTIVATE), "transactions[1]"),
        (request(shop, "ada", earned, earned, **ACTIVATE), "transactions"),
        (request(shop, "ada", *[f"{shop.name}/transactions/{n}" for n in range(101)], **ACTIVATE), "transactions"),
        (request(shop, "ada", **CANCEL), "transactions"),
    ]
    for asked, field in cases:
        async with refused(INVALID, "INVALID_FIELD", violated=[field]):
            await shop.ledger.UpdateLots(asked)
    async with refused(NOT_FOUND, "NOT_FOUND"):
        await update(shop, "ada", f"{shop.name}/transactions/1", **ACTIVATE)
    both = shop.posting("issuance.points", "ada", 1, available_time=ahead(days=1))
    both.pending = True
    async with refused(INVALID, "INVALID_FIELD", violated=["transaction.postings[0].pending"]):
        await shop.post(EARN, both)
    await shop.spend("ada", 2)
    spent = (await shop.entries("ada"))[-1]
    assert spent.kind == SPEND
    undone = (await shop.reverse(spent.transaction)).transaction
    async with refused(PRECONDITION, "NOT_REVERSIBLE", transaction=undone, kind="REVERSAL"):
        await update(shop, "ada", undone, **CANCEL)


async def test_a_service_cancels_its_own_kinds_only(shop: Shop, world: World) -> None:
    await shop.add("ada")
    order = await pending(shop, "ada", 10)
    rewards = Shop(shop.name, world.service("rewards_catalog", shop.name))
    async with refused(DENIED, "KIND_NOT_ALLOWED", kind="EARN"):
        await update(rewards, "ada", order, **CANCEL)
    membership = Shop(shop.name, world.service("membership", shop.name))
    assert (await update(membership, "ada", order, **CANCEL)).amount == 10
