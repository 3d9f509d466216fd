"""The same request posts once; another body under its id is refused."""

from __future__ import annotations

from guerdon import was_replayed
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    EARN,
    INVALID,
    Shop,
    World,
    ahead,
    refused,
    stamp,
)


async def test_the_same_request_posts_once_and_is_marked_as_a_replay(shop: Shop) -> None:
    await shop.add("ada")
    request = shop.request(EARN, shop.posting("issuance.points", "ada", 10), memo="a")
    first = shop.ledger.PostTransaction(request)
    answer = await first
    assert not await was_replayed(first)
    await shop.earn("ada", 5)
    again = shop.ledger.PostTransaction(request)
    assert await again == answer
    assert await was_replayed(again)
    item = pb.PostTransactionItem(transaction=request.transaction, request_id=request.request_id)
    [result] = (
        await shop.ledger.BatchPostTransactions(pb.BatchPostTransactionsRequest(parent=shop.name, items=[item]))
    ).results
    assert (result.replayed, result.posted) == (True, answer)
    assert (await shop.balance("ada")).posted == 15


async def test_another_body_under_the_same_id_is_refused_naming_the_fields(shop: Shop, world: World) -> None:
    await shop.add("ada")
    request = shop.request(EARN, shop.posting("issuance.points", "ada", 10))
    await shop.ledger.PostTransaction(request)
    request.transaction.postings[0].amount = 11
    async with refused(INVALID, "REQUEST_ID_REUSED", fields="transaction"):
        await shop.ledger.PostTransaction(request)
    hold = pb.PlaceHoldRequest(
        parent=shop.name,
        hold=res.Hold(account=shop.account("ada"), amount=1, expire_time=stamp(ahead(days=1))),
        request_id=request.request_id,
    )
    await shop.ledger.PlaceHold(hold)  # an id is one method's own
    another = Shop(shop.name, world.client(world.identity.token("somebody-else")))
    await another.ledger.PostTransaction(request)  # and one caller's
    assert (await shop.balance("ada")).posted == 21
