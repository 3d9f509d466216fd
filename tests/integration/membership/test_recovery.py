"""What a crash or an absent ledger leaves behind is finished: once, to the point, without anybody sending it again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from guerdon import GuerdonError, UnavailableError
from guerdon.ledger.v1 import ledger_pb2
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.membership.v1 import (
    activity_pb2,
    member_pb2,
    profile_pb2,
    program_pb2,
    purchase_pb2,
    referral_pb2,
    times_pb2,
    velocity_pb2,
)
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1.purchase_pb2 import AwaitedPoints
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_kit.clock import set_offset
from guerdon_kit.processes import ServerProcess
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from membership.domain.purchases import State
from tests.contract.membership import doings, friends, people
from tests.contract.membership.test_purchase_events import tell
from tests.contract.membership.test_rules import make
from tests.contract.membership.test_times import has
from tests.contract.membership.test_velocity import limit, reject, release, watch
from tests.contract.membership.world import Shop, World, row, stream, when

PAST_THE_LEASE = timedelta(minutes=5)


@dataclass
class Moving:
    """The clock of the module's services. It only goes forward: what is recorded stays in the past."""

    file: Path
    offset: timedelta = timedelta()

    def forward(self, by: timedelta) -> None:
        """Moves the clock of both services."""
        self.offset += by
        set_offset(self.file, self.offset)

    def forward_to(self, moment: datetime) -> None:
        """Moves the clock of both services to a moment that is to come."""
        self.forward(moment - self.now())

    def now(self) -> datetime:
        """The services' now, roughly."""
        return datetime.now(UTC) + self.offset

    def yesterday(self) -> Timestamp:
        """A day before the services' now."""
        return Timestamp(seconds=int(time.time() + (self.offset - timedelta(days=1)).total_seconds()))


@pytest.fixture(scope="module")
def running(
    module_services: ServiceFactory, databases: DatabaseFactory
) -> Iterator[tuple[RunningService, RunningService]]:
    ledger = module_services.start("ledger", databases.make("ledger"))
    membership = module_services.start("membership", databases.make("membership"), targets={"ledger": ledger.target})
    yield ledger, membership
    databases.drop(membership.database)
    databases.drop(ledger.database)


@pytest.fixture(scope="module")
def clock(module_services: ServiceFactory) -> Moving:
    return Moving(module_services.clock_file)


@pytest.fixture
async def world(
    running: tuple[RunningService, RunningService], module_services: ServiceFactory
) -> AsyncIterator[World]:
    made = World(*running, module_services.identity)
    yield made
    await made.close()


async def settled(shop: Shop) -> bool:
    return (await shop.totals()).pending_purchase_count == 0


async def require_exact(shop: Shop, members: set[str]) -> None:
    """The ledger holds exactly what membership awarded, welcome bonuses included, and nobody is left out."""
    totals = await shop.totals()
    balances = await asyncio.gather(*(shop.balance(member) for member in sorted(members)))
    awarded = totals.base_points + totals.tier_points + totals.welcome_points - totals.returned_points
    assert totals.member_count == len(members)
    assert sum(balance.posted for balance in balances) == awarded


@pytest.mark.crash
async def test_a_ledger_that_is_away_delays_but_loses_nothing(world: World, clock: Moving) -> None:
    shop = await world.shop()
    await shop.enroll("ada")
    await shop.buy("before", "ada", 100_00)
    await asyncio.gather(shop.enroll("cleo"), shop.enroll("dora"))
    world.ledger.process.kill()
    closing = asyncio.ensure_future(_refusal(people.close(shop, "cleo", "close-1")))  # its client asks again and again
    bought, enrolled, returned, erased = await asyncio.gather(
        shop.buy("p1", "ada", 40_00),
        shop.enroll("ben"),
        shop.bring_back("r1", "before", 30_00),
        people.erase(shop, "dora", "erase-1"),
    )
    assert erased.texts_pending
    assert bought.purchase.state == purchase_pb2.Purchase.STATE_PENDING
    assert bought.purchase.rating.base_points == 40
    assert enrolled.member.state == member_pb2.Member.STATE_PENDING
    assert (returned.goods_return.state, returned.goods_return.points) == (purchase_pb2.Return.STATE_PENDING, 30)
    world.ledger.process.start()
    clock.forward(PAST_THE_LEASE)

    async def arrived() -> bool:
        ben = pb.GetMemberRequest(name=f"{shop.program}/members/ben")
        active = (await shop.membership.membership.GetMember(ben)).member.state == member_pb2.Member.STATE_ACTIVE
        return active and await settled(shop) and (await shop.balance("ada")).posted == 50 + 70 + bought_points

    bought_points = bought.purchase.rating.base_points + bought.purchase.rating.tier_points
    await wait_until(arrived)
    await require_exact(shop, {"ada", "ben", "cleo", "dora"})
    assert await closing == "MEMBER_NOT_EMPTY"
    assert not (await people.erase(shop, "dora", "erase-1")).texts_pending


