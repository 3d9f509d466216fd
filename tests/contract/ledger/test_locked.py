"""Points that may not go one way, over the wire."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from guerdon import GuerdonError, new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    ADJUSTMENT,
    EARN,
    INVALID,
    MERGE,
    PRECONDITION,
    SPEND,
    TRANSFER,
    Shop,
    refused,
    stamp,
)

TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
async def ada(shop: Shop) -> Shop:
    """A shop in which ada has 100 points."""
    await shop.add("ada")
    await shop.add("ben")
    await shop.earn("ada", 100)
    return shop


def leaving(posting: res.Posting, amount: int, version: int | None = None) -> res.Posting:
    """The posting, which has to leave so much."""
    posting.locked.CopyFrom(res.Locked(amount=amount, account_version=version))
    return posting


async def hold(shop: Shop, amount: int, locked: res.Locked, request_id: str = "") -> res.Hold:
    """A hold on ada's points that leaves what is locked."""
    made = res.Hold(account=shop.account("ada"), amount=amount, expire_time=stamp(TOMORROW), locked=locked)
    request = pb.PlaceHoldRequest(parent=shop.name, hold=made, request_id=request_id or new_request_id())
    return (await shop.ledger.PlaceHold(request)).hold  # type: ignore[no-any-return]  # the stub is Any here


async def test_what_is_locked_is_left_by_a_posting_an_item_and_a_hold_and_can_be_spent_otherwise(ada: Shop) -> None:
    numbers: dict[str, Any] = {"required": 41, "available": 100, "locked": 60, "missing": 1}
    request = ada.request(SPEND, leaving(ada.posting("ada", "redemption.points", 41), 60))
    async with refused(PRECONDITION, "POINTS_LOCKED", account=ada.account("ada"), **numbers):
        await ada.ledger.PostTransaction(request)
    async with refused(PRECONDITION, "POINTS_LOCKED", **numbers):
        await hold(ada, 41, res.Locked(amount=60))
    async with refused(PRECONDITION, "INSUFFICIENT_POINTS", required=101, available=100, missing=1):
        await hold(ada, 101, res.Locked(amount=60))
    item = pb.PostTransactionItem(transaction=request.transaction, request_id=new_request_id())
    batch = pb.BatchPostTransactionsRequest(parent=ada.name, items=[item])
    assert (await ada.ledger.BatchPostTransactions(batch)).results[0].HasField("error")

    placed = await hold(ada, 30, res.Locked(amount=60))
    assert not placed.HasField("locked")
    await ada.capture(placed.name)
    posted = await ada.post(TRANSFER, leaving(ada.posting("ada", "ben", 10), 60))
    read = await ada.ledger.GetTransaction(pb.GetTransactionRequest(name=posted.transaction))
    assert not read.transaction.postings[0].HasField("locked")
    assert (await ada.balance("ada")).available == 60
    await ada.spend("ada", 60)  # on goods, say
    assert (await ada.balance("ada")).available == 0

    # Both refusals are kept, whatever came in since.
    await ada.earn("ada", 500)
    async with refused(PRECONDITION, "POINTS_LOCKED", **numbers):
        await ada.ledger.PostTransaction(request)


async def test_what_was_found_locked_at_another_version_is_found_again_and_sent_under_the_same_id(ada: Shop) -> None:
    await ada.earn("ada", 50)
    async with refused(grpc.StatusCode.ABORTED, "BALANCE_CHANGED", version=2, seen=1):
        await hold(ada, 10, res.Locked(amount=60, account_version=1), "h")
    placed = await hold(ada, 10, res.Locked(amount=110, account_version=2), "h")
    assert placed.amount == 10
    again = res.Hold(
        account=placed.account,
        amount=10,
        expire_time=stamp(TOMORROW),
        locked=res.Locked(amount=110, account_version=2),
    )
    call = ada.ledger.PlaceHold(pb.PlaceHoldRequest(parent=ada.name, hold=again, request_id="h"))
    assert (await call).hold == placed  # at another version by now, and answered as the first time
    assert await was_replayed(call)
    async with refused(INVALID, "REQUEST_ID_REUSED", fields="hold"):
        await hold(ada, 10, res.Locked(amount=110, account_version=3), "h")


async def test_of_many_who_take_all_that_is_not_locked_one_does(ada: Shop) -> None:
    async def take() -> str:
        try:
            await ada.post(SPEND, leaving(ada.posting("ada", "redemption.points", 40), 60))
        except GuerdonError as refusal:
            return refusal.reason
        return "POSTED"

    answers = await asyncio.gather(*[take() for _ in range(20)])
    assert sorted(answers) == ["POINTS_LOCKED"] * 19 + ["POSTED"]


@pytest.mark.parametrize(
    ("kind", "sides", "locked", "field"),
    [
        (EARN, ("issuance.points", "ada"), {"amount": 1}, "locked"),
        (ADJUSTMENT, ("ada", "adjustment.points"), {"amount": 1}, "locked"),
        (MERGE, ("ada", "ben"), {"amount": 1}, "locked"),
        (SPEND, ("ada", "redemption.points"), {"amount": -1}, "locked.amount"),
        (SPEND, ("ada", "redemption.points"), {"amount": 2**53 + 1}, "locked.amount"),
        (SPEND, ("ada", "redemption.points"), {"account_version": -1}, "locked.account_version"),
        (SPEND, ("ada", "redemption.points"), {"valid_until": stamp(TOMORROW)}, "locked.valid_until"),
    ],
)
async def test_what_is_locked_has_bounds_and_is_said_of_what_members_do(
    ada: Shop, kind: int, sides: tuple[str, str], locked: dict[str, Any], field: str
) -> None:
    posting = ada.posting(*sides, 1)
    posting.locked.CopyFrom(res.Locked(**locked))
    async with refused(INVALID, "INVALID_FIELD", violated=[f"transaction.postings[0].{field}"]):
        await ada.post(kind, posting)
