"""Leavers: whatever the clock does and whoever is killed, their points are taken once, and none is lost or made.

The tests share their services, whose clock only goes forward: each plays later than the one before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from redis.asyncio import Redis

from guerdon import RefusedError, UnavailableError, new_request_id
from guerdon_kit.clock import set_offset
from guerdon_kit.events import CloudEvent, stream_of
from guerdon_kit.postgres import Database
from guerdon_kit.postgres.provision import connected
from guerdon_kit.testing import ServiceFactory, wait_until
from recognition.domain.countries import CountryValue
from recognition.domain.leavers import KEPT, LeaverMode, LeaverTerms, settlement
from recognition.domain.payouts import Answer
from recognition.store import leavers as store
from recognition.store import people
from tests.contract.ledger.world import findings
from tests.contract.recognition.parting import KEEP, PAY_OUT, Parting
from tests.contract.recognition.world import World
from tests.integration.recognition.conftest import NOW

POUNDS = CountryValue("GB", "GBP", Fraction(17, 2))
AT_ONCE = LeaverTerms(LeaverMode.PAY_OUT, 0)


def jump(services: ServiceFactory, time: str) -> None:
    """Moves every clock to `time`, in UTC; from there it goes on."""
    set_offset(services.clock_file, datetime.fromisoformat(time).replace(tzinfo=UTC) - datetime.now(UTC))


async def leave(db: Database, person: str, terms: LeaverTerms = AT_ONCE, hours: int = 0) -> store.Key:
    """Has somebody leave while these terms hold."""
    time = NOW + timedelta(hours=hours)
    async with db.transaction() as connection:
        await store.set_policy(connection, "umbrella", terms, "tester", time)
        assert await people.deactivate(connection, "umbrella", person, "tester", time)
    return store.Key("umbrella", person, time)


async def test_what_held_when_somebody_left_is_kept_with_it_and_they_are_back_from_it_once(db: Database) -> None:
    first = await leave(db, "ann", KEPT)
    second = await leave(db, "ben", LeaverTerms(LeaverMode.KEEP, 30))
    async with db.transaction() as connection:
        await store.set_policy(connection, "umbrella", AT_ONCE, "tester", NOW)
        assert [(await store.find(connection, key)).terms.days for key in (first, second)] == [None, 30]
        assert await people.reactivate(connection, "umbrella", "ben", NOW + timedelta(hours=1))
        assert (await store.find(connection, second)).return_time == NOW + timedelta(hours=1)
    third = await leave(db, "ben", hours=2)
    async with db.acquire() as connection:
        assert (await store.find(connection, second)).return_time == NOW + timedelta(hours=1)
        assert (await store.find(connection, third)).terms == AT_ONCE
        # Of ann nothing is ever due.
        later = NOW + timedelta(days=5000)
        claims = await store.claim(connection, later, later + timedelta(seconds=9), 10)
        assert {claim.id for claim in claims} == {second, third}
        assert await store.claim(connection, later, later + timedelta(seconds=9), 10) == []


async def test_who_is_taken_in_again_while_they_come_and_go_is_away_no_more(db: Database) -> None:
    """Else what they earn from then on would be taken off them, and they could not leave again."""
    hours = [NOW + timedelta(hours=hour) for hour in range(5)]
    first = await leave(db, "ann")
    async with db.acquire() as watching:

        async def waits() -> bool:
            found: int = await watching.fetchval(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            )
            return found > 0

        async def come_back() -> bool:
            async with db.transaction() as connection:
                return await people.reactivate(connection, "umbrella", "ann", hours[3])

        async with db.transaction() as connection:
            assert await people.reactivate(connection, "umbrella", "ann", hours[1])
            assert await people.deactivate(connection, "umbrella", "ann", "tester", hours[2])
            coming = asyncio.create_task(come_back())
            await wait_until(waits)
    assert await coming
    async with db.acquire() as connection:
        second = await store.find(connection, first._replace(leave_time=hours[2]))
    assert second.return_time == hours[3]
    assert await leave(db, "ann", hours=4)


async def test_of_workers_that_look_at_once_one_takes_in_a_settlement_which_is_answered_once(db: Database) -> None:
    key = await leave(db, "ann")
    async with db.acquire() as connection:
        leaving = await store.find(connection, key)

    async def take_in(number: int) -> bool:
        async with db.transaction() as connection:
            made = settlement(f"le{number}", replace(leaving, country="GB"), 33, POUNDS)
            return await store.take_in(connection, leaving, made, NOW)

    assert sorted(await asyncio.gather(*map(take_in, range(6)))) == [False] * 5 + [True]
    async with db.acquire() as connection:
        pending = await store.find_pending(connection, "umbrella", "ann")
    assert pending is not None
    assert (pending.amount, pending.worth, pending.minor_units) == (33, POUNDS, 281)

    async def settle(_: int) -> bool:
        async with db.transaction() as connection:
            answer = Answer(transaction="programs/umbrella-points/transactions/1")
            return await store.settle(connection, "umbrella", pending.id, answer, NOW)

    assert sorted(await asyncio.gather(*map(settle, range(6)))) == [False] * 5 + [True]
    async with db.acquire() as connection:
        [[settled]] = await store.settlements(connection, "umbrella", [leaving])
    assert (settled.amount, settled.worth, settled.settle_time) == (33, POUNDS, NOW)
    assert await take_in(7)  # what comes in later


async def test_what_is_kept_for_days_lapses_to_the_budget_when_they_are_over_and_not_before(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2027-03-20T16:30:00")
    employer = await world.employer(time_zone="Europe/London")
    parting = Parting(employer)
    await parting.say(KEEP, 30)
    await employer.give("ann", ["ben", "cleo"], 25)
    await parting.leave("ben", "cleo")
    jump(module_services, "2027-04-19T15:20:00")  # clocks were put on: 30 days are over at 16:30, which is 15:30 now
    await parting.say(PAY_OUT, 0)
    await employer.grant()
    await employer.give("ann", ["dan"], 5)
    await parting.leave("dan")
    await parting.until_settled("dan", 5)
    assert (await parting.settled("ben"), await employer.earned("ben")) == ([], 25)
    await parting.come_back("cleo")
    jump(module_services, "2027-04-19T15:30:30")
    leaver = await parting.until_settled("ben", 25)
    [lapsed] = leaver.settlements
    assert (lapsed.mode, lapsed.HasField("minor_units"), lapsed.currency_code) == (KEEP, False, "")
    [entry, *_] = await parting.entries("ben")
    assert (entry.transaction, entry.amount, entry.memo) == (lapsed.transaction, -25, "Lapsed after leaving")
    assert entry.counterparty == parting.budget_account
    assert (await parting.settled("cleo"), await employer.earned("cleo")) == ([], 25)


@pytest.mark.crash
async def test_a_worker_that_is_killed_before_or_after_the_ledger_answers_leaves_one_settlement(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2028-02-01T12:00:00")
    employer = await world.employer()
    parting = Parting(employer)
    await parting.say(PAY_OUT, 0)
    await employer.give("ann", ["ben", "cleo"], 25)
    organisation = employer.name.removeprefix("organisations/")
    await parting.leave("ben")
    told = (await parting.until_settled("ben", 25)).settlements[0].transaction
    before = await parting.budget()
    world.recognition.process.kill()
    async with connected(world.recognition.database.owner_url) as owner:
        # As it is where a worker was killed after the ledger had answered; and another one before it was asked, while
        # the person came back.
        await owner.execute(
            """
            update leaver_settlements set state = 'pending', transaction = '', settle_time = null
            where organisation = $1 and person = 'ben'
            """,
            organisation,
        )
        await owner.execute("update leavings set look_time = now() where organisation = $1", organisation)
        await owner.execute(
            """
            insert into leavings (organisation, person, leave_time, return_time, mode, days, look_time)
            values ($1, 'cleo', now() - interval '1 day', now(), 'pay_out', 0, now())
            """,
            organisation,
        )
        await owner.execute(
            """
            insert into leaver_settlements
                (organisation, settlement, person, leave_time, mode, amount, country, currency_code, create_time)
            select organisation, 'le-taken-in', person, leave_time, mode, 20, '', '', now()
            from leavings where organisation = $1 and person = 'cleo'
            """,
            organisation,
        )
    world.recognition.process.start()

    async def both() -> bool:
        with suppress(UnavailableError):
            return (await parting.settled("ben"), await parting.settled("cleo")) == ([25], [20])
        return False

    await wait_until(both)
    assert (await parting.of("ben"))[0].settlements[0].transaction == told
    assert await parting.budget() == before + 20
    assert [await employer.earned(person) for person in ("ben", "cleo")] == [0, 5]
    await employer.give("ann", ["cleo"], 3)
    assert await employer.earned("cleo") == 8


@pytest.mark.crash
async def test_no_point_is_lost_or_made_while_people_leave_and_redeem_and_services_are_killed(
    world: World, module_services: ServiceFactory
) -> None:
    """Of each person: earned = redeemed + paid out + left; and each settlement is told once."""
    jump(module_services, "2028-06-01T12:00:00")
    staff = [f"p{number}" for number in range(12)]
    employer = await world.employer(people=["ann", *staff])
    parting = Parting(employer)
    await parting.say(PAY_OUT, 0)
    for _ in range(4):
        await employer.give("ann", staff, 4)
    redeemed = dict.fromkeys(staff, 0)

    async def redeem(person: str, account: str, points: int) -> None:
        request_id = new_request_id()
        with suppress(RefusedError):  # they are with the leaver no more
            await _politely(lambda: employer.spend(account, points, request_id=request_id))
            redeemed[person] += points

    async def part(number: int, person: str) -> None:
        leave, back = new_request_id(), new_request_id()
        account = accounts[number]
        redeeming = asyncio.gather(*(redeem(person, account, points) for points in (3, 2, 1)))
        await _politely(lambda: parting.leave(person, request_id=leave))
        if number % 3 == 0:
            await _politely(lambda: parting.come_back(person, request_id=back))
        await redeeming

    accounts = [(await employer.read_person(person)).rewards_account for person in staff]
    parted = asyncio.gather(*(part(number, person) for number, person in enumerate(staff)))
    for victim in (world.recognition, world.ledger):
        await asyncio.sleep(0.2)  # not a wait for a condition: the kill comes at whatever moment this is
        victim.process.kill()
        victim.process.start()
    await parted
    await wait_until(lambda: _all_settled(parting, 8))
    await wait_until(lambda: _none_under_way(world))
    settlements = {
        person: [one for leaver in await parting.of(person) for one in leaver.settlements] for person in staff
    }
    paid = {person: sum(one.amount for one in of_person) for person, of_person in settlements.items()}
    for person in staff:
        assert redeemed[person] + paid[person] + await employer.earned(person) == 16
    assert await parting.budget() == sum(paid.values()) - 13 * 200
    assert await findings(employer.bank) == []
    transactions = sorted(one.transaction for of_person in settlements.values() for one in of_person)
    assert len(set(transactions)) == len(transactions) > 0
    await wait_until(lambda: _told(module_services, employer.program, transactions))


async def _all_settled(parting: Parting, count: int) -> bool:
    """Whether so many are away, and have nothing any more. Not so while nobody answers."""
    with suppress(UnavailableError):
        leavers = (await parting.page(page_size=1000)).leavers
        has = [leaver.available_amount for leaver in leavers if not leaver.HasField("return_time")]
        return has == [0] * count
    return False


async def _none_under_way(world: World) -> bool:
    """Whether it is written down what the ledger answered, also of those who have come back: whoever was killed in
    between had the lease of it.
    """
    async with connected(world.recognition.database.runtime_url) as connection:
        return not await connection.fetchval("select exists (select from leaver_settlements where state = 'pending')")


async def _told(services: ServiceFactory, program: str, transactions: list[str]) -> bool:
    """Whether it was told of just these settlements. A relay that was killed may send one again, by the same id."""
    async with Redis.from_url(services.endpoints.redis_events_url, decode_responses=True) as redis:
        entries: Any = await redis.xrange(stream_of("recognition"))
    events = [CloudEvent.from_entry(entry) for _, entry in entries]
    heard = {event.id: event.data["transaction"] for event in events if event.type.endswith(".leaver_settled")}
    return sorted(one for one in heard.values() if str(one).startswith(f"{program}/")) == transactions


async def _politely(call: Callable[[], Awaitable[Any]]) -> Any:
    """Asks again until there is an answer; a refusal is the caller's."""
    while True:
        try:
            return await call()
        except UnavailableError:
            await asyncio.sleep(0.1)  # the pause of a polite caller
