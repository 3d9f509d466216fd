"""Exchanges: one transaction in the books of two programs, for partner-exchange alone."""

from __future__ import annotations

import asyncio
import zlib

import pytest

from guerdon import GuerdonError, new_request_id, was_replayed
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
    async with refused(DENIED, "KIND_NOT_ALLOWED", kind="EXCHANGE"):
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


async def _exchanged(shop: Shop, other: Shop, exchanger: Shop) -> str:
    """An exchange of 60 points into 20 and 25; its name in the sender's program."""
    postings = [
        shop.posting("ada", "exchange.points.x", 60),
        other.posting("exchange.points.x", "ada", 20, expire_time=ahead(days=9)),
        other.posting("exchange.points.x", "ada", 25),
    ]
    return (await exchanger.post(EXCHANGE, *postings)).transaction


def _reversal(name: str, *others: Shop, policy: int = 0, request_id: str = "") -> pb.ReverseTransactionRequest:
    return pb.ReverseTransactionRequest(
        name=name,
        other_programs=[other.name for other in others],
        policy=policy,  # type: ignore[arg-type]  # an enum's number
        memo="Taken back",
        request_id=request_id or new_request_id(),
    )


@pytest.mark.parametrize("same_shard", [True, False])
async def test_partner_exchange_takes_a_whole_exchange_back_and_each_program_sees_its_own_part(
    shop: Shop, world: World, same_shard: bool
) -> None:
    other = await _elsewhere(world, shop, same_shard=same_shard)
    await _partners(shop, other)
    exchanger = Shop(shop.name, world.service("partner_exchange", shop.name, other.name))
    before = [await one.balance("ada", full=True) for one in (shop, other)]
    name = await _exchanged(shop, other, exchanger)
    request = _reversal(name, other)
    answer = await exchanger.ledger.ReverseTransaction(request)
    assert answer.reversed_amount == 60
    assert {balance.account: balance.posted for balance in answer.balances} == {
        one.account("ada"): 100 for one in (shop, other)
    }
    for one, was, amounts in zip((shop, other), before, ([60], [20, 25]), strict=True):
        now = await one.balance("ada", full=True)
        assert (now.posted, now.available, now.lifetime_earned, now.lifetime_spent) == (100, 100, 100, 0)
        assert list(now.expiries) == list(was.expiries)
        assert (await one.balance("exchange.points.x")).posted == 0
        reader = Shop(one.name, world.client(world.identity.token(tenants=[one.name])))
        listed = (await reader.ledger.ListTransactions(pb.ListTransactionsRequest(parent=one.name))).transactions
        [undone] = [found for found in listed if found.kind == res.TRANSACTION_KIND_REVERSAL]
        assert [posting.amount for posting in undone.postings] == amounts
        assert all(posting.source.startswith(one.name) for posting in undone.postings)
        assert (undone.reverses.rpartition("/")[2], undone.memo) == (name.rpartition("/")[2], "Taken back")
    again = exchanger.ledger.ReverseTransaction(request)
    assert await again == answer
    assert await was_replayed(again)
    elsewhere = f"{other.name}/transactions/{name.rpartition('/')[2]}"
    for asked in (_reversal(name, other), _reversal(elsewhere, shop)):
        async with refused(PRECONDITION, "OVER_REVERSAL"):
            await exchanger.ledger.ReverseTransaction(asked)
    assert await findings(world.client()) == []


async def test_of_many_reversals_of_an_exchange_at_once_by_either_name_one_takes_it_back(
    shop: Shop, world: World
) -> None:
    other = await _elsewhere(world, shop)
    await _partners(shop, other)
    exchanger = Shop(shop.name, world.service("partner_exchange", shop.name, other.name))
    here = await _exchanged(shop, other, exchanger)
    there = f"{other.name}/transactions/{here.rpartition('/')[2]}"
    answers = await asyncio.gather(
        *(exchanger.ledger.ReverseTransaction(_reversal(here, other)) for _ in range(10)),
        *(exchanger.ledger.ReverseTransaction(_reversal(there, shop)) for _ in range(10)),
        return_exceptions=True,
    )
    refusals = [answer for answer in answers if isinstance(answer, GuerdonError)]
    assert [refusal.reason for refusal in refusals] == ["OVER_REVERSAL"] * 19
    assert [(await one.balance("ada")).posted for one in (shop, other)] == [100, 100]
    assert await findings(world.client()) == []


async def test_a_part_of_an_exchange_is_not_taken_back(shop: Shop, world: World) -> None:
    other = await _elsewhere(world, shop)
    third = await world.shop(shop.client)
    await _partners(shop, other)
    exchanger = Shop(shop.name, world.service("partner_exchange", shop.name, other.name, third.name))
    name = await _exchanged(shop, other, exchanger)
    before = [await one.balance("ada") for one in (shop, other)]
    async with refused(INVALID, "INVALID_FIELD", violated=["other_programs"]):
        await exchanger.ledger.ReverseTransaction(_reversal(name))
    async with refused(NOT_FOUND, "NOT_FOUND"):
        await exchanger.ledger.ReverseTransaction(_reversal(name, other, third))
    async with refused(DENIED, "KIND_NOT_ALLOWED", kind="EXCHANGE"):
        await shop.ledger.ReverseTransaction(_reversal(name, other))
    one_sided = world.service("partner_exchange", shop.name)
    async with refused(NOT_FOUND, "NOT_FOUND"):
        await one_sided.ledger.ReverseTransaction(_reversal(name, other))
    part = _reversal(name, other)
    part.amount = 60
    async with refused(PRECONDITION, "PARTIAL_REVERSAL_NOT_POSSIBLE"):
        await exchanger.ledger.ReverseTransaction(part)
    earned = await shop.earn("ada", 1)
    async with refused(INVALID, "INVALID_FIELD", violated=["other_programs"]):
        await shop.ledger.ReverseTransaction(_reversal(earned, other))
    await shop.reverse(earned)
    assert [(await one.balance("ada")).posted for one in (shop, other)] == [one.posted for one in before]


async def test_what_the_receiver_has_spent_decides_by_the_policy_whether_an_exchange_goes_back(
    shop: Shop, world: World
) -> None:
    other = await _elsewhere(world, shop)
    await _partners(shop, other)
    exchanger = Shop(shop.name, world.service("partner_exchange", shop.name, other.name))
    name = await _exchanged(shop, other, exchanger)
    await other.spend("ada", 120)
    for policy, left in ((pb.CLAWBACK_POLICY_ONLY_UNSPENT, 25), (pb.CLAWBACK_POLICY_WITHIN_BALANCE, 25)):
        async with refused(
            PRECONDITION, "INSUFFICIENT_POINTS", account=other.account("ada"), required=45, available=left
        ):
            await exchanger.ledger.ReverseTransaction(_reversal(name, other, policy=policy))
    assert [(await one.balance("ada")).posted for one in (shop, other)] == [40, 25]
    await shop.freeze("ada")
    await other.freeze("ada")  # a correction is booked all the same
    await exchanger.ledger.ReverseTransaction(_reversal(name, other))
    assert [(await one.balance("ada")).posted for one in (shop, other)] == [100, -20]
    assert (await other.balance("ada")).debt == 20
    assert await findings(world.client()) == []
