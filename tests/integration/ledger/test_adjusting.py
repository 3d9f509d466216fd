"""Adjustments on two workers: a limit holds once it is answered, and an approval posts once, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import GuerdonError, RefusedError, UnavailableError, new_request_id
from guerdon.ledger.v1 import adjustments_pb2 as adj
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.testing import RunningService, wait_until
from tests.contract.ledger.world import ADJUSTMENT, PRECONDITION, Shop, World, refused
from tests.integration.ledger.connections import Connection, outcomes, through

APPROVED, REJECTED = adj.ADJUSTMENT_STATE_APPROVED, adj.ADJUSTMENT_STATE_REJECTED
POSTERS, LOWERINGS = 8, 6
COUNT = 80
ATTEMPTS_MAX = 100


@pytest.fixture
async def owner(running: RunningService) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    opened = await asyncpg.connect(running.database.owner_url)
    yield opened
    await opened.close()


@pytest.fixture
def approvers(shop: Shop, world: World, running: RunningService) -> list[Shop]:
    """The same program as eight other people reach it, each over a connection of their own."""
    tokens = [world.identity.token(f"approver-{n}") for n in range(8)]
    clients = [Connection(running.target, token) for token in tokens]
    world._clients += clients
    return [Shop(shop.name, client) for client in clients]


async def limit(shop: Shop, amount: int) -> None:
    limits = [res.AdjustmentLimit(amount=amount)]
    await shop.ledger.UpdateProgram(
        pb.UpdateProgramRequest(
            program=res.Program(name=shop.name, adjustment_limits=limits),
            update_mask=FieldMask(paths=["adjustment_limits"]),
            request_id=new_request_id(),
        )
    )


async def propose(shop: Shop, amount: int) -> str:
    transaction = shop.transaction(ADJUSTMENT, shop.posting("adjustment.points", "ada", amount))
    answer = await shop.ledger.ProposeAdjustment(
        adj.ProposeAdjustmentRequest(parent=shop.name, transaction=transaction, request_id=new_request_id())
    )
    return str(answer.adjustment.name)


def approval(name: str, request_id: str = "") -> adj.ApproveAdjustmentRequest:
    return adj.ApproveAdjustmentRequest(name=name, request_id=request_id or new_request_id())


async def test_once_a_lower_limit_was_answered_no_worker_posts_above_it(
    shop: Shop, connections: list[Connection], owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    await shop.add_many([f"m{n}" for n in range(POSTERS)])
    shops = through(shop, connections)
    posted: Counter[str] = Counter()
    stopped = False

    async def post(number: int) -> None:
        while not stopped:
            try:
                await next(shops).post(ADJUSTMENT, shop.posting("adjustment.points", f"m{number}", 100))
                posted["posted"] += 1
            except RefusedError as refusal:
                posted[refusal.reason] += 1

    async def more(what: str, count: int) -> None:
        wanted = posted[what] + count
        await wait_until(lambda: posted[what] >= wanted, timeout_s=30)

    async def there() -> int:
        return int(
            await owner.fetchval(
                "select count(*) from transactions where program = (select program from programs where id = $1)",
                shop.name.split("/")[1],
            )
        )

    async with asyncio.TaskGroup() as tasks:
        posters = [tasks.create_task(post(number)) for number in range(POSTERS)]
        for _ in range(LOWERINGS):
            await more("posted", 10)
            await limit(next(shops), 99)
            before = await there()
            await more("SECOND_PERSON_REQUIRED", 2 * POSTERS)
            assert await there() == before
            await limit(next(shops), 100)
        stopped = True
        await asyncio.wait(posters)
    assert set(posted) == {"posted", "SECOND_PERSON_REQUIRED"}
    assert await there() == posted["posted"]


async def test_a_lower_limit_waits_for_what_was_decided_by_the_one_before(
    shop: Shop, connections: list[Connection], owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 100)
    one, two = Shop(shop.name, connections[0]), Shop(shop.name, connections[1])
    of_shop = "program = (select program from programs where id = $1)"
    program = shop.name.split("/")[1]

    async def stuck() -> int:
        waiting = "select count(*) from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))"
        return int(await owner.fetchval(waiting))

    async def written() -> int:
        return int(await owner.fetchval(f"select count(*) from policy_changes where {of_shop}", program))

    async with owner.transaction():
        ada = f"select id from accounts where name = 'ada' and {of_shop}"
        await owner.execute(f"select from lots where account = ({ada}) for update", program)
        in_flight = asyncio.create_task(one.post(ADJUSTMENT, shop.posting("ada", "adjustment.points", 30)))
        await wait_until(stuck, timeout_s=30)
        lowering = asyncio.create_task(limit(two, 29))
        await wait_until(written, timeout_s=30)
        async with refused(PRECONDITION, "SECOND_PERSON_REQUIRED", limit=29, amount=30):
            await two.post(ADJUSTMENT, shop.posting("adjustment.points", "ben", 30))
        assert not lowering.done()
    await lowering
    assert (await in_flight).balances[0].posted == 70


async def test_of_approvals_and_rejections_in_two_workers_one_comes_first(shop: Shop, approvers: list[Shop]) -> None:
    await shop.add("ada")
    given = 0
    for amount in range(1, 11):
        name = await propose(shop, amount)
        rejection = adj.RejectAdjustmentRequest(name=name)
        calls = [one.ledger.ApproveAdjustment(approval(name)) for one in approvers]
        for one in approvers[::2]:
            rejection.request_id = new_request_id()
            calls.append(one.ledger.RejectAdjustment(rejection))
        [first], refusals = await outcomes(calls)
        told = {APPROVED: "ADJUSTMENT_ALREADY_APPROVED", REJECTED: "ADJUSTMENT_ALREADY_REJECTED"}
        assert {refusal.reason for refusal in refusals} == {told[first.adjustment.state]}
        given += amount if first.adjustment.state == APPROVED else 0
        assert (await shop.balance("ada")).posted == given


async def test_approvals_whose_worker_is_killed_post_once_or_not_at_all_and_the_same_request_tells(
    shop: Shop, approvers: list[Shop], running: RunningService
) -> None:
    await shop.add("ada")
    names = [await propose(shop, 1) for _ in range(COUNT)]
    ways = itertools.cycle(approvers)
    answered: dict[str, str] = {}

    async def approve(name: str, approver: Shop) -> None:
        request = approval(name)
        for _ in range(ATTEMPTS_MAX):
            try:
                answered[name] = (await approver.ledger.ApproveAdjustment(request)).adjustment.transaction.name
            except UnavailableError:
                await asyncio.sleep(0.1)
            else:
                return
        raise AssertionError(name)

    async def kill() -> None:
        await wait_until(lambda: len(answered) >= 10, timeout_s=30)
        running.process.kill()
        await asyncio.to_thread(running.process.start)

    async def one_after_another(mine: list[str], approver: Shop) -> None:
        for name in mine:
            await approve(name, approver)

    await asyncio.gather(kill(), *(one_after_another(names[n::8], next(ways)) for n in range(8)))
    assert sorted(answered) == sorted(names)
    assert len(set(answered.values())) == COUNT
    assert (await shop.balance("ada")).posted == COUNT
    for name in names[::10]:
        found = (await shop.ledger.GetAdjustment(adj.GetAdjustmentRequest(name=name))).adjustment
        assert (found.state, found.transaction.name) == (APPROVED, answered[name])
        with pytest.raises(GuerdonError) as refusal:
            await approvers[0].ledger.ApproveAdjustment(approval(name))
        assert refusal.value.reason == "ADJUSTMENT_ALREADY_APPROVED"
