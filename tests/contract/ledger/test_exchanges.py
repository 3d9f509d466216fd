"""Exchanges: one transaction in the books of two programs, for partner-exchange alone."""

from __future__ import annotations

import asyncio
import zlib

import pytest

from guerdon import was_replayed
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    DENIED,
    EARN,
    EXCHANGE,
    EXCHANGE_ACCOUNT,
    INVALID,
    NOT_FOUND,
    PRECONDITION,
    Shop,
    World,
    ahead,
    findings,
    refused,
)


async def test_only_partner_exchange_moves_points_across_programs(shop: Shop, world: World) -> None:
    other = await _elsewhere(world, shop)
    await _partners(shop, other)
    postings = [
        shop.posting("ada", "exchange.points.x", 10),
        other.posting("exchange.points.x", "ada", 20, expire_time=ahead(days=9)),
    ]
    async with refused(DENIED, "KIND_NOT_ALLOWED"):
        await shop.post(EXCHANGE, *postings)
    async with refused(DENIED, "SPANS_PROGRAMS"):
        await shop.post(EARN, other.posting("issuance.points", "ada", 1))
    crossed = res.Posting(source=shop.account("issuance.points"), destination=other.account("ada"), amount=1)
    async with refused(INVALID, "INVALID_FIELD", violated=["transaction.postings[0].destination"]):
        await shop.post(EARN, crossed)
    one_sided = Shop(shop.name, world.service("partner_exchange", shop.name))
    async with refused(NOT_FOUND, "NOT_FOUND"):
        await one_sided.post(EXCHANGE, *postings)
    assert (await shop.balance("ada")).posted == 100


async def _partners(*shops: Shop) -> None:
    for shop in shops:
        await shop.add("ada")
        await shop.add("exchange.points.x", EXCHANGE_ACCOUNT)
        await shop.earn("ada", 100)


async def _elsewhere(world: World, shop: Shop, *, same_shard: bool = False) -> Shop:
    """A program in another shard than `shop`, or in the same one. Programs are spread by their ids' checksum."""
    at = zlib.crc32(shop.name.removeprefix("programs/").encode()) % 4
    stem = shop.name.removeprefix("programs/")
    ids = (f"{stem}-{n}" for n in range(1000))
    return await world.shop(shop.client, next(i for i in ids if (zlib.crc32(i.encode()) % 4 == at) is same_shard))


@pytest.mark.parametrize("same_shard", [True, False])
async def test_an_exchange_is_one_transaction_in_both_programs_books(
    shop: Shop, world: World, same_shard: bool
) -> None:
    other = await _elsewhere(world, shop, same_shard=same_shard)
    await _partners(shop, other)
    exchanger = Shop(shop.name, world.service("partner_exchange", shop.name, other.name))
    postings = [shop.posting("ada", "exchange.points.x", 10), other.posting("exchange.points.x", "ada", 20)]
    request = exchanger.request(EXCHANGE, *postings)
    answer = await exchanger.ledger.PostTransaction(request)
    balances = {balance.account: balance for balance in answer.balances}
    assert {name: balance.posted for name, balance in balances.items()} == {
        shop.account("ada"): 90,
        other.account("ada"): 120,
    }
    for one, pair in ((shop, ("ada", "exchange.points.x")), (other, ("exchange.points.x", "ada"))):
        assert await one.balance("ada") == balances[one.account("ada")]
        [_, entry] = await one.entries("ada")
        reader = Shop(one.name, world.client(world.identity.token(tenants=[one.name])))
        found = (await reader.ledger.GetTransaction(pb.GetTransactionRequest(name=entry.transaction))).transaction
        assert [(p.source, p.destination) for p in found.postings] == [tuple(map(one.account, pair))]
        assert (await one.balance("exchange.points.x")).posted == (10 if one is shop else -20)
    again = exchanger.ledger.PostTransaction(request)
    assert await again == answer
    assert await was_replayed(again)
    before = [await one.balance("ada") for one in (shop, other)]
    async with refused(PRECONDITION, "INSUFFICIENT_POINTS", account=shop.account("ada")):
        await exchanger.post(
            EXCHANGE, other.posting("exchange.points.x", "ada", 5), shop.posting("ada", "exchange.points.x", 1000)
        )
    async with refused(PRECONDITION, "NOT_REVERSIBLE"):
        await shop.reverse(answer.transaction)
    assert [await one.balance("ada") for one in (shop, other)] == before
    assert await findings(world.client()) == []


async def test_exchanges_in_both_directions_at_once_all_end(shop: Shop, world: World) -> None:
    other = await _elsewhere(world, shop)
    await _partners(shop, other)
    exchanger = world.service("partner_exchange", shop.name, other.name)
    here, there = Shop(shop.name, exchanger), Shop(other.name, exchanger)
    await asyncio.gather(
        *(
            one.post(EXCHANGE, one.posting("ada", "exchange.points.x", 1), two.posting("exchange.points.x", "ada", 1))
            for _ in range(20)
            for one, two in ((here, there), (there, here))
        ),
        *(shop.spend("ada", 1) for _ in range(20)),
    )
    assert [(await one.balance("ada")).posted for one in (shop, other)] == [80, 100]
    assert await findings(world.client()) == []
