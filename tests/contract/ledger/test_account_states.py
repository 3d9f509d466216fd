"""Freezing, unfreezing and closing accounts: what each state allows, by the published table, and what it refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import pytest

from guerdon import GuerdonError, new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as pb
from ledger.domain.model import AccountState
from ledger.domain.states import REFUSALS, TABLE, Operation, Verdict
from tests.contract.ledger.world import (
    ADJUSTMENT,
    CLOSED,
    FROZEN,
    INVALID,
    NOT_FOUND,
    OPEN,
    PRECONDITION,
    RECOGNITION,
    SPEND,
    Shop,
    World,
    findings,
    refused,
    time_of,
)


def tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


async def test_an_account_is_open_until_it_is_frozen_and_again_when_it_is_unfrozen(shop: Shop) -> None:
    await shop.add("ada")
    await shop.earn("ada", 10)
    assert (await shop.state("ada"), (await shop.balance("ada")).state) == (OPEN, OPEN)
    frozen = await shop.freeze("ada")
    assert (frozen.balance.state, frozen.balance.version, frozen.balance.available) == (FROZEN, 2, 10)
    for _ in range(2):  # from PostgreSQL or the cache
        assert await shop.balance("ada") == frozen.balance
    assert await shop.state("ada") == FROZEN
    opened = await shop.unfreeze("ada")
    assert (opened.balance.state, opened.balance.version) == (OPEN, 3)
    assert time_of(opened.record_time) > time_of(frozen.record_time)
    assert await shop.balance("ada") == opened.balance
    assert await shop.state("ada") == OPEN
    await shop.spend("ada", 10)
    closed = await shop.close("ada")
    assert (closed.balance.state, closed.balance.version, closed.balance.lifetime_spent) == (CLOSED, 5, 10)
    assert (await shop.state("ada"), await shop.balance("ada")) == (CLOSED, closed.balance)
    assert await shop.state("issuance.points") == OPEN


@pytest.mark.parametrize("method", ["FreezeAccount", "UnfreezeAccount", "CloseAccount"])
async def test_the_same_change_of_state_again_is_answered_as_the_first_time(shop: Shop, method: str) -> None:
    await shop.add_many(["ada", "ben"])
    if method == "UnfreezeAccount":
        await shop.freeze("ada")
    request = getattr(pb, f"{method}Request")(name=shop.account("ada"), request_id="once")
    call = getattr(shop.ledger, method)
    first = await call(request)
    again = call(request)
    assert await again == first
    assert await was_replayed(again)
    if method != "CloseAccount":
        await shop.earn("ada", 5)
        await (shop.unfreeze if method == "FreezeAccount" else shop.freeze)("ada")
        assert await call(request) == first
    request.name = shop.account("ben")
    async with refused(INVALID, "REQUEST_ID_REUSED", fields="name"):
        await call(request)
    assert await shop.state("ben") == OPEN


async def test_an_account_with_points_or_debt_is_not_closed_and_told_what_is_in_the_way(shop: Shop) -> None:
    await shop.add("ada")
    ada = shop.account("ada")
    earned = await shop.earn("ada", 100)
    await shop.earn("ada", 7, available_time=tomorrow())
    hold = await shop.hold("ada", 30, tomorrow())
    numbers: dict[str, Any] = {"account": ada, "posted": 107, "held": 30, "pending": 7, "debt": 0}
    for _ in range(2):  # decided under lock, and kept
        async with refused(PRECONDITION, "ACCOUNT_NOT_EMPTY", **numbers):
            await shop.close("ada", "close-1")
    await shop.capture(hold.name)
    await shop.spend("ada", 70)
    await shop.reverse(earned)
    async with refused(PRECONDITION, "ACCOUNT_NOT_EMPTY", posted=-93, held=0, pending=7, debt=100):
        await shop.close("ada")
    async with refused(PRECONDITION, "ACCOUNT_NOT_EMPTY", **numbers):
        await shop.close("ada", "close-1")
    assert await shop.state("ada") == OPEN


async def test_a_refusal_for_a_freeze_passes_when_the_account_is_open_again(shop: Shop) -> None:
    await shop.add("ada")
    await shop.earn("ada", 10)
    await shop.freeze("ada")
    before = await shop.balance("ada")
    for _ in range(2):
        async with refused(PRECONDITION, "ACCOUNT_FROZEN", account=shop.account("ada")):
            await shop.spend("ada", 3, "spend-1")
    assert await shop.balance("ada") == before
    await shop.unfreeze("ada")
    await shop.spend("ada", 3, "spend-1")
    await shop.freeze("ada")
    await shop.spend("ada", 3, "spend-1")  # it was done: that it cannot be done now does not matter
    assert (await shop.balance("ada")).posted == 7


async def test_a_system_account_has_no_state_to_change(shop: Shop) -> None:
    for change in (shop.freeze, shop.unfreeze, shop.close):
        async with refused(INVALID, "INVALID_FIELD", violated=["name"]):
            await change("issuance.points")
        async with refused(NOT_FOUND, "NOT_FOUND", resource=shop.account("nobody")):
            await change("nobody")


async def test_several_postings_are_refused_as_a_whole_for_one_frozen_account(shop: Shop) -> None:
    await shop.add_many(["ada", "ben", "cy"])
    await shop.earn("ada", 10)
    await shop.earn("ben", 10)
    await shop.freeze("ben")
    before = [await shop.balance(id_) for id_ in ("ada", "ben", "cy")]
    async with refused(PRECONDITION, "ACCOUNT_FROZEN", account=shop.account("ben")):
        await shop.post(RECOGNITION, shop.posting("ada", "cy", 5), shop.posting("ben", "cy", 5))
    assert [await shop.balance(id_) for id_ in ("ada", "ben", "cy")] == before
    await shop.post(RECOGNITION, shop.posting("ada", "ben", 5), shop.posting("ada", "cy", 5))


class Case:
    """An account with a past, brought into a state, and everything that can be done with it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.operations: dict[Operation, Callable[[], Awaitable[object]]] = {
            Operation.RECEIVE: lambda: shop.earn("ada", 1),
            Operation.PAY: lambda: shop.spend("ada", 1),
            Operation.ADJUST: lambda: shop.post(ADJUSTMENT, shop.posting("adjustment.points", "ada", 1)),
            Operation.CLAW_BACK: lambda: shop.reverse(self.earned, 1),
            Operation.RESTORE: lambda: shop.reverse(self.spent, 1),
            Operation.PLACE_HOLD: lambda: shop.hold("ada", 1, tomorrow()),
            Operation.RESOLVE_HOLD: lambda: shop.capture(self.held),
            Operation.UPDATE_LOTS: lambda: shop.ledger.UpdateLots(
                pb.UpdateLotsRequest(
                    account=shop.account("ada"), move_expiry=pb.MoveExpiry(), request_id=new_request_id()
                )
            ),
            Operation.FREEZE: lambda: shop.freeze("ada"),
            Operation.UNFREEZE: lambda: shop.unfreeze("ada"),
            Operation.CLOSE: self.close,
            Operation.READ: lambda: shop.entries("ada"),
        }

    async def prepare(self, state: AccountState) -> None:
        shop = self.shop
        await shop.add("ada")
        self.earned = await shop.earn("ada", 100)
        self.spent = await shop.spend("ada", 10)
        self.held = (await shop.hold("ada", 20, tomorrow())).name
        if state is AccountState.FROZEN:
            await shop.freeze("ada")
        if state is AccountState.CLOSED:
            await shop.release(self.held)
            await self.close()

    async def close(self) -> None:
        """Empties the account as far as it is not empty, and closes it."""
        left = await self.shop.balance("ada")
        if left.held:
            await self.shop.release(self.held)
        if left.posted:
            await self.shop.post(ADJUSTMENT, self.shop.posting("ada", "adjustment.points", left.posted))
        await self.shop.close("ada")


