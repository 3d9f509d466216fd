"""Credit limits under load, over two workers: counts come out exactly, and a limit counts what was in flight."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from guerdon import RefusedError
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import limits_pb2
from guerdon_kit.testing import RunningService, wait_until
from tests.contract.ledger.world import BUDGET, GRANT, PRECONDITION, Shop, findings, refused
from tests.integration.ledger.connections import Connection, MovableTime, outcomes, through

BUDGETS = ("budget.points.east", "budget.points.west")
EAST = BUDGETS[0]
POSTERS = 12


@pytest.fixture
async def owner(running: RunningService) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    opened = await asyncpg.connect(running.database.owner_url)
    yield opened
    await opened.close()


@pytest.fixture
async def scheme(shop: Shop) -> Shop:
    """A program with two budgets and eight members."""
    for budget in BUDGETS:
        await shop.add(budget, BUDGET)
    await shop.add_many([f"m{n}" for n in range(8)])
    return shop


async def grant(shop: Shop, amount: int, to: int = 0, budget: str = EAST) -> str:
    return (await shop.post(GRANT, shop.posting(budget, f"m{to}", amount))).transaction


async def left(shop: Shop, budget: str = EAST) -> tuple[int, int]:
    balance = await shop.balance(budget)
    return balance.posted, balance.available


async def test_of_a_hundred_grants_of_ten_from_five_hundred_exactly_fifty_succeed(
    scheme: Shop, connections: list[Connection]
) -> None:
    await scheme.limit(EAST, 500)
    ways = through(scheme, connections)
    done, refusals = await outcomes(grant(next(ways), 10, n % 8) for n in range(100))
    assert (len(done), len(refusals)) == (50, 50)
    assert {(refusal.reason, refusal.metadata["available"]) for refusal in refusals} == {("BUDGET_EXHAUSTED", "0")}
    assert await left(scheme) == (-500, 0)
    assert sum([(await scheme.balance(f"m{n}")).posted for n in range(8)]) == 500


async def test_two_budgets_in_each_transaction_in_either_order_come_out_exactly(
    scheme: Shop, connections: list[Connection]
) -> None:
    for budget in BUDGETS:
        await scheme.limit(budget, 300)
    ways = through(scheme, connections)
    calls = []
    for _ in range(80):
        one, two = random.sample(BUDGETS, 2)
        to = random.sample(range(8), 2)
        postings = [scheme.posting(one, f"m{to[0]}", 5), scheme.posting(two, f"m{to[1]}", 5)]
        calls.append(next(ways).post(GRANT, *postings))
    done, refusals = await outcomes(calls)
    assert (len(done), len(refusals)) == (60, 20)
    assert {refusal.reason for refusal in refusals} == {"BUDGET_EXHAUSTED"}
    assert [await left(scheme, budget) for budget in BUDGETS] == [(-300, 0)] * 2


async def test_the_first_limit_of_a_budget_counts_what_is_given_meanwhile(
    scheme: Shop, connections: list[Connection]
) -> None:
    ways = through(scheme, connections)
    granted: list[str] = []
    refusals: list[RefusedError] = []

    async def give(number: int) -> None:
        while True:
            try:
                granted.append(await grant(next(ways), 1, number % 8))
            except RefusedError as refusal:
                refusals.append(refusal)
                return

    async with asyncio.TaskGroup() as tasks:
        for number in range(POSTERS):
            tasks.create_task(give(number))
        await wait_until(lambda: len(granted) >= 20, timeout_s=30)
        change = await next(ways).limit(EAST, 300)
    assert await left(scheme) == (-300 + min(0, change.available), min(0, change.available))
    assert len(granted) == 300 - min(0, change.available)
    assert [refusal.reason for refusal in refusals] == ["BUDGET_EXHAUSTED"] * POSTERS


async def test_the_first_limit_waits_for_what_has_begun_without_it(
    scheme: Shop, connections: list[Connection], owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    one, two = Shop(scheme.name, connections[0]), Shop(scheme.name, connections[1])

    async def stuck() -> int:
        waiting = "select count(*) from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))"
        return int(await owner.fetchval(waiting))

    async def row() -> int:
        return int(await owner.fetchval("select count(*) from slices where account = $1", budget))

    program = "(select program from programs where id = $1)"
    budget = await owner.fetchval(
        f"select id from accounts where program = {program} and name = $2", scheme.name.split("/")[1], EAST
    )
    async with owner.transaction():
        await owner.execute("lock table postings in share mode")  # what a batch writes after it looked for limits
        in_flight = asyncio.create_task(grant(one, 30))
        await wait_until(stuck, timeout_s=30)
        limited = asyncio.create_task(two.limit(EAST, 100))
        await wait_until(row, timeout_s=30)
        assert not limited.done()
    await in_flight
    assert (await limited).available == 70
    async with refused(PRECONDITION, "BUDGET_EXHAUSTED", available=70):
        await grant(one, 71)


async def test_what_expires_makes_room_in_the_budget_that_funded_it(
    scheme: Shop, time: MovableTime, connections: list[Connection]
) -> None:
    await scheme.limit(EAST, 100)
    soon = time.ahead(hours=1)
    for n in range(4):
        await scheme.post(GRANT, scheme.posting(EAST, f"m{n}", 25, expire_time=soon))
    await scheme.spend("m0", 10)
    await scheme.hold("m1", 5, time.ahead(days=1))
    assert await left(scheme) == (-100, 0)
    time.pass_(hours=2)
    ways = through(scheme, connections)

    async def swept() -> bool:
        return await left(scheme) == (-15, 85)

    await wait_until(swept, timeout_s=30)
    done, refusals = await outcomes(grant(next(ways), 10, n % 8) for n in range(20))
    assert (len(done), len(refusals)) == (8, 12)


async def test_limits_that_race_each_other_are_all_told_and_the_last_one_decides(
    scheme: Shop, connections: list[Connection]
) -> None:
    ways = through(scheme, connections)
    limits = [None if n % 3 == 0 else n * 10 for n in range(18)]
    given, (done, refusals) = await asyncio.gather(
        outcomes(grant(next(ways), 1, n % 8) for n in range(30)),
        outcomes(next(ways).limit(EAST, limit) for limit in limits),
    )
    assert (len(done), refusals) == (18, [])
    assert {refusal.reason for refusal in given[1]} <= {"BUDGET_EXHAUSTED"}
    request = limits_pb2.ListCreditLimitChangesRequest(parent=scheme.account(EAST))
    told = list((await scheme.ledger.ListCreditLimitChanges(request)).changes)
    assert sorted(change.credit_limit for change in told) == sorted(limit or 0 for limit in limits)
    newest = told[0]
    found = (await scheme.ledger.GetAccount(pb.GetAccountRequest(name=scheme.account(EAST)))).account
    assert (found.HasField("credit_limit"), found.credit_limit) == (
        newest.HasField("credit_limit"),
        newest.credit_limit,
    )


@pytest.mark.parametrize(
    ("change", "found", "expected"),
    [
        ("available = available + 1", "91 left of 100", "90 left of 100"),
        ("credit_limit = 101", "90 left of 101", "90 left of 100"),
        ("credit_limit = null, available = null", "no credit limit", "90 left of 100"),
    ],
)
async def test_verification_names_a_slice_that_was_changed(
    scheme: Shop, owner: asyncpg.Connection[asyncpg.Record], change: str, found: str, expected: str
) -> None:
    await scheme.limit(EAST, 100)
    await grant(scheme, 10)
    program = scheme.name.split("/")[1]
    where = """where account = (select a.id from accounts a join programs p on p.program = a.program
                                where p.id = $1 and a.name = $2)"""
    await owner.execute(f"update slices set {change} {where}", program, EAST)
    [finding] = await findings(scheme.client)
    assert (finding.reason, finding.subject) == ("SLICE_DIFFERS", scheme.account(EAST))
    assert (finding.found, finding.expected) == (found, expected)
    await owner.execute(f"update slices set credit_limit = 100, available = 90 {where}", program, EAST)


async def test_the_serving_role_can_change_no_limit_of_the_past(
    scheme: Shop, running: RunningService, owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    await scheme.limit(EAST, 100)
    serving = await asyncpg.connect(running.database.runtime_url)
    for statement in (
        "update credit_limit_changes set credit_limit = 1",
        "delete from credit_limit_changes",
        "delete from slices",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await serving.execute(statement)
    await serving.close()
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute("update credit_limit_changes set credit_limit = 1")
