"""Words can be erased; what moved stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from guerdon import new_request_id
from guerdon.ledger.v1 import journal_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import INVALID, NOT_FOUND, RECOGNITION, SPEND, Shop, findings, refused, stamp


def erasing(name: str) -> journal_pb2.EraseTextsRequest:
    return journal_pb2.EraseTextsRequest(name=name, request_id=new_request_id())


async def test_memos_and_purposes_of_an_account_are_gone_for_every_reader(shop: Shop) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 100)
    await shop.earn("ben", 100)
    thanks = await shop.post(RECOGNITION, shop.posting("ada", "ben", 5), memo="for Friday, Ada")
    kept = await shop.post(SPEND, shop.posting("ben", "redemption.points", 5), memo="a book")
    hold = res.Hold(
        account=shop.account("ada"),
        amount=1,
        expire_time=stamp(datetime.now(UTC) + timedelta(days=1)),
        purpose="room 7",
    )
    placed = await shop.ledger.PlaceHold(pb.PlaceHoldRequest(parent=shop.name, hold=hold, request_id=new_request_id()))
    request = erasing(shop.account("ada"))
    first = await shop.ledger.EraseTexts(request)
    assert (first.transaction_count, first.hold_count) == (1, 1)
    assert await shop.ledger.EraseTexts(request) == first
    again = await shop.ledger.EraseTexts(erasing(shop.account("ada")))
    assert (again.transaction_count, again.hold_count) == (0, 0)

    read = await shop.ledger.GetTransaction(pb.GetTransactionRequest(name=thanks.transaction))
    assert (read.transaction.memo, read.transaction.postings[0].amount) == ("", 5)
    assert [entry.memo for entry in await shop.entries("ben")] == ["", "", "a book"]
    assert (await shop.ledger.GetHold(pb.GetHoldRequest(name=placed.hold.name))).hold.purpose == ""
    assert (await shop.release(placed.hold.name)).hold.purpose == ""
    untouched = await shop.ledger.GetTransaction(pb.GetTransactionRequest(name=kept.transaction))
    assert untouched.transaction.memo == "a book"
    assert await findings(shop.client) == []


async def test_what_cannot_be_erased_is_refused(shop: Shop) -> None:
    async with refused(INVALID, "INVALID_FIELD", violated=["name"]):
        await shop.ledger.EraseTexts(erasing(shop.account("issuance.points")))
    async with refused(NOT_FOUND, "NOT_FOUND"):
        await shop.ledger.EraseTexts(erasing(shop.account("nobody")))
