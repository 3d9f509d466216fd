"""Posting: amounts, times, names and words outside their bounds are refused, and the largest pass."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from guerdon.ledger.v1 import ledger_pb2 as pb
from tests.contract.ledger.world import (
    EARN,
    INVALID,
    PRECONDITION,
    Shop,
    ahead,
    refused,
    stamp,
)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": 0}, "transaction.postings[0].amount"),
        ({"amount": -1}, "transaction.postings[0].amount"),
        ({"amount": 2**53 + 1}, "transaction.postings[0].amount"),
        ({"amount": -(2**63)}, "transaction.postings[0].amount"),
        ({"source": ""}, "transaction.postings[0].source"),
        ({"source": "programs"}, "transaction.postings[0].source"),
        ({"destination": ""}, "transaction.postings[0].destination"),
        ({"expire_time": datetime(1, 1, 2, tzinfo=UTC)}, "transaction.postings[0].expire_time"),
        ({"expire_time": datetime(9999, 1, 1, tzinfo=UTC)}, "transaction.postings[0].expire_time"),
        ({"memo": "x" * 201}, "transaction.memo"),
        ({"memo": "a\0b"}, "transaction.memo"),
        ({"effective_time": ahead(days=1)}, "transaction.effective_time"),
        ({"postings": 0}, "transaction.postings"),
        ({"postings": 101}, "transaction.postings"),
        ({"kind": 0}, "transaction.kind"),
    ],
)
async def test_a_transaction_outside_its_bounds_is_refused_by_field(
    shop: Shop, change: dict[str, Any], field: str
) -> None:
    await shop.add("ada")
    request = shop.request(EARN, shop.posting("issuance.points", "ada", 1))
    [posting] = request.transaction.postings
    for key, value in change.items():
        if key == "postings":
            del request.transaction.postings[:]
            request.transaction.postings.extend([posting] * value)
        elif key in {"memo", "kind"}:
            setattr(request.transaction, key, value)
        elif key == "effective_time":
            request.transaction.effective_time.CopyFrom(stamp(value))
        elif key == "expire_time":
            posting.expire_time.CopyFrom(stamp(value))
        else:
            setattr(posting, key, value)
    async with refused(INVALID, "INVALID_FIELD", violated=[field]):
        await shop.ledger.PostTransaction(request)
    assert (await shop.balance("ada")).version == 0


async def test_times_that_are_no_times_are_refused_by_field(shop: Shop) -> None:
    await shop.add("ada")
    request = shop.request(EARN, shop.posting("issuance.points", "ada", 1))
    for seconds, nanos in ((2**60, 0), (-(2**60), 0), (0, -1), (0, 2_000_000_000)):
        request.transaction.postings[0].expire_time.seconds = seconds
        request.transaction.postings[0].expire_time.nanos = nanos
        async with refused(INVALID, "INVALID_FIELD", violated=["transaction.postings[0].expire_time"]):
            await shop.ledger.PostTransaction(request)
    late = shop.posting("issuance.points", "ada", 1, expire_time=ahead(days=1), available_time=ahead(days=2))
    async with refused(INVALID, "INVALID_FIELD", violated=["transaction.postings[0].available_time"]):
        await shop.post(EARN, late)
    past = shop.posting("issuance.points", "ada", 1, expire_time=ahead(days=-1))
    async with refused(PRECONDITION, "EXPIRY_PASSED"):
        await shop.post(EARN, past)
    assert (await shop.balance("ada")).version == 0


async def test_the_largest_amounts_and_a_hundred_postings_pass(shop: Shop) -> None:
    await shop.add("ada")
    answer = await shop.post(EARN, *[shop.posting("issuance.points", "ada", 2**53)] * 100)
    assert (answer.balances[0].posted, answer.balances[0].version) == (100 * 2**53, 100)
    found = (await shop.ledger.GetTransaction(pb.GetTransactionRequest(name=answer.transaction))).transaction
    assert len(found.postings) == 100
