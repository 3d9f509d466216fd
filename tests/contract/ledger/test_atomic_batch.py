"""An atomic batch: all of its items are posted, or none is, and each answer says which and why."""

from __future__ import annotations

from collections.abc import Sequence

from guerdon import error_from_status, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    EARN,
    EXCHANGE,
    EXCHANGE_ACCOUNT,
    RECOGNITION,
    SPEND,
    Shop,
    World,
    findings,
)

Item = pb.PostTransactionItem


def item(transaction: res.Transaction, request_id: str = "") -> Item:
    return Item(transaction=transaction, request_id=request_id or new_request_id())


def earned(shop: Shop, member: str, amount: int) -> Item:
    return item(shop.transaction(EARN, shop.posting("issuance.points", member, amount)))


def spent(shop: Shop, member: str, amount: int) -> Item:
    return item(shop.transaction(SPEND, shop.posting(member, "redemption.points", amount)))


async def post(shop: Shop, items: Sequence[Item], *, atomic: bool = True) -> list[pb.PostTransactionResult]:
    request = pb.BatchPostTransactionsRequest(parent=shop.name, items=items, atomic=atomic)
    return list((await shop.ledger.BatchPostTransactions(request)).results)


def reasons(results: Sequence[pb.PostTransactionResult]) -> list[str]:
    """The reason of each item, with the item that another one names; empty for what was posted."""
    told = []
    for result in results:
        error = error_from_status(result.error) if result.HasField("error") else None
        told.append("" if error is None else f"{error.reason} {error.metadata.get('item', '')}".strip())
    return told


async def test_it_is_answered_as_its_items_would_be_and_a_retry_of_all_or_of_one_is_a_replay(
    shop: Shop, world: World
) -> None:
    await shop.add_many(["ada", "ben"])
    gift = item(shop.transaction(RECOGNITION, shop.posting("ada", "ben", 30)))
    items = [earned(shop, "ada", 100), gift, spent(shop, "ben", 30), earned(shop, "ben", 1)]
    results = await post(shop, items)
    assert reasons(results) == [""] * 4
    assert [[(b.account, b.posted, b.version) for b in result.posted.balances] for result in results] == [
        [(shop.account("ada"), 100, 1)],
        [(shop.account("ada"), 70, 2), (shop.account("ben"), 30, 1)],
        [(shop.account("ben"), 0, 2)],
        [(shop.account("ben"), 1, 3)],
    ]
    times = [result.posted.record_time.ToNanoseconds() for result in results]
    assert times == sorted(set(times))
    again = await post(shop, items)
    assert [result.posted for result in again] == [result.posted for result in results]
    assert all(result.replayed for result in again)
    single = pb.PostTransactionRequest(parent=shop.name, transaction=gift.transaction, request_id=gift.request_id)
    assert await shop.ledger.PostTransaction(single) == results[1].posted
    assert (await shop.balance("ada")).posted + (await shop.balance("ben")).posted == 71
    assert await findings(world.client()) == []


async def test_one_refused_item_refuses_all_and_the_same_batch_again_is_answered_the_same(
    shop: Shop, world: World
) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 50)
    before = [await shop.balance(member, full=True) for member in ("ada", "ben")]
    items = [spent(shop, "ada", 30), earned(shop, "ben", 5), spent(shop, "ada", 30), earned(shop, "ben", 7)]
    results = await post(shop, items)
    refusals = ["BATCH_NOT_POSTED 2", "BATCH_NOT_POSTED 2", "INSUFFICIENT_POINTS", "BATCH_NOT_POSTED 2"]
    assert reasons(results) == refusals
    error = error_from_status(results[2].error)
    assert (error.metadata["required"], error.metadata["available"]) == ("30", "20")  # the first took 30 of 50
    assert [await shop.balance(member, full=True) for member in ("ada", "ben")] == before
    assert [len(await shop.entries(member)) for member in ("ada", "ben")] == [1, 0]
    await shop.earn("ada", 1000)
    again = await post(shop, items)
    assert [result.error for result in again] == [result.error for result in results]
    assert [result.replayed for result in again] == [False, False, True, False]
    rest = [*items[:2], items[3]]  # what was not at fault can be sent again with the ids that it has
    assert reasons(await post(shop, rest)) == [""] * 3
    assert reasons(await post(shop, items)) == [
        "ALREADY_POSTED",
        "ALREADY_POSTED",
        "INSUFFICIENT_POINTS",
        "ALREADY_POSTED",
    ]
    assert [(await shop.balance(member)).posted for member in ("ada", "ben")] == [1020, 12]
    assert await findings(world.client()) == []


