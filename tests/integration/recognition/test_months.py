"""A month ends: what was not given is gone, and everybody has the new month's allowance, once.

The tests share their services, whose clock only goes forward: each plays later than the one before it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from guerdon import RefusedError
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as books
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import ServiceFactory, wait_until
from tests.contract.recognition.world import Employer, World


def jump(services: ServiceFactory, time: str) -> None:
    """Moves every clock to `time`, in UTC; from there it goes on."""
    set_offset(services.clock_file, datetime.fromisoformat(time).replace(tzinfo=UTC) - datetime.now(UTC))


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


async def _is_granted(employer: Employer, period: str) -> bool:
    allowance = await employer.allowance("ann")
    return (allowance.period, allowance.granted_amount) == (period, 200)


async def _grants(employer: Employer, person: str) -> list[int]:
    return await _grants_of(employer, (await employer.read_person(person)).allowance_account)


async def _grants_of(employer: Employer, account: str) -> list[int]:
    """The amounts that an account was granted, newest first, as its statement has them."""
    statement = await employer.bank.ledger.ListEntries(ledger.ListEntriesRequest(parent=account, page_size=1000))
    return [entry.amount for entry in statement.entries if entry.kind == books.TRANSACTION_KIND_GRANT]
