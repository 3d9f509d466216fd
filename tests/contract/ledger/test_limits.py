"""Credit limits: what they refuse, what makes room again, and who set them when."""

from __future__ import annotations

import pytest

from guerdon import new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import limits_pb2
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import (
    BUDGET,
    EARN,
    EXCHANGE,
    EXCHANGE_ACCOUNT,
    FUND,
    GRANT,
    INVALID,
    NOT_FOUND,
    PRECONDITION,
    Shop,
    World,
    refused,
    time_of,
)

BUDGET_ID = "budget.points"
DEVELOPER = "https://development.guerdon.dev|developer"


@pytest.fixture
async def scheme(shop: Shop) -> Shop:
    """A program with a budget and two members."""
    await shop.add(BUDGET_ID, BUDGET)
    await shop.add_many(["ada", "ben"])
    return shop


async def grant(shop: Shop, amount: int, to: str = "ada", request_id: str = "") -> str:
    return (await shop.post(GRANT, shop.posting(BUDGET_ID, to, amount), request_id=request_id)).transaction


async def fund(shop: Shop, amount: int) -> str:
    return (await shop.post(FUND, shop.posting("issuance.points", BUDGET_ID, amount))).transaction


async def account(shop: Shop) -> res.Account:
    answer = await shop.ledger.GetAccount(pb.GetAccountRequest(name=shop.account(BUDGET_ID)))
    return answer.account  # type: ignore[no-any-return]  # the stub is Any here


async def left(shop: Shop, id_: str = BUDGET_ID) -> tuple[int, int]:
    balance = await shop.balance(id_)
    return balance.posted, balance.available


async def changes(shop: Shop, **page: int | str) -> limits_pb2.ListCreditLimitChangesResponse:
    request = limits_pb2.ListCreditLimitChangesRequest(parent=shop.account(BUDGET_ID), **page)  # type: ignore[arg-type]  # by name
    return await shop.ledger.ListCreditLimitChanges(request)  # type: ignore[no-any-return]  # the stub is Any here


async def test_a_budget_gives_what_its_limit_allows_and_a_higher_limit_lets_the_same_request_pass(
    scheme: Shop,
) -> None:
    await grant(scheme, 30)  # before there is a limit: it counts
    change = await scheme.limit(BUDGET_ID, 100)
    assert (change.credit_limit, change.available, change.actor) == (100, 70, DEVELOPER)
    assert change.reason == "This year's budget"
    await grant(scheme, 70)
    before = await scheme.balance("ben")
    name = scheme.account(BUDGET_ID)
    async with refused(PRECONDITION, "BUDGET_EXHAUSTED", account=name, credit_limit=100, required=5, available=0):
        await grant(scheme, 5, "ben", "again")
    assert await scheme.balance("ben") == before
    assert await left(scheme) == (-100, 0)
    assert (await scheme.limit(BUDGET_ID, 104)).available == 4
    async with refused(PRECONDITION, "BUDGET_EXHAUSTED", available=4):
        await grant(scheme, 5, "ben", "again")
    assert (await scheme.limit(BUDGET_ID, 105)).available == 5
    await grant(scheme, 5, "ben", "again")
    assert await left(scheme) == (-105, 0)


async def test_a_limit_is_lowered_below_what_has_gone_out_and_taken_away(scheme: Shop) -> None:
    assert not (await account(scheme)).HasField("credit_limit")
    await scheme.limit(BUDGET_ID, 100)
    given = await grant(scheme, 80)
    assert (await scheme.limit(BUDGET_ID, 0)).available == -80
    found = await account(scheme)
    assert found.HasField("credit_limit")
    assert found.credit_limit == 0
    listed = await scheme.ledger.ListAccounts(pb.ListAccountsRequest(parent=scheme.name, kind=BUDGET))
    assert list(listed.accounts) == [found]
    assert await left(scheme) == (-80, -80)
    async with refused(PRECONDITION, "BUDGET_EXHAUSTED", available=-80, required=1):
        await grant(scheme, 1)
    await scheme.reverse(given, 50)
    await fund(scheme, 31)
    await grant(scheme, 1)
    assert await left(scheme) == (0, 0)
    lifted = await scheme.limit(BUDGET_ID, None)
    assert not lifted.HasField("credit_limit")
    assert not lifted.HasField("available")
    assert not (await account(scheme)).HasField("credit_limit")
    await grant(scheme, 1000)
    assert await left(scheme) == (-1000, 0)
    # What went out without a limit counts for the next one.
    assert (await scheme.limit(BUDGET_ID, 1001)).available == 1


async def test_a_budget_takes_back_only_what_it_still_has(scheme: Shop) -> None:
    await scheme.limit(BUDGET_ID, 0)
    funded = await fund(scheme, 100)
    given = await grant(scheme, 70)
    async with refused(PRECONDITION, "BUDGET_EXHAUSTED", required=100, available=30):
        await scheme.reverse(funded)
    await scheme.reverse(funded, 30)
    await scheme.reverse(given)
    await scheme.reverse(funded, 70)
    assert await left(scheme) == (0, 0)


