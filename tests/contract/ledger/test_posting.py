"""Posting: what moves, what is answered, and what is refused with which numbers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from guerdon import error_from_status, new_request_id
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
    MERGE,
    NOT_FOUND,
    PRECONDITION,
    RECOGNITION,
    SPEND,
    TRANSFER,
    Shop,
    World,
    ahead,
    findings,
    refused,
    stamp,
    time_of,
)


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
        MERGE: [("ben", "ada")],
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
            if not (kind in {RECOGNITION, TRANSFER, MERGE} and set(pair) == {"ada", "ben"})
            if not (kind == FUND and pair[1] == "budget.points")  # what members have goes there by recognition alone
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
        ("membership", {EARN, ADJUSTMENT, MERGE}),
        ("rewards_catalog", {SPEND, ADJUSTMENT, GRANT}),
        ("partner_exchange", {EXCHANGE}),
        ("recognition", {GRANT, RECOGNITION, FUND}),
        ("", {EARN, SPEND, GRANT, RECOGNITION, TRANSFER, MERGE, FUND, ADJUSTMENT}),
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
        MERGE: ("ada", "ben"),
        ADJUSTMENT: ("adjustment.points", "ada"),
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


async def test_recognition_alone_returns_to_a_budget_what_members_have(shop: Shop, world: World) -> None:
    await shop.add("ada")
    await shop.add("budget.points", BUDGET)
    await shop.earn("ada", 10)
    for caller in (shop, Shop(shop.name, world.service("membership", shop.name))):
        async with refused(DENIED, "KIND_NOT_ALLOWED", kind="FUND"):
            await caller.post(FUND, shop.posting("ada", "budget.points", 10))
    recognition = Shop(shop.name, world.service("recognition", shop.name))
    async with refused(PRECONDITION, "INSUFFICIENT_POINTS", available="10"):
        await recognition.post(FUND, shop.posting("ada", "budget.points", 11))
    returned = await recognition.post(FUND, shop.posting("ada", "budget.points", 10))
    balance = await shop.balance("ada")
    assert (balance.posted, balance.lifetime_earned, balance.lifetime_spent) == (0, 10, 0)
    assert (await shop.balance("budget.points")).posted == 10
    await shop.reverse(returned.transaction)  # somebody was taken for a leaver
    assert [(await shop.balance(id_)).posted for id_ in ("ada", "budget.points")] == [10, 0]


async def test_the_catalog_takes_nothing_by_adjustments_and_reverses_spends_alone(shop: Shop, world: World) -> None:
    await shop.add("ada")
    await shop.add("budget.points", BUDGET)
    catalog = Shop(shop.name, world.service("rewards_catalog", shop.name))
    async with refused(DENIED, "KIND_NOT_ALLOWED", kind="ADJUSTMENT"):
        await catalog.post(ADJUSTMENT, shop.posting("ada", "adjustment.points", 1))
    granted = await shop.post(GRANT, shop.posting("budget.points", "ada", 2))
    given = await shop.post(ADJUSTMENT, shop.posting("adjustment.points", "ada", 2))
    for posted, kind in ((granted, "GRANT"), (given, "ADJUSTMENT")):
        async with refused(DENIED, "KIND_NOT_ALLOWED", kind=kind):
            await catalog.reverse(posted.transaction)
    spent = await shop.post(SPEND, shop.posting("ada", "redemption.points", 3))
    await catalog.reverse(spent.transaction)
    assert (await shop.balance("ada")).posted == 4


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


async def test_member_ids_may_be_anything_a_name_may_be(shop: Shop) -> None:
    assert MEMBER == res.ACCOUNT_KIND_MEMBER
    for id_ in ("a", "Z9_~-", "x" * 63):
        await shop.add(id_)
        await shop.earn(id_, 1)
        assert (await shop.balance(id_)).posted == 1