@pytest.mark.crash
async def test_endings_that_membership_is_killed_in_are_finished_by_themselves(world: World, clock: Moving) -> None:
    shop = await world.shop(welcome_points=0)
    await asyncio.gather(*(people.enroll(shop, one, profile_pb2.Profile(external_id=one)) for one in ("ada", "ben")))

    def ask() -> list[Any]:
        return [people.close(shop, "ada", "close-1"), people.erase(shop, "ben", "erase-1")]

    asked = list(map(asyncio.ensure_future, ask()))
    await asyncio.to_thread(world.membership.process.kill)  # how far they have come does not matter
    await asyncio.gather(*asked, return_exceptions=True)
    world.membership.process.start()
    await wait_until(lambda: _asked_again(*ask()))
    clock.forward(PAST_THE_LEASE)

    async def finished() -> bool:
        closed, erased = await asyncio.gather(people.get(shop, "ada"), people.erase(shop, "ben", "erase-1"))
        return closed.state == member_pb2.Member.STATE_CLOSED and not erased.texts_pending

    await wait_until(finished)
    assert (await people.close(shop, "ada", "close-1")).member.state == member_pb2.Member.STATE_CLOSED
    assert (await people.get(shop, "ben")).state == member_pb2.Member.STATE_ERASED
    assert (await shop.balance("ben")).state == ledger_res.ACCOUNT_STATE_OPEN
    await people.enroll(shop, "cleo", profile_pb2.Profile(external_id="ada", cards=["ben"]))


async def _refusal(call: Awaitable[object]) -> str:
    """The reason why a call is refused."""
    with pytest.raises(GuerdonError) as refused:
        await call
    return refused.value.reason


