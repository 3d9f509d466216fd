"""A batch answers each of its items on its own, and is bounded."""

from __future__ import annotations

from typing import Any

from guerdon import error_from_status
from guerdon.ledger.v1 import ledger_pb2 as pb
from tests.contract.ledger.world import (
    EARN,
    INVALID,
    SPEND,
    Shop,
    refused,
)


async def test_a_batch_answers_each_item_on_its_own_and_in_order(shop: Shop) -> None:
    await shop.add("ada")

    def item(request_id: str, kind: int, source: str, destination: str, amount: int, **fields: Any) -> Any:
        transaction = shop.transaction(kind, shop.posting(source, destination, amount), **fields)
        return pb.PostTransactionItem(transaction=transaction, request_id=request_id)

    items = [
        item("i1", EARN, "issuance.points", "ada", 10),
        item("i2", SPEND, "ada", "redemption.points", 11),
        item("i1", EARN, "issuance.points", "ada", 10),
        item("i3", EARN, "issuance.points", "nobody", 10),
        item("i4", EARN, "issuance.points", "ada", 2**53 + 1),
        item("i5", SPEND, "ada", "redemption.points", 4),
        item("i1", EARN, "issuance.points", "ada", 12),
    ]
    request = pb.BatchPostTransactionsRequest(parent=shop.name, items=items)
    results = (await shop.ledger.BatchPostTransactions(request)).results
    told = [result.WhichOneof("outcome") for result in results]
    assert told == ["posted", "error", "posted", "error", "error", "posted", "error"]
    reasons = [error_from_status(result.error).reason for result in results if result.HasField("error")]
    assert reasons == ["INSUFFICIENT_POINTS", "NOT_FOUND", "INVALID_FIELD", "REQUEST_ID_REUSED"]
    assert error_from_status(results[4].error).violations[0].field == "transaction.postings[0].amount"
    assert results[2].posted == results[0].posted
    assert [result.replayed for result in results] == [False, False, True, False, False, False, False]
    assert results[5].posted.balances[0].posted == 6
    again = (await shop.ledger.BatchPostTransactions(request)).results
    assert [result.replayed for result in again] == [True, True, True, False, False, True, False]
    assert [result.posted for result in again] == [result.posted for result in results]
    assert again[1].error == results[1].error
    assert (await shop.balance("ada")).version == 2


async def test_a_batch_is_bounded_in_items_and_postings(shop: Shop) -> None:
    await shop.add("ada")
    one = shop.transaction(EARN, shop.posting("issuance.points", "ada", 1))
    many = shop.transaction(EARN, *[shop.posting("issuance.points", "ada", 1)] * 100)
    for transaction, count in ((one, 0), (one, 5_001), (many, 101)):
        items = [pb.PostTransactionItem(transaction=transaction, request_id=f"r{n}") for n in range(count)]
        async with refused(INVALID, "INVALID_FIELD", violated=["items"]):
            await shop.ledger.BatchPostTransactions(pb.BatchPostTransactionsRequest(parent=shop.name, items=items))
    items = [pb.PostTransactionItem(transaction=one, request_id="")]
    async with refused(INVALID, "INVALID_FIELD", violated=["items[0].request_id"]):
        await shop.ledger.BatchPostTransactions(pb.BatchPostTransactionsRequest(parent=shop.name, items=items))
    assert (await shop.balance("ada")).version == 0
