"""Posting: what moves, what is answered, and what is refused with which numbers."""

from __future__ import annotations

import asyncio
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guerdon import error_from_status, new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    ADJUSTMENT,
    BUDGET,
    DENIED,
    EARN,
    EXCHANGE,
    EXCHANGE_ACCOUNT,
    FUND,
    GRANT,
    INVALID,
    MEMBER,
    NOT_FOUND,
    PRECONDITION,
    RECOGNITION,
    SPEND,
    TRANSFER,
    Shop,
    World,
    findings,
    refused,
    stamp,
    time_of,
)


def ahead(**span: float) -> datetime:
    return datetime.now(UTC) + timedelta(**span)


async def test_a_posting_is_answered_with_the_balances_of_the_members_it_touched(shop: Shop) -> None:
    ada = await shop.add("ada")
    expires = ahead(days=30).replace(microsecond=0)
    answer = await shop.post(
        EARN,
        shop.posting("issuance.points", "ada", 100, expire_time=expires),
        memo="Coffee",
        effective_time=stamp(ahead(days=-1)),
    )
    [balance] = answer.balances
    assert (balance.account, balance.posted, balance.available, balance.version) == (ada, 100, 100, 1)
    assert (balance.lifetime_earned, time_of(balance.valid_until)) == (100, expires)
    assert balance == await shop.balance("ada")
    found = (await shop.ledger.GetTransaction(pb.GetTransactionRequest(name=answer.transaction))).transaction
    assert (found.name, found.kind, found.memo, found.record_time) == (
        answer.transaction,
        EARN,
        "Coffee",
        answer.record_time,
    )
    assert found.actor == "https://development.guerdon.dev|developer"
    assert time_of(found.effective_time) < time_of(found.record_time) - timedelta(hours=23)
    assert [(p.source, p.destination, p.amount) for p in found.postings] == [
        (shop.account("issuance.points"), ada, 100)
    ]
    [entry] = await shop.entries("ada")
    assert (entry.transaction, entry.amount, entry.posted, entry.version) == (answer.transaction, 100, 100, 1)
    assert (entry.memo, entry.counterparty, entry.kind) == ("Coffee", shop.account("issuance.points"), EARN)
    assert (await shop.balance("issuance.points")).posted == -100


async def test_every_kind_moves_between_its_own_kinds_of_account_only(shop: Shop, world: World) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.add("budget.points", BUDGET)
    await shop.add("exchange.points.air", EXCHANGE_ACCOUNT)
    sides = {
        EARN: [("issuance.points", "ada"), ("budget.points", "ada")],
        GRANT: [("budget.points", "ada")],
        FUND: [("issuance.points", "budget.points")],
        ADJUSTMENT: [("adjustment.points", "ada"), ("ada", "adjustment.points")],
        SPEND: [("ada", "redemption.points")],
        RECOGNITION: [("ada", "ben")],
        TRANSFER: [("ada", "ben")],
    }
    ids = ["ada", "ben", "issuance.points", "budget.points", "adjustment.points", "redemption.points"]
    ids += ["breakage.points", "exchange.points.air"]
    for kind, allowed in sides.items():
        for source, destination in allowed:
            await shop.post(kind, shop.posting(source, destination, 1))
        items = [
            pb.PostTransactionItem(
                transaction=shop.transaction(kind, shop.posting(*pair, 1)), request_id=new_request_id()
            )
            for pair in ((s, d) for s in ids for d in ids if s != d and (s, d) not in allowed)
            if not (kind in {RECOGNITION, TRANSFER} and set(pair) == {"ada", "ben"})
        ]
        answer = await shop.ledger.BatchPostTransactions(pb.BatchPostTransactionsRequest(parent=shop.name, items=items))
        if kind in {EARN, GRANT, ADJUSTMENT, SPEND}:  # ben is a member as ada is
            refusals = [r for r, i in zip(answer.results, items, strict=True) if "ben" not in str(i)]
        else:
            refusals = list(answer.results)
        for result in refusals:
            error = error_from_status(result.error)
            assert (error.reason, error.violations[0].field) == ("INVALID_FIELD", "transaction.postings[0]")
    for own in (res.TRANSACTION_KIND_REVERSAL, res.TRANSACTION_KIND_EXPIRY, 99):
        async with refused(INVALID, "INVALID_FIELD", violated=["transaction.kind"]):
            await shop.post(own, shop.posting("ada", "ben", 1))
    assert await findings(world.client()) == []