async def _asked_again(*calls: Awaitable[object]) -> bool:
    """Whether all are answered; not while a service is not back yet."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    return not any(isinstance(one, UnavailableError) for one in outcomes)


@pytest.mark.crash
async def test_activities_and_birthdays_that_membership_is_killed_in_bring_their_points_once(
    world: World, clock: Moving
) -> None:
    shop = await world.shop(welcome_points=0)
    born = (clock.now() + timedelta(days=3)).replace(year=1992)
    birth_date = Date(year=born.year, month=born.month, day=born.day)
    await asyncio.gather(*(people.enroll(shop, f"m{n}", profile_pb2.Profile(birth_date=birth_date)) for n in range(10)))
    await doings.make_type(shop, "visit", 1, total_cap=3)
    await doings.make_type(shop, "birthday", 100, occasion=activity_pb2.OCCASION_BIRTHDAY)

    yesterday = clock.yesterday()

    def ask() -> list[Any]:
        doing = [doings.activity(shop, f"v{n}", f"m{n % 10}", "visit", yesterday) for n in range(50)]
        return [doings.record(shop, one, f"till-{n}") for n, one in enumerate(doing)]

    asked = list(map(asyncio.ensure_future, ask()))
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.to_thread(world.membership.process.kill)  # how far the others have come does not matter
    await asyncio.gather(*asked, return_exceptions=True)
    world.membership.process.start()
    await wait_until(lambda: _asked_again(*ask()))
    clock.forward(timedelta(days=4))

    async def arrived() -> bool:
        balances = await asyncio.gather(*(shop.balance(f"m{n}") for n in range(10)))
        return [one.posted for one in balances] == [103] * 10

    await wait_until(arrived)
    statements = await asyncio.gather(*(shop.statement(f"m{n}") for n in range(10)))
    assert all(sorted(amount for amount, _ in one) == [1, 1, 1, 100] for one in statements)


@pytest.mark.crash
async def test_referral_rewards_given_and_taken_back_through_crashes_of_both_services_end_once(
    world: World, clock: Moving
) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    await friends.set_terms(shop, milestones=[referral_pb2.ReferralTerms.Milestone(friends=2, points=1000)])
    code = await friends.code_of(shop, "ada")
    await asyncio.gather(*(friends.join(shop, f"f{n}", code) for n in range(6)))
    today = Timestamp(seconds=int(clock.now().timestamp()))

    def buy() -> list[Any]:
        return [shop.buy(f"p{n}", f"f{n}", 10_00, today, request_id=f"till-{n}") for n in range(6)]

    world.ledger.process.kill()
    await asyncio.gather(*buy())

    def again() -> list[Any]:
        return [*buy(), *(shop.bring_back(f"r{n}", f"p{n}", 10_00, request_id=f"back-{n}") for n in range(2))]

    asked = list(map(asyncio.ensure_future, again()))
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED, timeout=0.2)
    await asyncio.to_thread(world.membership.process.kill)  # how far these have come does not matter
    await asyncio.gather(*asked, return_exceptions=True)
    world.membership.process.start()
    world.ledger.process.start()
    await wait_until(lambda: _asked_again(*again()))
    clock.forward(PAST_THE_LEASE)

    async def arrived() -> bool:
        balances = await asyncio.gather(*(shop.balance(who) for who in ("ada", *(f"f{n}" for n in range(6)))))
        return [one.posted for one in balances] == [4 * 100 + 1000, 0, 0, 35, 35, 35, 35]

    await wait_until(arrived)
    states = {who: one.state for who, one in (await friends.friends_of(shop, "ada")).items()}
    assert {who for who, state in states.items() if state == friends.TAKEN_BACK} == {"f0", "f1"}  # joined at once


@pytest.mark.crash
async def test_sending_again_brings_what_was_pending_at_once(world: World) -> None:
    shop = await world.shop()
    await shop.enroll("ada")
    world.ledger.process.kill()
    first = await shop.buy("p1", "ada", 40_00, request_id="till-1")
    assert first.purchase.state == purchase_pb2.Purchase.STATE_PENDING
    world.ledger.process.start()
    again = await shop.buy("p1", "ada", 40_00, request_id="till-1")
    assert again.purchase.state == purchase_pb2.Purchase.STATE_POSTED
    assert await shop.statement("ada") == [(50, "Welcome"), (40, "Purchase p1")]


@pytest.mark.crash
async def test_points_whose_time_passes_while_the_ledger_is_away_lapse(world: World, clock: Moving) -> None:
    shop = await world.shop(welcome_points=0, expiry_policy=times_pb2.ExpiryPolicy(months=1))
    await shop.enroll("ada")
    world.ledger.process.kill()
    bought = (await shop.buy("p1", "ada", 40_00, clock.yesterday())).purchase
    assert bought.state == purchase_pb2.Purchase.STATE_PENDING
    clock.forward(timedelta(days=40))
    world.ledger.process.start()
    await wait_until(lambda: settled(shop))
    read = await shop.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=bought.name))
    assert read.purchase.state == purchase_pb2.Purchase.STATE_LAPSED
    assert await shop.statement("ada") == []


async def test_points_that_have_expired_are_not_taken_again_by_a_return(world: World, clock: Moving) -> None:
    """Of 40 points 30 are spent, 10 expire: the returns take 25, then the 5 that are left, then nothing."""
    shop = await world.shop(welcome_points=0, expiry_policy=times_pb2.ExpiryPolicy(months=1))
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 40_00, clock.yesterday())
    await shop.spend("ada", 30)
    clock.forward(timedelta(days=40))
    returns = [
        (await shop.bring_back(f"r{n}", "p1", cents)).goods_return for n, cents in enumerate((25_00, 10_00, 5_00))
    ]
    assert all(one.state == purchase_pb2.Return.STATE_POSTED for one in returns)
    assert [(one.points, one.reversed_points) for one in returns] == [(25, 25), (10, 5), (5, 0)]
    assert (await shop.balance("ada")).debt == 30
    again = (await shop.bring_back("r1", "p1", 10_00)).goods_return
    assert again == returns[1]


@pytest.mark.crash
@pytest.mark.parametrize("victim", ["membership", "ledger"])
async def test_an_import_killed_in_the_middle_and_sent_again_credits_once(
    world: World, clock: Moving, victim: str
) -> None:
    shop = await world.shop()
    rows = [row(f"p{n}", f"m{n % 300}", 100 * (n % 50), when(2026, 1 + n % 9, 5)) for n in range(6_000)]
    chunks = [shop.chunk(at + 1, rows[at : at + 300]) for at in range(0, len(rows), 300)]
    process = (world.membership if victim == "membership" else world.ledger).process
    await _disturbed(shop, chunks, process)
    answers = await wait_until(lambda: _try(shop, chunks))  # from the start: what is known changes nothing
    assert not any(answer.errors for answer in answers)
    clock.forward(PAST_THE_LEASE)
    await wait_until(lambda: settled(shop))
    assert (await shop.totals()).purchase_count == 6_000
    await require_exact(shop, {f"m{n}" for n in range(300)})


async def test_a_tier_is_reached_by_the_next_order_and_lost_by_itself_once_its_grace_is_over(
    world: World, clock: Moving
) -> None:
    policy = program_pb2.TierPolicy(
        metric=program_pb2.TierPolicy.METRIC_SPEND, period=program_pb2.TierPolicy.PERIOD_ROLLING_YEAR, grace_days=30
    )
    shop = await world.shop(welcome_points=0, tier_policy=policy)
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 6_00, clock.yesterday())
    second = (await shop.buy("p2", "ada", 10_00, clock.yesterday())).purchase.rating
    assert (second.base_points, second.tier_points) == (10, 10), "gold from the purchase before"

    async def holders() -> list[int]:
        return [tier.member_count for tier in (await shop.totals()).tiers]

    async def told(counts: list[int]) -> bool:
        return await holders() == counts

    await wait_until(lambda: told([0, 1]))
    clock.forward(timedelta(days=380))
    standing = (await shop.progress("ada")).progress
    assert (standing.tier_id, standing.counted, standing.missing_to_next_tier) == ("gold", 0, 0)
    clock.forward(timedelta(days=20))
    await wait_until(lambda: told([0, 0]))
    standing = (await shop.progress("ada")).progress
    assert (standing.tier_id, standing.next_tier_id, standing.missing_to_next_tier) == ("", "silver", 100)


@pytest.mark.crash
async def test_points_that_activity_keeps_are_told_of_before_they_expire_once_through_crashes(
    world: World, clock: Moving
) -> None:
    policy = times_pb2.ExpiryPolicy(kind=times_pb2.ExpiryPolicy.KIND_SLIDING, months=3)
    shop = await world.shop(welcome_points=0, tiers=[], expiry_policy=policy, expiry_reminder_days=[7, 30])
    await shop.enroll("ada")
    world.ledger.process.kill()
    await shop.buy("p1", "ada", 100_00, clock.yesterday())
    clock.forward(timedelta(days=40))
    bought = (await shop.buy("p2", "ada", 20_00, clock.yesterday())).purchase.rating.expire_time
    await asyncio.to_thread(world.membership.process.kill)
    world.ledger.process.start()
    world.membership.process.start()
    clock.forward(PAST_THE_LEASE)

    async def kept() -> bool:
        request = ledger_pb2.GetBalanceRequest(name=f"{shop.program}/accounts/m-ada", view=ledger_pb2.BALANCE_VIEW_FULL)
        found = (await shop.books.ledger.GetBalance(request)).balance.expiries
        return [(one.amount, one.expire_time) for one in found] == [(120, bought)]

    await wait_until(kept)
    clock.forward(timedelta(days=30))  # what the first purchase earned would expire in three weeks
    assert await _reminded(world, shop, clock) == []
    await shop.spend("ada", 50)
    expire_time = bought.ToDatetime(tzinfo=UTC)
    clock.forward_to(expire_time - timedelta(days=29))  # months differ in length
    assert await _reminded(world, shop, clock) == [(70, 30)]
    await shop.spend("ada", 10)
    clock.forward_to(expire_time - timedelta(days=5))
    assert (await _reminded(world, shop, clock))[-1] == (60, 7)
    clock.forward_to(expire_time + timedelta(days=5))
    assert (await _reminded(world, shop, clock))[-1] == (60, 7)
    assert (await shop.balance("ada")).available == 0


async def _reminded(world: World, shop: Shop, clock: Moving) -> list[tuple[int, int]]:
    """The reminders of a program's members, once all that is due is told: points, and days before; old ones go."""
    database = await asyncpg.connect(world.membership.database.owner_url)
    try:
        due = (
            "select count(*) from expiry_watches join programs using (program_no) "
            "where program_id = $1 and due_time < $2"
        )

        async def looked() -> bool:
            program_id = shop.program.removeprefix("programs/")
            return bool(await database.fetchval(due, program_id, clock.now() + PAST_THE_LEASE) == 0)

        await wait_until(looked)
        told = (
            "select data from outbox where type = 'guerdon.membership.v1.points_expiring' and key like $1 order by id"
        )
        rows = [json.loads(row["data"]) for row in await database.fetch(told, f"{shop.program}/%")]
    finally:
        await database.close()
    return [(row["points"], row["days"]) for row in rows]


