"""A batch that opens the accounts it credits: enrolling and giving points in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from guerdon import new_request_id
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.test_atomic_batch import Item, earned, item, reasons, spent
from tests.contract.ledger.world import (
    EARN,
    INVALID,
    MEMBER,
    NOT_FOUND,
    OPEN,
    TRANSFER,
    Shop,
    World,
    ahead,
    findings,
    refused,
)


def request(shop: Shop, items: Sequence[Item], unit: str = "points", **fields: Any) -> pb.BatchPostTransactionsRequest:
    in_unit = f"{shop.name}/units/{unit}" if unit else ""
    return pb.BatchPostTransactionsRequest(parent=shop.name, items=items, open_accounts_in=in_unit, **fields)


async def post(shop: Shop, items: Sequence[Item], unit: str = "points", **fields: Any) -> list[Any]:
    return list((await shop.ledger.BatchPostTransactions(request(shop, items, unit, **fields))).results)


async def exists(shop: Shop, id_: str) -> bool:
    found = await shop.ledger.ListAccounts(pb.ListAccountsRequest(parent=shop.name, kind=MEMBER, page_size=1000))
    return shop.account(id_) in {account.name for account in found.accounts}


async def test_accounts_are_opened_by_the_first_item_that_credits_them(shop: Shop, world: World) -> None:
    await shop.add("ada")
    items = [earned(shop, "ada", 1), earned(shop, "new", 10), earned(shop, "new", 5), spent(shop, "new", 3)]
    results = await post(shop, items)
    assert reasons(results) == [""] * 4
    assert [[(b.account, b.posted, b.version) for b in result.posted.balances] for result in results] == [
        [(shop.account("ada"), 1, 1)],
        [(shop.account("new"), 10, 1)],
        [(shop.account("new"), 15, 2)],
        [(shop.account("new"), 12, 3)],
    ]
    made = (await shop.ledger.GetAccount(pb.GetAccountRequest(name=shop.account("new")))).account
    assert (made.unit, made.kind, made.state) == (f"{shop.name}/units/points", MEMBER, OPEN)
    assert (await shop.balance("new")).available == 12
    assert [line.amount for line in await shop.entries("new")] == [10, 5, -3]
    await shop.spend("new", 12)
    assert reasons(await post(shop, [earned(shop, "new", 7)])) == [""]
    assert (await shop.balance("new")).version == 5
    assert await findings(world.client()) == []


async def test_the_same_items_again_are_a_replay_with_and_without_it(shop: Shop) -> None:
    items = [earned(shop, "new", 10), earned(shop, "other", 1)]
    first = await post(shop, items)
    for unit in ("points", ""):
        again = await post(shop, items, unit)
        assert [result.replayed for result in again] == [True, True]
        assert [result.posted for result in again] == [result.posted for result in first]
    assert (await shop.balance("new")).version == 1


async def test_nothing_else_is_opened(shop: Shop) -> None:
    """Not by an item that is refused, nor what points come from, nor accounts of the program's own."""
    await shop.add("ada")
    late = shop.posting("issuance.points", "late", 10, expire_time=ahead(seconds=-1))
    gift = shop.posting("poor", "rich", 10)
    strange = shop.posting("issuance.points", "issuance.stars", 10)
    for posting, kind, reason in (
        (late, EARN, "EXPIRY_PASSED"),
        (gift, TRANSFER, "NOT_FOUND"),
        (strange, EARN, "NOT_FOUND"),
        (shop.posting("ada", "rich", 10), TRANSFER, "INSUFFICIENT_POINTS"),
    ):
        assert reasons(await post(shop, [item(shop.transaction(kind, posting))])) == [reason]
    for id_ in ("late", "poor", "rich", "issuance.stars"):
        assert not await exists(shop, id_)
    assert reasons(await post(shop, [earned(shop, "new", 10)], unit="")) == ["NOT_FOUND"]
    assert not await exists(shop, "new")


async def test_a_transfer_opens_the_account_it_goes_to(shop: Shop) -> None:
    await shop.add("ada")
    await shop.earn("ada", 30)
    gift = item(shop.transaction(TRANSFER, shop.posting("ada", "ben", 20)))
    assert reasons(await post(shop, [gift])) == [""]
    assert [(await shop.balance(who)).available for who in ("ada", "ben")] == [10, 20]


async def test_an_account_of_another_unit_is_left_alone(shop: Shop) -> None:
    unit = res.Unit(name=f"{shop.name}/units/stars", display_name="Stars")
    await shop.ledger.CreateUnit(pb.CreateUnitRequest(unit=unit, request_id=new_request_id()))
    await shop.add("starry", unit="stars")
    assert reasons(await post(shop, [earned(shop, "starry", 10), earned(shop, "new", 1)])) == ["INVALID_FIELD", ""]
    assert (await shop.balance("starry")).version == 0
    # nor does a unit that is not the points'
    assert reasons(await post(shop, [earned(shop, "other", 10)], unit="stars")) == ["INVALID_FIELD"]
    assert not await exists(shop, "other")


async def test_the_unit_is_one_of_the_programs(shop: Shop, world: World) -> None:
    other = await world.shop()
    items = [earned(shop, "new", 10)]
    async with refused(NOT_FOUND, "NOT_FOUND"):
        await post(shop, items, unit="none")
    foreign = request(shop, items)
    foreign.open_accounts_in = f"{other.name}/units/points"
    async with refused(INVALID, "INVALID_FIELD", violated=["open_accounts_in"]):
        await shop.ledger.BatchPostTransactions(foreign)
    foreign.open_accounts_in = "points"
    async with refused(INVALID, "INVALID_FIELD", violated=["open_accounts_in"]):
        await shop.ledger.BatchPostTransactions(foreign)
    assert not await exists(shop, "new")


async def test_an_atomic_batch_opens_all_or_none(shop: Shop) -> None:
    await shop.add("ada")
    items = [earned(shop, "new", 10), spent(shop, "ada", 1), earned(shop, "other", 10)]
    assert reasons(await post(shop, items, atomic=True)) == [
        "BATCH_NOT_POSTED 1",
        "INSUFFICIENT_POINTS",
        "BATCH_NOT_POSTED 1",
    ]
    assert not await exists(shop, "new")
    assert not await exists(shop, "other")
    assert reasons(await post(shop, [items[0], items[2]], atomic=True)) == ["", ""]
    assert [(await shop.balance(who)).posted for who in ("new", "other")] == [10, 10]


async def test_batches_at_once_that_open_the_same_account_each_post_once(shop: Shop, world: World) -> None:
    batches = [[earned(shop, "shared", 1), earned(shop, f"own-{n}", 1)] for n in range(20)]
    results = await asyncio.gather(*(post(shop, items, atomic=n % 4 == 0) for n, items in enumerate(batches)))
    assert [reasons(one) for one in results] == [["", ""]] * 20
    versions = sorted(one[0].posted.balances[0].version for one in results)
    assert versions == list(range(1, 21))
    assert await findings(world.client()) == []