@pytest.mark.parametrize(
    ("service", "kinds"),
    [
        ("membership", {EARN, ADJUSTMENT}),
        ("rewards_catalog", {SPEND}),
        ("partner_exchange", {EXCHANGE}),
        ("recognition", {GRANT, RECOGNITION, FUND}),
        ("", {EARN, SPEND, GRANT, RECOGNITION, TRANSFER, FUND, ADJUSTMENT}),
    ],
)
async def test_a_caller_posts_its_own_kinds_only(shop: Shop, world: World, service: str, kinds: set[int]) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.add("budget.points", BUDGET)
    await shop.add("exchange.points.air", EXCHANGE_ACCOUNT)
    pairs = {
        EARN: ("issuance.points", "ada"),
        FUND: ("issuance.points", "budget.points"),
        GRANT: ("budget.points", "ada"),
        SPEND: ("ada", "redemption.points"),
        EXCHANGE: ("ada", "exchange.points.air"),
        RECOGNITION: ("ada", "ben"),
        TRANSFER: ("ada", "ben"),
        ADJUSTMENT: ("ada", "adjustment.points"),
    }
    await shop.earn("ada", 100)
    caller = Shop(shop.name, world.service(service, shop.name) if service else shop.client)
    for kind, (source, destination) in pairs.items():
        if kind in kinds:
            await caller.post(kind, shop.posting(source, destination, 1))
        else:
            name = res.TransactionKind.Name(kind).removeprefix("TRANSACTION_KIND_")
            async with refused(DENIED, "KIND_NOT_ALLOWED", kind=name):
                await caller.post(kind, shop.posting(source, destination, 1))


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


async def test_a_sum_beyond_int64_is_refused_and_leaves_all_as_it_was(shop: Shop, world: World) -> None:
    await shop.add_many(["ada", "ben"])
    for _ in range(10):
        await shop.post(EARN, *[shop.posting("issuance.points", "ada", 2**53)] * 100)
    await shop.post(EARN, *[shop.posting("issuance.points", "ada", 2**53)] * 23)
    before = await shop.balance("ada")
    assert before.posted == 1023 * 2**53
    async with refused(PRECONDITION, "BALANCE_OVERFLOW", account=shop.account("ada"), limit=2**63 - 1):
        await shop.post(
            EARN, shop.posting("issuance.points", "ada", 5), *[shop.posting("issuance.points", "ada", 2**53)] * 2
        )
    assert await shop.balance("ada") == before
    await shop.earn("ada", 2**53 - 1)
    assert (await shop.balance("ada")).posted == 2**63 - 1
    assert await findings(world.client()) == []


async def test_too_few_points_are_refused_with_the_numbers(shop: Shop) -> None:
    await shop.add("ada")
    await shop.earn("ada", 30)
    await shop.hold("ada", 10, ahead(days=1))
    request = shop.request(SPEND, shop.posting("ada", "redemption.points", 25))
    numbers: dict[str, Any] = {"account": shop.account("ada"), "required": 25, "available": 20, "missing": 5}
    before = await shop.balance("ada")
    for _ in range(2):
        async with refused(PRECONDITION, "INSUFFICIENT_POINTS", **numbers):
            await shop.ledger.PostTransaction(request)
        await shop.earn("ada", 100)  # a refusal that was decided on state is answered again, whatever comes later
    assert (await shop.balance("ada")).posted == before.posted + 200


async def test_a_transaction_refused_at_its_second_posting_leaves_all_as_it_was(shop: Shop, world: World) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 100)
    before = [await shop.balance(id_) for id_ in ("ada", "ben", "redemption.points")]
    for postings in (
        [shop.posting("ada", "redemption.points", 60)] * 2,
        [shop.posting("ada", "redemption.points", 100), shop.posting("ben", "redemption.points", 1)],
    ):
        async with refused(PRECONDITION, "INSUFFICIENT_POINTS"):
            await shop.post(SPEND, *postings)
    async with refused(PRECONDITION, "INSUFFICIENT_POINTS"):
        await shop.post(RECOGNITION, shop.posting("ada", "ben", 100), shop.posting("ben", "ada", 101))
    assert [await shop.balance(id_) for id_ in ("ada", "ben", "redemption.points")] == before
    assert await findings(world.client()) == []


async def test_accounts_that_do_not_exist_are_named(shop: Shop) -> None:
    await shop.add("ada")
    async with refused(NOT_FOUND, "NOT_FOUND", resource=shop.account("nobody")):
        await shop.earn("nobody", 1)
    async with refused(NOT_FOUND, "NOT_FOUND", resource=f"{shop.name}/transactions/1"):
        await shop.ledger.GetTransaction(pb.GetTransactionRequest(name=f"{shop.name}/transactions/1"))
    for id_ in ("x", str(2**63), "9" * 60):
        async with refused(NOT_FOUND, "NOT_FOUND"):
            await shop.ledger.GetTransaction(pb.GetTransactionRequest(name=f"{shop.name}/transactions/{id_}"))


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


async def test_member_ids_may_be_anything_a_name_may_be(shop: Shop) -> None:
    assert MEMBER == res.ACCOUNT_KIND_MEMBER
    for id_ in ("a", "Z9_~-", "x" * 63):
        await shop.add(id_)
        await shop.earn(id_, 1)
        assert (await shop.balance(id_)).posted == 1
