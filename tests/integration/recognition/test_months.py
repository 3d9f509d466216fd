"""A month ends: what was not given is gone, and everybody has the new month's allowance, once.

The tests share their services, whose clock only goes forward: each plays later than the one before it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from guerdon import NotFoundError, RefusedError, UnavailableError
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as books
from guerdon.recognition.v1 import allowances_pb2 as allowances
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon_kit.clock import MovableClock, set_offset
from guerdon_kit.postgres.provision import connected
from guerdon_kit.testing import ServiceFactory, wait_until
from recognition.operations.journal import EVERY
from tests.contract.recognition.budgeting import PREPAID, Purse, billed
from tests.contract.recognition.test_changes import delete
from tests.contract.recognition.test_fairness import pair_points, set_policies
from tests.contract.recognition.test_reviews import APPROVED, HOLD, REJECTED, decision
from tests.contract.recognition.world import Employer, World


def jump(services: ServiceFactory, time: str) -> None:
    """Moves every clock to `time`, in UTC; from there it goes on."""
    set_offset(services.clock_file, datetime.fromisoformat(time).replace(tzinfo=UTC) - datetime.now(UTC))


async def counted(world: World, services: ServiceFactory) -> None:
    """Until all programs are counted for now: a count that is under way as the clock jumps counts up to before the
    jump, and goes on five minutes after it.
    """
    clock = MovableClock(services.clock_file)
    async with connected(world.recognition.database.runtime_url) as connection:

        async def at_rest() -> bool:
            soonest = await connection.fetchval("select min(due_time) from journal_positions")
            return bool(soonest > clock.now() + EVERY / 2)  # who counts has a lease of a minute

        await wait_until(at_rest)


@pytest.mark.crash
async def test_a_month_is_granted_once_whoever_is_killed_while_it_is(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2027-01-31T12:00:00")
    employer = await world.employer(people=[], granted=False)
    people = [f"p{number}" for number in range(700)]
    await employer.hire(*people)
    await employer.grant()
    jump(module_services, "2027-02-01T00:00:00")
    for victim in (world.recognition, world.ledger):
        await asyncio.sleep(0.15)  # not a wait for a condition: the kill comes at whatever moment this is
        victim.process.kill()
        victim.process.start()
    first, last = people[0], people[-1]
    granted = await employer.grant(period="2027-02")
    assert (granted.granted_count, granted.existing_count) in {(0, 700), (700, 0)}
    assert await employer.left(first) == await employer.left(last) == 200
    accounts = [(await employer.read_person(person)).allowance_account for person in people[::50]]
    assert [await _grants_of(employer, account) for account in accounts] == [[200, 200]] * len(accounts)

    async def settled() -> bool:
        organisation = employer.name.removeprefix("organisations/")
        budget = await employer.balance(f"{employer.program}/accounts/budget.points.{organisation}")
        return budget.posted == -200 * len(people)  # February's: January's came back

    await wait_until(settled)


async def test_each_zone_has_its_own_month(world: World, module_services: ServiceFactory) -> None:
    jump(module_services, "2027-06-30T13:00:00")
    kiribati = await world.employer(time_zone="Pacific/Kiritimati", people=["ann"])
    hawaii = await world.employer(time_zone="Pacific/Honolulu", people=["ann"])
    assert (await kiribati.allowance("ann")).period == "2027-07"
    assert (await hawaii.allowance("ann")).period == "2027-06"
    jump(module_services, "2027-07-01T10:00:00")
    await wait_until(lambda: _is_granted(hawaii, "2027-07"))
    assert await _grants(kiribati, "ann") == [200]
    assert await _grants(hawaii, "ann") == [200, 200]


async def test_a_month_that_nobody_was_there_for_is_not_made_up_for(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2027-07-15T12:00:00")
    employer = await world.employer(people=["ann"])
    world.recognition.process.kill()
    jump(module_services, "2027-09-15T12:00:00")
    world.recognition.process.start()
    await wait_until(lambda: _is_granted(employer, "2027-09"))
    assert await _grants(employer, "ann") == [200, 200]
    assert await employer.left("ann") == 200


async def test_what_is_taken_back_after_the_month_goes_on_to_the_budget(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2027-09-30T12:00:00")
    employer = await world.employer(people=["ann", "ben"])
    budget = f"{employer.program}/accounts/budget.points.{employer.name.removeprefix('organisations/')}"
    within, after = await employer.give("ann", ["ben"], 25), await employer.give("ann", ["ben"], 40)
    assert await delete(employer, within) == [("ann", "ben", 25, 25, 0)]
    assert await employer.left("ann") == 160  # back in the month's allowance, and gone with it
    jump(module_services, "2027-09-30T23:00:01")
    await wait_until(lambda: _is_granted(employer, "2027-10"))
    assert await delete(employer, after) == [("ann", "ben", 40, 40, 0)]
    assert (await employer.left("ann"), await employer.earned("ben")) == (200, 0)

    async def only_october_is_out() -> bool:
        return (await employer.balance(budget)).posted == -2 * 200

    await wait_until(only_october_is_out)


async def test_what_is_left_at_the_months_end_does_not_add_to_the_next(
    world: World, module_services: ServiceFactory
) -> None:
    # Oracle: Bonusly, allowance 200, give 25, the month ends: 200, not 375. In London the last day of October 2027 has
    # 25 hours: the month ends at midnight GMT, an hour later than a clock that kept summer time would have it.
    jump(module_services, "2027-10-30T12:00:00")
    employer = await world.employer()
    budget = f"{employer.program}/accounts/budget.points.{employer.name.removeprefix('organisations/')}"
    await employer.give("ann", ["ben"], 25)
    october = await employer.allowance("ann")
    assert (october.period, october.granted_amount, october.available_amount) == ("2027-10", 200, 175)
    assert october.expire_time.ToDatetime(UTC) == datetime(2027, 11, 1, tzinfo=UTC)
    jump(module_services, "2027-10-31T23:30:00")
    assert (await employer.allowance("ann")).available_amount == 175
    assert (await employer.balance(budget)).posted == -4 * 200
    jump(module_services, "2027-11-01T00:00:01")
    await wait_until(lambda: _is_granted(employer, "2027-11"))
    assert await employer.left("ann") == 200
    with pytest.raises(RefusedError) as refusal:
        await employer.give("ann", ["ben"], 201)
    assert refusal.value.metadata == {"required": "201", "available": "200", "missing": "1"}

    async def is_back_in_the_budget() -> bool:
        return (await employer.balance(budget)).posted == -(25 + 4 * 200)

    await wait_until(is_back_in_the_budget)
    jump(module_services, "2037-04-15T12:00:00")
    assert await employer.earned("ben") == 25  # what was received does not expire


async def test_what_was_earned_is_redeemed_and_what_was_granted_once_rolls_over(
    world: World, module_services: ServiceFactory
) -> None:
    # Oracle: Bonusly, earned 270, redeem 50: 220.
    jump(module_services, "2037-05-20T12:00:00")
    employer = await world.employer()
    purse = Purse(employer)
    await purse.always("ann", 30)
    await purse.boost("ann", amount=70)
    await employer.give("ann", ["ben", "cleo", "dan"], 90)  # 270 of 200 and 70: the boost goes last, and whole
    assert await employer.left("ann") == 0
    await purse.boost("ben", amount=40)
    for giver in ("ben", "cleo"):
        await employer.give(giver, ["ann"], 135)
    await employer.redeem("ann", 50)
    assert await employer.earned("ann") == 220
    jump(module_services, "2037-06-01T00:00:00")
    await wait_until(lambda: _has_left(employer, "ann", 230))  # with the boost that is part of each grant
    # 105 of ben's 240 were left: 65 that expired with May, and the 40 that were granted once.
    await wait_until(lambda: _has_left(employer, "ben", 240))  # each is granted by itself
    ben = await employer.allowance("ben")
    assert (ben.granted_amount, ben.available_amount, ben.expiring_amount) == (200, 240, 200)


async def test_a_plan_changes_with_the_next_period_and_weeks_follow_a_month(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2037-06-20T12:00:00")
    employer = await world.employer(people=["ann"])
    await employer.plan(50, allowances.PERIOD_KIND_WEEK)
    june = await employer.allowance("ann")
    assert (june.period, june.available_amount) == ("2037-06", 200)
    jump(module_services, "2037-07-01T00:00:00")  # a Wednesday: the first week is four days long in London
    await wait_until(lambda: _has_left(employer, "ann", 50))
    first = await employer.allowance("ann")
    assert (first.period, first.expire_time.ToDatetime(UTC)) == ("2037-W27", datetime(2037, 7, 5, 23, tzinfo=UTC))
    await employer.plan(900, allowances.PERIOD_KIND_QUARTER)  # waits for a quarter to begin
    jump(module_services, "2037-07-05T23:00:00")
    await wait_until(lambda: _is_in(employer, "2037-W28", 50))
    jump(module_services, "2037-10-01T00:00:00")
    await wait_until(lambda: _is_in(employer, "2037-Q4", 900))
    assert await _grants(employer, "ann") == [900, 50, 50, 200]


async def test_who_comes_back_within_the_period_is_granted_nothing_again_and_no_clock_does_either(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2037-11-10T12:00:00")
    employer = await world.employer(people=["ann", "ben"])
    await employer.give("ann", ["ben"], 150)
    request = orgs.DeactivatePersonRequest(name=employer.person("ann"), request_id="leave")
    await employer.admin.organisations.DeactivatePerson(request)
    await employer.admin.organisations.ReactivatePerson(
        orgs.ReactivatePersonRequest(name=employer.person("ann"), request_id="return")
    )
    assert (await employer.grant()).granted_count == 0
    jump(module_services, "2037-12-01T00:00:01")
    await wait_until(lambda: _has_left(employer, "ann", 200))
    # Back into November and on again: December was granted, and is not again.
    for time in ("2037-11-30T23:00:00", "2037-12-01T00:00:02"):
        jump(module_services, time)
        await employer.grant()
    assert await _grants(employer, "ann") == [200, 200]


async def test_a_managers_points_go_back_to_the_budget_unless_they_are_carried_over(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2038-01-15T12:00:00")
    employer = await world.employer(allowance=0)
    purse = Purse(employer)
    await purse.manage("ann", 1000)
    await purse.manage("ben", 1000, carry_over_periods=1)
    await employer.grant()
    await purse.hand_out("ann", ["cleo"], 300)
    await purse.hand_out("ben", ["cleo"], 300)
    assert (await purse.budget()).balance == -2000
    jump(module_services, "2038-02-01T00:00:00")

    async def february() -> bool:
        return [(await purse.managed(one)).available_amount for one in ("ann", "ben")] == [1000, 1700]

    await wait_until(february)
    assert await employer.earned("cleo") == 600

    async def came_back() -> bool:
        return (await purse.budget()).balance == -4000 + 700

    await wait_until(came_back)


async def test_a_month_is_billed_by_what_its_people_redeemed_and_stays_so(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2038-02-20T12:00:00")
    employer = await world.employer()
    purse = Purse(employer)
    with pytest.raises(RefusedError) as prepaid:
        await purse.statement("2038-02")
    assert prepaid.value.reason == "NOT_BILLED"
    await purse.terms(billed(10_000))
    await employer.give("ann", ["ben"], 150)
    await employer.redeem("ben", 100)
    await employer.redeem("ben", 20)
    # Of the same program, and nobody's who works here: it is not billed.
    stranger = f"{employer.program}/accounts/stranger"
    await employer.open_and_spend(stranger, 70)
    so_far = await purse.statement("2038-02")
    assert (so_far.final, so_far.redeemed_points, so_far.amount.minor_units) == (False, 120, 1200)
    with pytest.raises(RefusedError) as open_still:
        await purse.redemptions("2038-02")
    assert open_still.value.reason == "STATEMENT_NOT_FINAL"
    await counted(world, module_services)
    jump(module_services, "2038-03-01T00:10:01")

    async def is_final() -> bool:
        return (await purse.statement("2038-02")).final

    await wait_until(is_final)
    await employer.redeem("ben", 30)
    final = await purse.statement("2038-02")
    assert (final.redeemed_points, final.amount.minor_units, final.amount.currency_code) == (120, 1200, "USD")
    lines = await purse.redemptions("2038-02")
    assert [(line.person, line.points) for line in lines] == [
        (employer.person("ben"), 100),
        (employer.person("ben"), 20),
    ]
    assert (await purse.statement("2038-03")).redeemed_points == 30
    with pytest.raises(NotFoundError):
        await purse.statement("2038-04")


@pytest.mark.crash
async def test_what_was_ordered_from_a_budget_is_posted_once_whoever_is_killed(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2038-03-15T12:00:00")
    employer = await world.employer(people=["ann", "ben"])
    purse = Purse(employer)

    async def boost(number: int) -> None:
        while True:
            try:
                await purse.boost("ann", "ben", amount=10, request_id=f"boost-{number}")
            except UnavailableError:
                await asyncio.sleep(0.1)  # the pause of a polite caller
            else:
                return

    boosts = asyncio.gather(*(boost(number) for number in range(60)))
    await asyncio.sleep(0.15)  # not a wait for a condition: the kill comes at whatever moment this is
    world.recognition.process.kill()
    world.recognition.process.start()
    await boosts
    assert [await employer.left(person) for person in ("ann", "ben")] == [800, 800]
    assert (await purse.budget()).balance == -1600


async def _is_granted(employer: Employer, period: str) -> bool:
    allowance = await employer.allowance("ann")
    return (allowance.period, allowance.granted_amount) == (period, 200)


async def _has_left(employer: Employer, person: str, amount: int) -> bool:
    return await employer.left(person) == amount


async def _is_in(employer: Employer, period: str, amount: int) -> bool:
    allowance = await employer.allowance("ann")
    return (allowance.period, allowance.available_amount) == (period, amount)


async def _grants(employer: Employer, person: str) -> list[int]:
    return await _grants_of(employer, (await employer.read_person(person)).allowance_account)


async def _grants_of(employer: Employer, account: str) -> list[int]:
    """The amounts that an account was granted, newest first, as its statement has them."""
    statement = await employer.bank.ledger.ListEntries(ledger.ListEntriesRequest(parent=account, page_size=1000))
    return [entry.amount for entry in statement.entries if entry.kind == books.TRANSACTION_KIND_GRANT]


async def test_what_is_held_outlasts_its_month_and_goes_back_to_the_budget_if_it_is_rejected(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2039-01-28T12:00:00")
    employer = await world.employer()
    await set_policies(employer, pair_points(30, HOLD))
    held = [
        (await employer.admin.recognition.CreateRecognition(employer.thanks("ann", [receiver], 40))).review
        for receiver in ("ben", "cleo")
    ]
    assert await employer.left("ann") == 120
    jump(module_services, "2039-02-10T12:00:00")
    await wait_until(lambda: _left(employer, "ann", 200))
    for review, decided in zip(held, (APPROVED, REJECTED), strict=True):
        await employer.admin.reviews.ReviewRecognition(decision(review, decided))
    assert [await employer.earned(receiver) for receiver in ("ben", "cleo")] == [40, 0]
    assert await employer.left("ann") == 200, "what comes back is January's, which is over"


async def _left(employer: Employer, person: str, points: int) -> bool:
    return await employer.left(person) == points


async def test_months_that_passed_in_an_outage_are_billed_one_after_the_other(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2039-04-20T12:00:00")
    employer = await world.employer()
    purse = Purse(employer)
    await purse.terms(billed(10_000))
    await employer.give("ann", ["ben"], 150)
    rewards = (await employer.read_person("ben")).rewards_account
    await employer.spend(rewards, 40)
    world.recognition.process.kill()
    for time, points in (("2039-05-10T12:00:00", 30), ("2039-06-30T23:00:01", 20)):  # July has begun in London
        jump(module_services, time)
        await employer.spend(rewards, points)
    jump(module_services, "2039-08-01T12:00:00")
    world.recognition.process.start()

    async def are_final() -> bool:
        return all([(await purse.statement(f"2039-{month:02}")).final for month in (4, 5, 6, 7)])

    await wait_until(are_final)
    statements = [await purse.statement(f"2039-{month:02}") for month in (4, 5, 6, 7)]
    assert [(one.redeemed_points, one.amount.minor_units) for one in statements] == [
        (40, 400),
        (30, 300),
        (0, 0),
        (20, 200),
    ]
    assert [line.points for line in await purse.redemptions("2039-07")] == [20]
    assert not (await purse.statement("2039-08")).final
    with pytest.raises(NotFoundError):
        await purse.statement("2039-03")


async def test_who_was_prepaid_before_is_billed_from_the_month_in_which_that_ended(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2039-09-20T12:00:00")
    employer = await world.employer()
    purse = Purse(employer)
    await purse.fund(10_000)
    await purse.terms(PREPAID)
    await employer.give("ann", ["ben"], 150)
    await employer.redeem("ben", 100)
    jump(module_services, "2039-10-20T12:00:00")
    await purse.terms(billed(10_000))
    await employer.redeem("ben", 10)
    with pytest.raises(RefusedError) as paid_before:
        await purse.statement("2039-09")
    assert paid_before.value.reason == "NOT_BILLED"
    await counted(world, module_services)
    jump(module_services, "2039-11-01T00:10:01")

    async def is_final() -> bool:
        return (await purse.statement("2039-10")).final

    await wait_until(is_final)
    assert (await purse.statement("2039-10")).redeemed_points == 10
    with pytest.raises(RefusedError):
        await purse.statement("2039-09")


async def test_who_is_billed_pays_before_once_the_month_that_is_over_is_billed(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2039-11-20T12:00:00")
    employer = await world.employer()
    purse = Purse(employer)
    await purse.terms(billed(10_000))
    await employer.give("ann", ["ben"], 150)
    await employer.redeem("ben", 40)
    await counted(world, module_services)
    jump(module_services, "2039-12-01T00:01:00")
    with pytest.raises(UnavailableError):
        await purse.terms(PREPAID)
    assert (await purse.budget()).terms == billed(10_000)
    await counted(world, module_services)
    jump(module_services, "2039-12-01T00:10:01")

    async def may_be_changed() -> bool:
        with suppress(UnavailableError):
            await purse.terms(PREPAID)
            return True
        return False

    await wait_until(may_be_changed)
    november = await purse.statement("2039-11")
    assert (november.final, november.redeemed_points) == (True, 40)
    with pytest.raises(RefusedError) as prepaid:
        await purse.statement("2039-12")
    assert prepaid.value.reason == "NOT_BILLED"