# That the clock goes on takes a clock: tests/integration/ledger has it. Labels have their own test.
TESTED = sorted(set(Operation) - {Operation.CLOCK, Operation.LABEL}, key=attrgetter("name"))


@pytest.mark.parametrize("operation", TESTED)
@pytest.mark.parametrize("state", AccountState)
async def test_the_service_keeps_to_the_published_table(shop: Shop, state: AccountState, operation: Operation) -> None:
    case = Case(shop)
    await case.prepare(state)
    before = await shop.balance("ada")
    match TABLE[operation][state]:
        case Verdict.ALLOWED:
            await case.operations[operation]()
        case Verdict.REFUSED:
            with pytest.raises(GuerdonError) as refusal:
                await case.operations[operation]()
            assert (refusal.value.code, refusal.value.reason) == (PRECONDITION, REFUSALS[state].reason)
            assert refusal.value.metadata["account"] == shop.account("ada")
            assert await shop.balance("ada") == before
        case Verdict.VOID:
            async with refused(PRECONDITION, "HOLD_ALREADY_RELEASED", hold=case.held):
                await case.operations[operation]()


async def test_a_closed_account_keeps_its_statement_and_its_name(shop: Shop, world: World) -> None:
    await shop.add("ada")
    await shop.earn("ada", 10)
    spent = await shop.spend("ada", 10)
    await shop.close("ada")
    assert [line.amount for line in await shop.entries("ada")] == [10, -10]
    async with refused(PRECONDITION, "ACCOUNT_CLOSED", account=shop.account("ada")):
        await shop.reverse(spent)
    item = pb.PostTransactionItem(
        transaction=shop.request(SPEND, shop.posting("ada", "redemption.points", 1)).transaction,
        request_id=new_request_id(),
    )
    answer = await shop.ledger.BatchPostTransactions(pb.BatchPostTransactionsRequest(parent=shop.name, items=[item]))
    assert "is closed" in answer.results[0].error.message
    assert await findings(world.client()) == []