async def test_in_a_batch_what_a_limit_refuses_is_refused_alone(scheme: Shop) -> None:
    await scheme.limit(BUDGET_ID, 100)
    postings = [
        (GRANT, [(BUDGET_ID, "ada", 60)]),
        (GRANT, [(BUDGET_ID, "ben", 41)]),
        (GRANT, [(BUDGET_ID, "ada", 20), (BUDGET_ID, "ben", 21)]),
        (EARN, [("issuance.points", "ben", 7)]),
        (GRANT, [(BUDGET_ID, "ben", 40)]),
        (FUND, [("issuance.points", BUDGET_ID, 5)]),
        (GRANT, [(BUDGET_ID, "ada", 5)]),
    ]
    items = [
        pb.PostTransactionItem(
            transaction=scheme.transaction(kind, *(scheme.posting(*move) for move in moves)),
            request_id=new_request_id(),
        )
        for kind, moves in postings
    ]
    answer = await scheme.ledger.BatchPostTransactions(pb.BatchPostTransactionsRequest(parent=scheme.name, items=items))
    assert [result.HasField("error") for result in answer.results] == [False, True, True, False, False, False, False]
    assert (await left(scheme), await left(scheme, "ada"), await left(scheme, "ben")) == ((-100, 0), (65, 65), (47, 47))
    assert [(await scheme.balance(id_)).version for id_ in ("ada", "ben")] == [2, 2]


async def test_an_exchange_account_has_a_limit_in_its_own_program(shop: Shop, world: World) -> None:
    other = await world.shop()
    for one in (shop, other):
        await one.add("ada")
        await one.add("exchange.points.x", EXCHANGE_ACCOUNT)
        await one.earn("ada", 100)
    await other.limit("exchange.points.x", 30)
    exchanger = Shop(shop.name, world.service("partner_exchange", shop.name, other.name))

    async def exchange(amount: int) -> None:
        postings = [shop.posting("ada", "exchange.points.x", 1), other.posting("exchange.points.x", "ada", amount)]
        await exchanger.post(EXCHANGE, *postings)

    await exchange(20)
    async with refused(PRECONDITION, "BUDGET_EXHAUSTED", account=other.account("exchange.points.x"), available=10):
        await exchange(11)
    await exchange(10)
    assert (await left(other, "exchange.points.x"), await left(shop, "exchange.points.x")) == ((-30, 0), (2, 0))
    assert ((await shop.balance("ada")).posted, (await other.balance("ada")).posted) == (98, 130)


async def test_a_change_is_made_once_and_told_for_ever(scheme: Shop, world: World) -> None:
    request = limits_pb2.SetCreditLimitRequest(
        name=scheme.account(BUDGET_ID), credit_limit=100, reason="January", request_id="january"
    )
    first = await scheme.ledger.SetCreditLimit(request)
    await grant(scheme, 10)
    finance = Shop(scheme.name, world.client(world.identity.token("finance")))
    await finance.limit(BUDGET_ID, None, "February")
    again = scheme.ledger.SetCreditLimit(request)
    assert await again == first
    assert await was_replayed(again)
    assert not (await account(scheme)).HasField("credit_limit")
    request.credit_limit = 0
    async with refused(INVALID, "REQUEST_ID_REUSED", fields="credit_limit"):
        await scheme.ledger.SetCreditLimit(request)
    request.ClearField("credit_limit")  # none is another limit than 0
    async with refused(INVALID, "REQUEST_ID_REUSED", fields="credit_limit"):
        await scheme.ledger.SetCreditLimit(request)
    await scheme.limit(BUDGET_ID, 5, "March")
    page = await changes(scheme, page_size=2)
    rest = await changes(scheme, page_size=2, page_token=page.next_page_token)
    told = [*page.changes, *rest.changes]
    assert [(change.reason, change.credit_limit, change.available) for change in told] == [
        ("March", 5, -5),
        ("February", 0, 0),
        ("January", 100, 100),
    ]
    assert [change.HasField("credit_limit") for change in told] == [True, False, True]
    assert told[1].actor.endswith("|finance")
    assert [time_of(change.record_time) for change in told] == sorted(
        (time_of(change.record_time) for change in told), reverse=True
    )
    assert (len(page.changes), rest.next_page_token) == (2, "")


@pytest.mark.parametrize(
    ("id_", "fields", "violated"),
    [
        ("ada", {"credit_limit": 1}, "name"),
        ("issuance.points", {"credit_limit": 1}, "name"),
        ("redemption.points", {}, "name"),
        (BUDGET_ID, {"credit_limit": -1}, "credit_limit"),
        (BUDGET_ID, {"credit_limit": 2**53 + 1}, "credit_limit"),
        (BUDGET_ID, {"credit_limit": 1, "reason": "  "}, "reason"),
        (BUDGET_ID, {"credit_limit": 1, "reason": "x" * 201}, "reason"),
        (BUDGET_ID, {"credit_limit": 1, "request_id": ""}, "request_id"),
    ],
)
async def test_what_is_no_limit_is_refused_and_changes_nothing(
    scheme: Shop, id_: str, fields: dict[str, int | str], violated: str
) -> None:
    await scheme.limit(BUDGET_ID, 7)
    good: dict[str, int | str] = {"reason": "January", "request_id": new_request_id()}
    request = limits_pb2.SetCreditLimitRequest(name=scheme.account(id_), **good | fields)  # type: ignore[arg-type]  # by name
    async with refused(INVALID, "INVALID_FIELD", violated=[violated]):
        await scheme.ledger.SetCreditLimit(request)
    assert (await account(scheme)).credit_limit == 7
    assert len((await changes(scheme)).changes) == 1


async def test_an_account_that_does_not_exist_has_no_limit(scheme: Shop) -> None:
    async with refused(NOT_FOUND, "NOT_FOUND"):
        await scheme.limit("budget.points.nobody", 7)


async def test_the_largest_limit_leaves_room_for_every_posting(scheme: Shop) -> None:
    await scheme.limit(BUDGET_ID, 2**53)
    await fund(scheme, 2**53)
    assert await left(scheme) == (2**53, 2**54)
    for _ in range(2):
        await grant(scheme, 2**53)
    async with refused(PRECONDITION, "BUDGET_EXHAUSTED", credit_limit=2**53, available=0):
        await grant(scheme, 1)