@pytest.mark.crash
async def test_tranches_and_what_is_decided_of_held_awards_while_the_ledger_is_away_arrive_once(
    world: World, clock: Moving
) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    await make(shop, "later", bonus_points=30, availability=times_pb2.Availability(after_days=200))
    await watch(shop, limit(velocity_pb2.VelocityLimit.SUBJECT_MEMBER, max_points=130), hold=True)
    after = Timestamp(seconds=int(clock.now().timestamp()) + 60)
    await shop.buy("p1", "ada", 100_00, event_time=after)
    world.ledger.process.kill()
    held = await asyncio.gather(*(shop.buy(f"p{number}", "ada", 100_00, event_time=after) for number in (2, 3)))
    assert {one.purchase.flag.state for one in held} == {purchase_pb2.AwardFlag.STATE_HELD}
    assert [len(one.purchase.rating.tranches) for one in held] == [2, 2]
    returned, *_ = await asyncio.gather(shop.bring_back("r1", "p2", 40_00), release(shop, "p2"), reject(shop, "p3"))
    assert returned.goods_return.points == 40
    world.ledger.process.start()
    clock.forward(PAST_THE_LEASE)

    async def arrived() -> bool:
        balance, amounts = await shop.balance("ada"), [amount for amount, _ in await shop.statement("ada")]
        released = (balance.available, balance.pending) == (100 + 60, 30 + 30)
        return released and sorted(amounts) == [-100, -40, -30, 30, 30, 30, 100, 100, 100]

    await wait_until(arrived)


