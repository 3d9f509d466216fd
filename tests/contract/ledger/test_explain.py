"""From a balance down to its lots, and to what was taken from each."""

from __future__ import annotations

import grpc

from guerdon.ledger.v1 import explain_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import EARN, PRECONDITION, SPEND, Shop, refused


async def explain(shop: Shop, size: int = 0) -> tuple[res.Balance, list[pb.ExplainedLot], pb.ExplainBalanceResponse]:
    """The balance, all its lots, and the first page. Everything adds up, and to what GetBalance says."""
    request = pb.ExplainBalanceRequest(name=shop.account("ada"), page_size=size)
    first = page = await shop.ledger.ExplainBalance(request)
    lots = list(page.lots)
    while page.next_page_token:
        request.page_token = page.next_page_token
        page = await shop.ledger.ExplainBalance(request)
        assert page.balance == first.balance
        lots += page.lots
    assert first.balance == await shop.balance("ada")
    for lot in lots:
        assert lot.amount + lot.earlier_moved + sum(move.amount for move in lot.moves) == lot.open > 0
    assert first.earlier_debt + sum(move.amount for move in first.debt_moves) == first.balance.debt
    assert sum(lot.open for lot in lots) - first.balance.debt == first.balance.posted
    assert sum(lot.held for lot in lots) == first.balance.held
    return first.balance, lots, first


async def test_a_balance_is_explained_by_its_lots_and_by_what_was_taken_from_each(shop: Shop) -> None:
    await shop.add("ada")
    assert (await explain(shop))[1] == []
    first = await shop.earn("ada", 100)
    second = await shop.earn("ada", 50)
    spent = await shop.spend("ada", 120)
    await shop.reverse(spent, 30)
    _, lots, _ = await explain(shop)
    assert [(lot.transaction, lot.kind, lot.amount, lot.open) for lot in lots] == [
        (first, EARN, 100, 10),
        (second, EARN, 50, 50),
    ]
    assert {lot.source for lot in lots} == {shop.account("issuance.points")}
    reversal, spend = res.TRANSACTION_KIND_REVERSAL, SPEND
    assert [[(move.kind, move.amount, move.version) for move in lot.moves] for lot in lots] == [
        [(reversal, 10, 4), (spend, -100, 3)],
        [(reversal, 20, 4), (spend, -20, 3)],
    ]
    assert lots[0].moves[1].transaction == spent


async def test_a_debt_is_explained_by_what_left_it_and_what_paid_it(shop: Shop) -> None:
    await shop.add("ada")
    earned = await shop.earn("ada", 100)
    await shop.spend("ada", 100)
    await shop.reverse(earned)
    await shop.earn("ada", 30)
    balance, lots, first = await explain(shop)
    assert (balance.posted, balance.debt, lots) == (-70, 70, [])
    assert [move.amount for move in first.debt_moves] == [-30, 100]


async def test_more_moves_than_a_lot_can_tell_are_summed_up(shop: Shop) -> None:
    await shop.add("ada")
    await shop.earn("ada", 500)
    items = [shop.request(SPEND, shop.posting("ada", "redemption.points", 2)) for _ in range(103)]
    for request in items:
        await shop.ledger.PostTransaction(request)
    _, [lot], _ = await explain(shop)
    assert (len(lot.moves), lot.earlier_moved, lot.open) == (100, -6, 294)


async def test_all_pages_are_of_one_version(shop: Shop) -> None:
    await shop.add("ada")
    for amount in range(1, 8):
        await shop.earn("ada", amount)
    await shop.spend("ada", 2)
    _, lots, first = await explain(shop, 3)
    assert (len(first.lots), [lot.amount for lot in lots]) == (3, [2, 3, 4, 5, 6, 7])
    await shop.earn("ada", 1)
    async with refused(grpc.StatusCode.ABORTED, "BALANCE_CHANGED", version=9, seen=8):
        await shop.ledger.ExplainBalance(
            pb.ExplainBalanceRequest(name=shop.account("ada"), page_size=3, page_token=first.next_page_token)
        )
    async with refused(PRECONDITION, "NO_STATEMENT"):
        await shop.ledger.ExplainBalance(pb.ExplainBalanceRequest(name=shop.account("issuance.points")))
