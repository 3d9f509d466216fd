"""The ledger's rules on two workers and a real PostgreSQL, by their numbers in the ledger's explanation.

Rule 11 comes with closing the books. After each test everything is verified.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from guerdon_kit.testing.fixtures import RedisDatabases
from tests.contract.ledger.world import (
    BUDGET,
    EARN,
    GRANT,
    PRECONDITION,
    RECOGNITION,
    SPEND,
    TRANSFER,
    Shop,
    World,
    findings,
    refused,
    time_of,
)
from tests.integration.ledger.connections import Connection, MovableTime, outcomes, through


async def test_rule_1_all_entries_sum_to_zero_at_every_moment(
    shop: Shop, connections: list[Connection], running: RunningService
) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 1000)
    ways = through(shop, connections)
    load = asyncio.gather(
        *(next(ways).spend("ada", 1) for _ in range(60)),
        *(next(ways).earn("ben", 2) for _ in range(60)),
        *(next(ways).post(RECOGNITION, shop.posting("ada", "ben", 1)) for _ in range(60)),
    )
    reader = await asyncpg.connect(running.database.owner_url)
    sums = []
    while not load.done():
        sums.append(
            await reader.fetchval(
                """select coalesce(sum(a.posted), 0) + coalesce((
                     select sum(case when p.destination_version is null then p.amount else 0 end)
                          - sum(case when p.source_version is null then p.amount else 0 end)
                     from postings p join accounts s on s.shard = p.shard and s.id = p.source
                     where s.program = (select program from programs where id = $1)), 0)
                   from accounts a where a.program = (select program from programs where id = $1)""",
                shop.name.removeprefix("programs/"),
            )
        )
        await asyncio.sleep(0)
    await load
    await reader.close()
    assert set(sums) == {0}
    names = ["ada", "ben", "issuance.points", "redemption.points"]
    assert sum([(await shop.balance(name)).posted for name in names]) == 0


async def test_rule_2_a_hundred_spends_of_10_on_500_are_fifty_successes(
    shop: Shop, connections: list[Connection]
) -> None:
    await shop.add("ada")
    await shop.earn("ada", 500)
    ways = through(shop, connections)
    done, refusals = await outcomes(next(ways).spend("ada", 10) for _ in range(100))
    assert (len(done), len(refusals)) == (50, 50)
    assert {refusal.reason for refusal in refusals} == {"INSUFFICIENT_POINTS"}
    balance = await shop.balance("ada")
    assert (balance.posted, balance.available, balance.lifetime_spent, balance.version) == (0, 0, 500, 51)


async def test_rule_2_no_spend_hold_or_gift_takes_available_below_zero_whatever_races(
    shop: Shop, connections: list[Connection], time: MovableTime
) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 300, expire_time=time.ahead(days=1))
    await shop.earn("ada", 200)
    ways = through(shop, connections)
    until = time.ahead(days=2)
    calls: list[Any] = [next(ways).spend("ada", 10) for _ in range(30)]
    calls += [next(ways).hold("ada", 10, until) for _ in range(30)]
    calls += [next(ways).post(RECOGNITION, shop.posting("ada", "ben", 10)) for _ in range(30)]
    done, refusals = await outcomes(calls)
    assert (len(done), len(refusals)) == (50, 40)
    balance = await shop.balance("ada")
    holds = sum(isinstance(one, res.Hold) for one in done)
    assert (balance.available, balance.held, balance.posted) == (0, 10 * holds, 10 * holds)


async def test_rule_3_a_statement_explains_the_balance(shop: Shop, connections: list[Connection]) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 100)
    ways = through(shop, connections)
    earned = await asyncio.gather(*(next(ways).earn("ada", 7) for _ in range(20)))
    await outcomes(next(ways).reverse(one, 5) for one in earned)
    await outcomes(next(ways).post(RECOGNITION, shop.posting("ada", "ben", 30)) for _ in range(9))
    lines = await shop.entries("ada")
    running = 0
    for line in lines:
        running += line.amount
        assert line.posted == running
    assert [line.version for line in lines] == list(range(1, len(lines) + 1))
    assert running == (await shop.balance("ada")).posted


async def test_rule_4_each_lot_expires_once_whoever_sweeps(
    shop: Shop, connections: list[Connection], time: MovableTime
) -> None:
    ids = [f"m{n}" for n in range(60)]
    await shop.add_many(ids)
    soon = time.ahead(hours=1)
    ways = through(shop, connections)
    await asyncio.gather(*(next(ways).earn(id_, 10, expire_time=soon) for id_ in ids for _ in range(2)))
    await asyncio.gather(*(next(ways).earn(id_, 5) for id_ in ids))
    time.pass_(hours=2)
    # Spends race with the sweepers of both workers: they find five points and not twenty-five.
    done, refusals = await outcomes(next(ways).spend(id_, 6) for id_ in ids)
    assert (len(done), len(refusals)) == (0, 60)

    async def swept() -> bool:
        return (await shop.balance("breakage.points")).posted == 60 * 20

    await wait_until(swept)
    for id_ in ids[:10]:
        kinds = Counter(line.kind for line in await shop.entries(id_))
        assert kinds == {EARN: 3, res.TRANSACTION_KIND_EXPIRY: 2}
        assert (await shop.balance(id_)).available == 5


async def test_rule_4_points_go_back_to_the_budget_that_funded_them(shop: Shop, time: MovableTime) -> None:
    await shop.add("ada")
    await shop.balance("breakage.points")  # the unit's own accounts are known before there is a budget
    await shop.add("budget.points", BUDGET)
    await shop.post(GRANT, shop.posting("budget.points", "ada", 30, expire_time=time.ahead(minutes=10)))
    await shop.spend("ada", 10)
    time.pass_(minutes=11)

    async def returned() -> bool:
        return (await shop.balance("budget.points")).posted == -10

    await wait_until(returned)
    assert (await shop.balance("breakage.points")).posted == 0


async def test_rule_5_reversals_at_once_take_no_more_than_the_original(
    shop: Shop, connections: list[Connection]
) -> None:
    await shop.add("ada")
    await shop.earn("ada", 100)
    spent = await shop.spend("ada", 50)
    ways = through(shop, connections)
    done, refusals = await outcomes(next(ways).reverse(spent, 10) for _ in range(20))
    assert (len(done), len(refusals)) == (5, 15)
    assert {refusal.reason for refusal in refusals} == {"OVER_REVERSAL"}
    assert (await shop.balance("ada")).posted == 100


async def test_rule_5_a_restored_lot_that_has_expired_expires_again_at_once(shop: Shop, time: MovableTime) -> None:
    await shop.add("ada")
    await shop.earn("ada", 30, expire_time=time.ahead(minutes=10))
    await shop.earn("ada", 30)
    spent = await shop.spend("ada", 40)
    time.pass_(minutes=11)
    answer = await shop.reverse(spent)
    assert (answer.reversed_amount, answer.balances[0].posted) == (40, 30)
    kinds = [line.kind for line in await shop.entries("ada")]
    assert kinds[-2:] == [res.TRANSACTION_KIND_REVERSAL, res.TRANSACTION_KIND_EXPIRY]
    assert (await shop.balance("breakage.points")).posted == 30


async def test_rule_5_a_restored_lot_that_has_expired_lives_for_the_grace_that_the_program_grants(
    shop: Shop, time: MovableTime
) -> None:
    program = res.Program(name=shop.name, restored_lot_grace=Duration(seconds=86_400))
    mask = FieldMask(paths=["restored_lot_grace"])
    await shop.ledger.UpdateProgram(
        pb.UpdateProgramRequest(program=program, update_mask=mask, request_id=new_request_id())
    )
    await shop.add("ada")
    await shop.earn("ada", 30, expire_time=time.ahead(minutes=10))
    await shop.earn("ada", 30)
    spent = await shop.spend("ada", 40)
    time.pass_(minutes=11)
    answer = await shop.reverse(spent)
    [balance] = answer.balances
    assert (answer.reversed_amount, balance.posted, balance.available) == (40, 60, 60)
    assert time_of(balance.valid_until) - time_of(answer.record_time) == timedelta(days=1)
    [bucket] = (await shop.balance("ada", full=True)).expiries
    assert (bucket.expire_time, bucket.amount) == (balance.valid_until, 30)
    time.pass_(days=1)
    assert (await shop.balance("ada")).available == 30


async def test_rule_6_transfers_that_race_move_every_point_once_and_with_its_expiry(
    shop: Shop, connections: list[Connection], time: MovableTime
) -> None:
    ids = ["ada", "ben", "cal"]
    await shop.add_many(ids)
    expiries = [time.ahead(days=1), time.ahead(days=2)]
    for id_ in ids:
        for expiry in expiries:
            await shop.earn(id_, 50, expire_time=expiry)
    ways = through(shop, connections)
    pairs = [(a, b) for a in ids for b in ids if a != b]
    done, _ = await outcomes(
        next(ways).post(TRANSFER, shop.posting(a, b, 30 + number)) for number in range(10) for a, b in pairs
    )
    assert done
    found: Counter[Any] = Counter()
    for id_ in ids:
        balance = await shop.balance(id_, full=True)
        assert (balance.available, balance.lifetime_earned, balance.lifetime_spent) == (balance.posted, 100, 0)
        for bucket in balance.expiries:
            found[time_of(bucket.expire_time)] += bucket.amount
    assert found == dict.fromkeys(expiries, 150)
    await outcomes(next(ways).reverse(one.transaction, policy=pb.CLAWBACK_POLICY_WITHIN_BALANCE) for one in done)
    balances = [await shop.balance(id_) for id_ in ids]
    assert sum(balance.posted for balance in balances) == 300
    assert all(balance.available >= 0 for balance in balances)


async def state(running: RunningService) -> dict[str, Any]:
    """Everything that the ledger keeps, request records aside."""
    connection = await asyncpg.connect(running.database.owner_url)
    tables = ("accounts", "transactions", "postings", "account_events", "lots", "holds")
    found = {t: await connection.fetch(f"select t::text as row from {t} t order by 1") for t in tables}
    await connection.close()
    return found


async def test_rule_7_what_is_refused_leaves_the_state_as_it_was(
    shop: Shop, running: RunningService, time: MovableTime
) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 50, expire_time=time.ahead(days=1))
    spent = await shop.spend("ada", 10)
    hold = (await shop.hold("ada", 10, time.ahead(days=1))).name
    before = await state(running)
    calls = [
        shop.spend("ada", 31),
        shop.hold("ada", 31, time.ahead(days=1)),
        shop.hold("ada", 1, time.ahead(days=-1)),
        shop.capture(hold, 11),
        shop.reverse(spent, 11),
        shop.earn("ada", 1, expire_time=time.ahead(days=-1)),
        shop.earn("nobody", 1),
        shop.post(SPEND, *[shop.posting("ada", "redemption.points", 20)] * 2),
        shop.post(RECOGNITION, shop.posting("ada", "ben", 30), shop.posting("ada", "ben", 1)),
        shop.post(RECOGNITION, shop.posting("ada", "ben", 30), shop.posting("ben", "ada", 31)),
    ]
    for call in calls:
        _, refusals = await outcomes([call])
        assert len(refusals) == 1
    assert await state(running) == before


async def test_rule_8_the_same_request_at_once_from_everywhere_posts_once(
    shop: Shop, connections: list[Connection]
) -> None:
    await shop.add("ada")
    request = shop.request(EARN, shop.posting("issuance.points", "ada", 10))
    calls = [one.ledger.PostTransaction(request) for one in connections * 10]
    answers = await asyncio.gather(*calls)
    assert all(answer == answers[0] for answer in answers)
    replayed = [await was_replayed(call) for call in calls]
    assert Counter(replayed) == {False: 1, True: 39}
    assert (await shop.balance("ada")).posted == 10


async def test_rule_8_the_same_request_after_a_crash_posts_once(
    shop: Shop, running: RunningService, time: MovableTime
) -> None:
    await shop.add("ada")
    earn = shop.request(EARN, shop.posting("issuance.points", "ada", 100, expire_time=time.ahead(hours=1)))
    spend = shop.request(SPEND, shop.posting("ada", "redemption.points", 500))
    earned = await shop.ledger.PostTransaction(earn)
    placed = pb.PlaceHoldRequest(
        parent=shop.name,
        hold=res.Hold(account=shop.account("ada"), amount=60, expire_time=earn.transaction.postings[0].expire_time),
        request_id=new_request_id(),
    )
    held = await shop.ledger.PlaceHold(placed)
    reversal = await shop.reverse(await shop.spend("ada", 40), 15, request_id="undo")
    _, [refusal] = await outcomes([shop.ledger.PostTransaction(spend)])
    running.process.kill()
    await asyncio.to_thread(running.process.start)
    time.pass_(hours=2)  # the answers speak of what has expired since
    assert await shop.ledger.PostTransaction(earn) == earned
    assert await shop.ledger.PlaceHold(placed) == held
    async with refused(PRECONDITION, refusal.reason, **refusal.metadata):
        await shop.ledger.PostTransaction(spend)
    lines = await shop.entries("ada")
    again = await shop.reverse(lines[1].transaction, 15, request_id="undo")
    assert again == reversal
    assert [line.amount for line in lines[:3]] == [100, -40, 15]


@pytest.mark.parametrize("how", ["capture", "release", "both"])
async def test_rule_9_a_hold_is_resolved_once_however_many_try(
    shop: Shop, connections: list[Connection], time: MovableTime, how: str
) -> None:
    await shop.add("ada")
    await shop.earn("ada", 100)
    hold = (await shop.hold("ada", 40, time.ahead(days=1))).name
    ways = through(shop, connections)
    calls: list[Any] = []
    for _ in range(10):
        if how != "release":
            calls.append(next(ways).capture(hold, 25))
        if how != "capture":
            calls.append(next(ways).release(hold))
    done, refusals = await outcomes(calls)
    assert len(done) == 1
    captured = isinstance(done[0], pb.CaptureHoldResponse)
    expected = "HOLD_ALREADY_CAPTURED" if captured else "HOLD_ALREADY_RELEASED"
    assert {refusal.reason for refusal in refusals} == {expected}
    balance = await shop.balance("ada")
    assert (balance.posted, balance.held, balance.available) == ((75, 0, 75) if captured else (100, 0, 100))


async def test_rule_9_a_capture_after_the_time_out_is_refused_with_its_own_reason(
    shop: Shop, connections: list[Connection], time: MovableTime
) -> None:
    await shop.add("ada")
    await shop.earn("ada", 100)
    until = time.ahead(minutes=5)
    hold = (await shop.hold("ada", 40, until)).name
    time.pass_(minutes=6)
    ways = through(shop, connections)
    done, refusals = await outcomes([next(ways).capture(hold) for _ in range(5)] + [next(ways).capture(hold, 41)])
    assert done == []
    assert {refusal.reason for refusal in refusals} == {"HOLD_EXPIRED"}
    assert {refusal.metadata["expire_time"] for refusal in refusals} == {until.isoformat()}
    balance = await shop.balance("ada")
    assert (balance.held, balance.available) == (0, 100)


async def test_rule_10_record_times_strictly_increase_and_follow_versions(
    shop: Shop, connections: list[Connection], time: MovableTime
) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ada", 100)
    ways = through(shop, connections)
    await outcomes(
        [next(ways).earn("ada", 1) for _ in range(50)]
        + [next(ways).spend("ada", 1) for _ in range(50)]
        + [next(ways).post(RECOGNITION, shop.posting("ada", "ben", 1)) for _ in range(50)]
    )
    now = time.now()
    for id_ in ("ada", "ben"):
        lines = await shop.entries(id_)
        times = [time_of(line.record_time) for line in lines]
        assert times == sorted(set(times))
        assert abs((times[-1] - now).total_seconds()) < 30
        assert [line.version for line in lines] == list(range(1, len(lines) + 1))


@pytest.fixture(scope="module")
def unswept(module_services: ServiceFactory, databases: DatabaseFactory, redis_databases: RedisDatabases) -> Any:
    """A ledger whose sweeper does not run."""
    settings = {"ledger_sweep_every_s": "3600"}
    with redis_databases.one() as own:
        service = module_services.start("ledger", databases.make("ledger"), settings=settings, endpoints=own)
        yield service
    service.process.stop()
    databases.drop(service.database)


async def test_rule_4_the_clock_decides_and_not_the_sweeper(
    unswept: RunningService, module_services: ServiceFactory, time: MovableTime
) -> None:
    world = World(unswept.target, module_services.identity)
    shop = await world.shop()
    await shop.add_many(["ada", "ben"])
    soon = time.ahead(minutes=10)
    await shop.earn("ada", 30, expire_time=soon)
    await shop.earn("ada", 7, available_time=soon)
    await shop.earn("ben", 50, expire_time=soon)
    captured, released = [await shop.hold("ben", 20, time.ahead(days=1)) for _ in range(2)]
    lapsing = await shop.hold("ben", 5, soon)
    for full in (False, True):
        ada = await shop.balance("ada", full=full)
        assert (ada.available, ada.pending, time_of(ada.valid_until)) == (30, 7, soon)
    time.pass_(minutes=11)

    for full in (False, True):
        ada, ben = [await shop.balance(id_, full=full) for id_ in ("ada", "ben")]
        assert (ada.available, ada.pending, ada.posted, ada.version) == (7, 0, 37, 2)
        assert (ben.available, ben.held, ben.version) == (0, 40, 4)
    found = (await shop.ledger.GetHold(pb.GetHoldRequest(name=lapsing.name))).hold
    assert found.state == res.HOLD_STATE_EXPIRED
    async with refused(PRECONDITION, "INSUFFICIENT_POINTS", available=7, required=8, missing=1):
        await shop.spend("ada", 8)
    assert await findings(world.client()) == []

    taken = await shop.capture(captured.name, 15)  # its lot expired while it was held
    assert (taken.balance.posted, taken.balance.held) == (20, 20)
    free = await shop.release(released.name)
    assert (free.balance.posted, free.balance.held, free.balance.available) == (0, 0, 0)
    kinds = Counter(line.kind for line in await shop.entries("ben"))
    assert kinds == {EARN: 1, SPEND: 1, res.TRANSACTION_KIND_EXPIRY: 3}
    async with refused(PRECONDITION, "HOLD_EXPIRED"):
        await shop.capture(lapsing.name)
    await shop.spend("ada", 7)
    assert (await shop.balance("breakage.points")).posted == 30 + 35
    assert await findings(world.client()) == []
    await world.close()