async def test_a_member_whose_account_has_another_unit_waits_ever_longer_and_alone(world: World, clock: Moving) -> None:
    shop = await world.shop(welcome_points=0)
    await shop.take_account("eve")
    [answer] = await shop.import_(
        [shop.chunk(1, [row(f"p{n}", f"m{n}", 1_00) for n in range(9)] + [row("p", "eve", 1)])]
    )
    assert (answer.enrolled_count, answer.pending_count) == (10, 0), "neither points nor a bonus wait, but the account"
    database = await asyncpg.connect(world.membership.database.owner_url)
    delivery = """
        select delivery_no, attempts from deliveries join programs using (program_no)
        where 'programs/' || program_id = $1
    """
    [(number, attempts)] = await database.fetch(delivery, shop.program)
    assert attempts == 0
    clock.forward(PAST_THE_LEASE)
    await wait_until(lambda: len(_delays(world.membership, number)) >= 2)
    assert _delays(world.membership, number)[:2] == [1.0, 2.0]
    states = await database.fetch(
        "select member_id, state from members join programs using (program_no) where 'programs/' || program_id = $1",
        shop.program,
    )
    await database.close()
    assert {member_id for member_id, state in states if state == State.PENDING} == {"eve"}


def _delays(membership: RunningService, delivery: int) -> list[float]:
    """By how many seconds a delivery was put off, each time it failed."""
    lines = [
        json.loads(line) for line in membership.process.plan.log.read_text().splitlines() if '"advance_failed"' in line
    ]
    return [line["delay_s"] for line in lines if line["record"] == str(delivery)]