async def test_every_item_that_is_malformed_says_so_and_nothing_is_posted(shop: Shop) -> None:
    await shop.add("ada")
    items = [earned(shop, "ada", 1), earned(shop, "ada", -1), earned(shop, "nobody", 1), earned(shop, "ada", 2)]
    results = await post(shop, items)
    assert reasons(results) == ["BATCH_NOT_POSTED 1", "INVALID_FIELD", "NOT_FOUND", "BATCH_NOT_POSTED 1"]
    assert error_from_status(results[1].error).violations[0].field == "transaction.postings[0].amount"
    assert (await shop.balance("ada")).version == 0
    assert reasons(await post(shop, [items[0], items[3]])) == ["", ""]


async def test_a_refusal_that_may_pass_is_not_kept(shop: Shop) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 50)
    await shop.freeze("ada")
    items = [earned(shop, "ben", 5), spent(shop, "ada", 30)]
    assert reasons(await post(shop, items)) == ["BATCH_NOT_POSTED 1", "ACCOUNT_FROZEN"]
    await shop.unfreeze("ada")
    assert reasons(await post(shop, items)) == ["", ""]


async def test_an_id_that_was_used_before_refuses_the_batch(shop: Shop) -> None:
    await shop.add("ada")
    items = [earned(shop, "ada", 5), earned(shop, "ada", 7)]
    [alone] = await post(shop, items[:1], atomic=False)
    results = await post(shop, items)
    assert reasons(results) == ["ALREADY_POSTED", "BATCH_NOT_POSTED 0"]
    assert error_from_status(results[0].error).metadata["transaction"] == alone.posted.transaction
    other = Item()
    other.CopyFrom(items[0])
    other.transaction.postings[0].amount = 6
    results = await post(shop, [items[1], other])
    assert reasons(results) == ["BATCH_NOT_POSTED 1", "REQUEST_ID_REUSED"]
    assert error_from_status(results[1].error).metadata["fields"] == "transaction"
    assert (await shop.balance("ada")).posted == 5


async def test_the_same_item_twice_is_posted_once(shop: Shop) -> None:
    await shop.add("ada")
    one = earned(shop, "ada", 5)
    for _ in range(2):
        first, second = await post(shop, [one, one])
        assert first.posted == second.posted
    assert (await shop.balance("ada")).posted == 5


async def test_thousands_are_posted_together_or_not_at_all(shop: Shop, world: World) -> None:
    members = [f"m{n}" for n in range(100)]
    await shop.add_many(members)
    items = [earned(shop, members[n % 100], 1 + n % 7) for n in range(3_000)]
    results = await post(shop, [*items, spent(shop, "m0", 10**6)])
    assert set(reasons(results[:-1])) == {"BATCH_NOT_POSTED 3000"}
    assert reasons(results[-1:]) == ["INSUFFICIENT_POINTS"]
    assert (await shop.balance("issuance.points")).posted == 0
    results = await post(shop, items)
    assert set(reasons(results)) == {""}
    assert (await shop.balance("issuance.points")).posted == -sum(1 + n % 7 for n in range(3_000))
    numbers = [result.posted.transaction for result in results]
    assert [result.posted.transaction for result in await post(shop, items)] == numbers
    assert await findings(world.client()) == []


async def test_exchanges_between_programs_are_posted_together_or_not_at_all(shop: Shop, world: World) -> None:
    others = [await world.shop(shop.client) for _ in range(3)]  # programs are spread over the shards by their names
    for one in (shop, *others):
        await one.add("ada")
        await one.add("exchange.points.x", EXCHANGE_ACCOUNT)
    await shop.earn("ada", 100)
    exchanger = Shop(shop.name, world.service("partner_exchange", shop.name, *(one.name for one in others)))

    def exchanged(other: Shop, amount: int) -> Item:
        sent = shop.posting("ada", "exchange.points.x", amount)
        received = other.posting("exchange.points.x", "ada", 2 * amount)
        return item(shop.transaction(EXCHANGE, sent, received))

    assert reasons(await post(exchanger, [exchanged(one, 40) for one in others])) == [
        "BATCH_NOT_POSTED 2",
        "BATCH_NOT_POSTED 2",
        "INSUFFICIENT_POINTS",
    ]
    assert [(await one.balance("ada")).posted for one in (shop, *others)] == [100, 0, 0, 0]
    assert reasons(await post(exchanger, [exchanged(one, 30) for one in others])) == [""] * 3
    assert [(await one.balance("ada")).posted for one in (shop, *others)] == [10, 60, 60, 60]
    assert await findings(world.client()) == []
