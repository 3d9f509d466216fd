"""Lists of accounts, holds and transactions: whole, in order, by page, and of what was asked for only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import ServiceFactory
from tests.contract.ledger.lists import accounts, holds, transactions
from tests.contract.ledger.world import (
    CLOSED,
    EXCHANGE,
    EXCHANGE_ACCOUNT,
    FROZEN,
    INVALID,
    MEMBER,
    NOT_FOUND,
    OPEN,
    RECOGNITION,
    Shop,
    World,
    ahead,
    refused,
)

ACTIVE, CAPTURED = res.HOLD_STATE_ACTIVE, res.HOLD_STATE_CAPTURED
RELEASED, EXPIRED = res.HOLD_STATE_RELEASED, res.HOLD_STATE_EXPIRED
SYSTEM = ["adjustment.points", "breakage.points", "issuance.points", "redemption.points"]


async def test_accounts_are_listed_by_name_and_by_kind_and_state(shop: Shop, world: World) -> None:
    await (await world.shop(shop.client)).add("eve")
    ids = sorted(["Zoe", "ada", "ben", "cy", *(f"m-{n}" for n in range(8))])
    await shop.add_many(ids)
    await shop.add("exchange.points.air", EXCHANGE_ACCOUNT)
    for id_ in ("ada", "m-3", "m-7"):
        await shop.freeze(id_)
    await shop.close("cy")
    everything = sorted([*ids, *SYSTEM, "exchange.points.air"])
    assert await accounts(shop) == [everything]
    pages = await accounts(shop, 5)
    assert [len(page) for page in pages] == [5, 5, 5, 2]
    assert [id_ for page in pages for id_ in page] == everything
    assert await accounts(shop, kind=MEMBER) == [ids]
    assert await accounts(shop, kind=EXCHANGE_ACCOUNT) == [["exchange.points.air"]]
    assert await accounts(shop, 2, state=FROZEN) == [["ada", "m-3"], ["m-7"]]
    assert await accounts(shop, kind=MEMBER, state=CLOSED) == [["cy"]]
    assert await accounts(shop, kind=EXCHANGE_ACCOUNT, state=FROZEN) == [[]]
    assert await accounts(shop, state=OPEN) == [[id_ for id_ in everything if id_ not in {"ada", "m-3", "m-7", "cy"}]]
    found = (await shop.ledger.ListAccounts(pb.ListAccountsRequest(parent=shop.name, page_size=3))).accounts
    for account in found:
        assert (await shop.ledger.GetAccount(pb.GetAccountRequest(name=account.name))).account == account


async def test_holds_are_listed_newest_first_and_by_state(shop: Shop, ledger_services: ServiceFactory) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 1000)
    await shop.earn("ben", 10)
    await shop.hold("ben", 1, ahead(days=1))
    placed = [await shop.hold("ada", 1 + n, ahead(days=2)) for n in range(7)]
    lapsing = await shop.hold("ada", 50, ahead(hours=1))
    await shop.capture(placed[1].name)
    await shop.capture(placed[4].name, 2)
    await shop.release(placed[2].name)
    names = [hold.name for hold in [*placed, lapsing]][::-1]
    set_offset(ledger_services.clock_file, timedelta(hours=2))
    try:
        assert [[hold.name for hold in page] for page in await holds(shop, "ada")] == [names]
        assert [[hold.name for hold in page] for page in await holds(shop, "ada", 3)] == [
            names[:3],
            names[3:6],
            names[6:],
        ]
        by_state = {
            state: [hold.name for page in await holds(shop, "ada", 2, state) for hold in page]
            for state in (ACTIVE, CAPTURED, RELEASED, EXPIRED)
        }
        assert by_state == {
            ACTIVE: [placed[n].name for n in (6, 5, 3, 0)],
            CAPTURED: [placed[n].name for n in (4, 1)],
            RELEASED: [placed[2].name],
            EXPIRED: [lapsing.name],
        }
        for hold in (await holds(shop, "ada"))[0]:
            assert (await shop.ledger.GetHold(pb.GetHoldRequest(name=hold.name))).hold == hold
    finally:
        set_offset(ledger_services.clock_file, timedelta())
    assert await holds(shop, "issuance.points") == [[]]


async def test_transactions_are_listed_newest_first_as_they_are_read(shop: Shop, world: World) -> None:
    other = await world.shop(shop.client)
    for one in (shop, other):
        await one.add_many(["ada", "ben"])
    made = []
    for n in range(11):
        made.append(await shop.earn("ada", 5 + n))
        await other.earn("ada", 1)
    several = [shop.posting("ada", "ben", 1 + n) for n in range(3)]
    made.append((await shop.post(RECOGNITION, *several, memo="Thanks")).transaction)
    made.append((await shop.reverse(made[0], 2)).transaction)
    names = made[::-1]
    pages = await transactions(shop, 4)
    assert [[found.name for found in page] for page in pages] == [names[:4], names[4:8], names[8:12], names[12:]]
    [found] = await transactions(shop)
    assert [one.name for one in found] == names
    for listed in found:
        read = await shop.ledger.GetTransaction(pb.GetTransactionRequest(name=listed.name))
        assert read.transaction == listed
    assert [posting.amount for posting in found[1].postings] == [1, 2, 3]
    assert found[0].reverses == made[0]


async def test_an_exchange_is_listed_in_both_programs_with_the_postings_of_each(shop: Shop, world: World) -> None:
    others = [await world.shop(shop.client) for _ in range(6)]  # in the same shard, and in others
    for one in (shop, *others):
        await one.add("ada")
        await one.add("exchange.points.x", EXCHANGE_ACCOUNT)
        await one.earn("ada", 100)
    for other in others:
        exchanger = Shop(shop.name, world.service("partner_exchange", shop.name, other.name))
        postings = [shop.posting("ada", "exchange.points.x", 10), other.posting("exchange.points.x", "ada", 20)]
        await exchanger.post(EXCHANGE, *postings)
    for other in others:
        reader = Shop(other.name, world.client(world.identity.token(tenants=[other.name])))
        [[exchange, earn]] = await transactions(reader)
        assert (exchange.kind, len(earn.postings)) == (EXCHANGE, 1)
        assert [posting.destination for posting in exchange.postings] == [other.account("ada")]
    [found] = await transactions(shop)
    assert len(found) == 1 + len(others)
    assert {posting.amount for one in found if one.kind == EXCHANGE for posting in one.postings} == {10}


async def test_a_page_of_transactions_has_a_bounded_number_of_postings(shop: Shop) -> None:
    await shop.add("ada")
    postings = [shop.posting("issuance.points", "ada", 1) for _ in range(100)]
    items = [
        pb.PostTransactionItem(transaction=shop.transaction(res.TRANSACTION_KIND_EARN, *postings), request_id=f"r-{n}")
        for n in range(100)
    ]
    for request in (items, items[:1]):
        for n, item in enumerate(request):
            item.request_id = f"{len(request)}-{n}"
        await shop.ledger.BatchPostTransactions(
            pb.BatchPostTransactionsRequest(parent=shop.name, items=request, omit_balances=True)
        )
    assert [len(page) for page in await transactions(shop, 1000)] == [100, 1]


LISTS: dict[str, tuple[Callable[..., Any], str, bool]] = {
    "ListAccounts": (pb.ListAccountsRequest, "", True),
    "ListHolds": (pb.ListHoldsRequest, "ada", True),
    "ListTransactions": (pb.ListTransactionsRequest, "", False),
}


@pytest.mark.parametrize("method", LISTS)
async def test_a_list_asked_for_wrongly_is_refused(shop: Shop, world: World, method: str) -> None:
    make, id_, filtered = LISTS[method]
    call = getattr(shop.ledger, method)
    await shop.add("ada")
    for _ in range(3):
        await shop.earn("ada", 10)
        await shop.hold("ada", 1, ahead(days=1))
    parent = shop.account(id_) if id_ else shop.name
    for size in (-1, 1001):
        async with refused(INVALID, "INVALID_FIELD", violated=["page_size"]):
            await call(make(parent=parent, page_size=size))
    token = (await call(make(parent=parent, page_size=1))).next_page_token
    await call(make(parent=parent, page_token=token))
    other = await world.shop(shop.client)
    await other.add("ada")
    wrong = [{"parent": parent, "page_token": "nonsense"}, {"parent": parent, "page_token": token[:-2]}]
    wrong.append({"parent": other.account(id_) if id_ else other.name, "page_token": token})
    if filtered:
        wrong.append({"parent": parent, "page_token": token, "state": 1})
        for state in (-1, 9):
            async with refused(INVALID, "INVALID_FIELD", violated=["state"]):
                await call(make(parent=parent, state=state))
    for fields in wrong:
        async with refused(INVALID, "INVALID_FIELD", violated=["page_token"]):
            await call(make(**fields))
    async with refused(NOT_FOUND, "NOT_FOUND"):
        await call(make(parent=shop.account("nobody") if id_ else "programs/nowhere"))