async def _disturbed(shop: Shop, chunks: list[pb.ImportPurchasesRequest], process: ServerProcess) -> None:
    """Imports chunks, kills a service after the third answer and starts it again.

    An import rides out the ledger's crash where the ledger is back in time; membership's own ends the stream.
    """
    answered = 0
    try:
        async for _ in shop.membership.membership.ImportPurchases(stream(chunks)):
            answered += 1
            if answered == 3:
                await asyncio.to_thread(process.kill)
                await asyncio.to_thread(process.start)
    except UnavailableError:
        return


async def _try(shop: Shop, chunks: list[pb.ImportPurchasesRequest]) -> list[pb.ImportPurchasesResponse]:
    """The answers to all chunks; none while a service is not back yet."""
    try:
        return await shop.import_(chunks)
    except UnavailableError:
        return []


@pytest.mark.crash
async def test_points_that_wait_for_an_event_are_decided_once_and_brought_when_the_ledger_is_back(
    world: World, clock: Moving
) -> None:
    def on(event: str, *, released_after: bool = False) -> times_pb2.Availability:
        return times_pb2.Availability(
            on_event=times_pb2.OnEvent(event=event, wait_days=30, released_after=released_after)
        )

    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    await make(shop, "twice", multiplier=Rational(numerator=2, denominator=1), availability=on("delivered"))
    reviewed = on("reviewed", released_after=True)
    await make(shop, "kept", bonus_points=40, minimum_spend=50_00, availability=reviewed)
    await make(shop, "later", bonus_points=5, availability=times_pb2.Availability(after_days=3))
    bought = Timestamp(seconds=int(clock.now().timestamp()) + 60)
    recorded = (await shop.buy("p1", "ada", 100_00, bought)).purchase
    parts = [(one.points, one.wait.event) for one in recorded.rating.tranches]
    assert parts == [(100, ""), (5, ""), (100, "delivered"), (40, "reviewed")]
    await watch(shop, limit(velocity_pb2.VelocityLimit.SUBJECT_MEMBER, max_points=1), hold=True)
    await shop.buy("p2", "ada", 1_00, bought)
    assert await has(shop) == (100, 145 + 7)
    counted = (await shop.progress("ada")).progress.counted
    await shop.bring_back("r1", "p1", 10_00)
    assert await has(shop) == (90, 135 + 7)
    world.ledger.process.kill()
    told = await tell(shop, "e2", "p2", at=bought)
    assert [one.state for one in told.purchase.awaited_points] == [AwaitedPoints.STATE_TOLD]
    released = await release(shop, "p2")
    world.ledger.process.start()
    waits = [(one.wait.event, one.points, one.state) for one in released.awaited_points]
    assert waits == [("", 5, AwaitedPoints.STATE_WAITING), ("delivered", 1, AwaitedPoints.STATE_TOLD)]
    clock.forward(PAST_THE_LEASE)
    await wait_until(lambda: _has(shop, 90 + 2, 135 + 5))
    clock.forward(timedelta(days=4))
    await wait_until(lambda: _has(shop, 92 + 5 + 5, 40 + 90))
    clock.forward(timedelta(days=27))
    await wait_until(lambda: _has(shop, 102 + 40, 0))
    late = (await tell(shop, "e1", "p1", at=bought)).purchase
    assert [one.state for one in late.awaited_points] == [AwaitedPoints.STATE_TAKEN_BACK, AwaitedPoints.STATE_RELEASED]
    assert late.returned_points == 20 + 90, "it was decided before"
    assert (await shop.progress("ada")).progress.counted == counted - 20 - 90
    back = await shop.bring_back("r2", "p1", 60_00)
    assert (back.goods_return.points, await has(shop)) == (60 + 40, (42, 0))
    await shop.bring_back("r3", "p1", 30_00)
    assert await has(shop) == (7, 0)


async def _has(shop: Shop, *expected: int) -> bool:
    return await has(shop) == expected
