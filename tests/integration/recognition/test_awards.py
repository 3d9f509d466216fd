"""Awards, celebrations, what pays for them, and what is held, whatever the clock does and whoever is killed.

The tests share their services, whose clock only goes forward: each plays later than the one before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date
from redis.asyncio import Redis

from guerdon import RefusedError, UnavailableError, new_request_id
from guerdon.recognition.v1 import approvals_pb2 as approvals
from guerdon.recognition.v1 import awards_pb2 as awards
from guerdon.recognition.v1 import celebrations_pb2 as pb
from guerdon.recognition.v1 import incentives_pb2 as incentives
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon.recognition.v1 import reviews_pb2 as pb_reviews
from guerdon_kit.clock import set_offset
from guerdon_kit.events import CloudEvent, stream_of
from guerdon_kit.testing import ServiceFactory, wait_until
from tests.contract.recognition.awarding import Awarding
from tests.contract.recognition.test_fairness import pair_points, set_policies
from tests.contract.recognition.test_reviews import APPROVED, HOLD, decision, reviews
from tests.contract.recognition.world import World

OVERDUE = pb_reviews.REVIEW_STATE_OVERDUE


def jump(services: ServiceFactory, time: str) -> None:
    """Moves every clock to `time`, in UTC; from there it goes on."""
    set_offset(services.clock_file, datetime.fromisoformat(time).replace(tzinfo=UTC) - datetime.now(UTC))


async def born_or_joined(awarding: Awarding, person: str, *, birthday: str = "", start: str = "") -> None:
    """Says on which days somebody was born, such as `02-29`, and joined."""
    message = orgs.Person(name=awarding.employer.person(person))
    if birthday:
        month, day = map(int, birthday.split("-"))
        message.birthday.CopyFrom(Date(month=month, day=day))
    if start:
        joined = date.fromisoformat(start)
        message.start_date.CopyFrom(Date(year=joined.year, month=joined.month, day=joined.day))
    await awarding.employer.admin.organisations.UpdatePerson(
        orgs.UpdatePersonRequest(
            person=message,
            update_mask=FieldMask(paths=["birthday", "start_date"]),
            request_id=new_request_id(),
        )
    )


async def celebrate(awarding: Awarding, **changes: object) -> None:
    """Celebrates as in the worked example: 5 years 500, 10 years 1,000, otherwise 50; and birthdays with 25."""
    policy = pb.CelebrationPolicy(
        name=f"{awarding.employer.name}/celebrationPolicy",
        award_budget=awarding.budget,
        anniversary_amounts=[
            pb.AnniversaryAmount(years=5, amount=500),
            pb.AnniversaryAmount(years=10, amount=1000),
        ],
        other_anniversary_amount=50,
        birthday_amount=25,
        catch_up_days=3,
        visibility=recs.VISIBILITY_PUBLIC,
    )
    policy.MergeFrom(pb.CelebrationPolicy(**changes))  # type: ignore[arg-type]  # fields of a policy
    await awarding.employer.admin.celebrations.SetCelebrationPolicy(
        pb.SetCelebrationPolicyRequest(celebration_policy=policy, request_id=new_request_id())
    )


async def celebrated(awarding: Awarding, viewer: str = "") -> set[tuple[str, str, int]]:
    """Whose days were celebrated, on which day, with how many points."""
    response = await awarding.employer.admin.celebrations.ListCelebrations(
        pb.ListCelebrationsRequest(
            parent=awarding.employer.name, page_size=1000, viewer=awarding.employer.person(viewer) if viewer else ""
        )
    )
    return {
        (one.person.rpartition("/")[2], f"{one.day.year}-{one.day.month:02}-{one.day.day:02}", one.amount)
        for one in response.celebrations
    }


async def test_anniversaries_of_five_ten_and_three_years_give_500_1000_and_50_once(
    world: World, module_services: ServiceFactory
) -> None:
    # Worked example "anniversaries": 5 years, 10 years, 3 years: 500, 1,000, 50.
    jump(module_services, "2027-05-30T12:00:00")
    employer = await world.employer(people=("ann", "ben", "cleo", "dan", "eve", "fay"), granted=False)
    awarding = await Awarding.of(employer, 10_000)
    for person, start in (("ann", "2022-06-01"), ("ben", "2017-06-01"), ("cleo", "2024-06-01"), ("dan", "2027-06-01")):
        await born_or_joined(awarding, person, start=start)
    await born_or_joined(awarding, "eve", birthday="05-31", start="2020-05-29")  # that is before celebrations began
    await born_or_joined(awarding, "fay", birthday="06-01", start="2022-06-01")
    await employer.admin.organisations.DeactivatePerson(
        orgs.DeactivatePersonRequest(name=employer.person("fay"), request_id=new_request_id())
    )
    await celebrate(awarding)
    jump(module_services, "2027-05-31T22:58:00")  # in London it is minutes to June
    expected = {("eve", "2027-05-31", 25)}

    async def all_are() -> bool:
        return await celebrated(awarding) == expected and (await awarding.standing())[1] == 0

    await wait_until(all_are)
    jump(module_services, "2027-05-31T23:00:01")
    expected |= {("ann", "2027-06-01", 500), ("ben", "2027-06-01", 1000), ("cleo", "2027-06-01", 50)}
    await wait_until(all_are)
    assert [await employer.earned(person) for person in ("ann", "ben", "cleo")] == [500, 1000, 50]
    assert await awarding.standing() == (10_000 - 1575, 0)


@pytest.mark.crash
async def test_a_late_run_makes_up_for_its_days_once_though_workers_are_killed(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2027-12-30T12:00:00")
    people = tuple(f"p{number}" for number in range(40))
    employer = await world.employer(people=(*people, "leap", "next"), granted=False)
    awarding = await Awarding.of(employer, 100_000)
    for number, person in enumerate(people):
        await born_or_joined(awarding, person, birthday=f"02-{24 + number % 5:02}", start=f"20{10 + number % 9}-02-28")
    await born_or_joined(awarding, "leap", birthday="02-29", start="2020-02-29")
    await born_or_joined(awarding, "next", birthday="03-02")
    await celebrate(awarding, leap_day=pb.LEAP_DAY_MARCH_1)
    world.recognition.process.kill()
    jump(module_services, "2029-03-01T09:00:00")  # from 26 February on it is made up for; 2029 has no 29 February
    world.recognition.process.start()
    world.ledger.process.kill()
    world.ledger.process.start()
    days = ("2029-02-26", "2029-02-27", "2029-02-28")
    expected = {(person, days[number % 5 - 2], 25) for number, person in enumerate(people) if number % 5 >= 2}
    expected |= {(person, "2029-02-28", 50) for person in people}
    expected |= {("leap", "2029-03-01", 25), ("leap", "2029-03-01", 50)}

    async def all_are() -> bool:
        return await celebrated(awarding) == expected and (await awarding.standing())[1] == 0

    await wait_until(all_are)
    total = sum(amount for _, _, amount in expected)
    assert await awarding.standing() == (100_000 - total, 0)
    assert await employer.earned("leap") == 75
    jump(module_services, "2029-03-02T09:00:00")
    expected.add(("next", "2029-03-02", 25))
    await wait_until(all_are)  # and nothing else: 29 February was kept the day before


async def test_what_nobody_decides_in_time_escalates_and_then_does_as_its_level_says(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2030-01-07T12:00:00")
    employer = await world.employer(people=("ann", "ben", "cleo", "dan"), granted=False)
    awarding = await Awarding.of(employer, 1000)
    await awarding.appoint("cleo", manager="ben")
    first = awarding.manager(500, approvals.IF_OVERDUE_ESCALATE)
    rejecting = await awarding.program("spot", [first, awarding.person("ann")])
    approving = await awarding.program("year", [first, awarding.person("ann", 0, approvals.IF_OVERDUE_APPROVE)])
    one, other = [(await awarding.nominate(program, "dan", "cleo", 100)).name for program in (rejecting, approving)]
    jump(module_services, "2030-01-14T12:01:00")

    async def escalated() -> bool:
        return {(await awarding.read(name)).level for name in (one, other)} == {2}

    await wait_until(escalated)
    read = await awarding.read(one)
    assert read.approver == employer.person("ann")
    assert read.deadline.ToDatetime(UTC) > datetime(2030, 1, 21, 12, 0, 30, tzinfo=UTC)
    jump(module_services, "2030-01-21T12:30:00")

    async def decided() -> bool:
        states = [(await awarding.read(name)).state for name in (one, other)]
        return states == [awards.AWARD_STATE_REJECTED, awards.AWARD_STATE_GIVEN]

    await wait_until(decided)
    assert [step.action for step in (await awarding.read(one)).steps] == [
        approvals.APPROVAL_ACTION_NOMINATED,
        approvals.APPROVAL_ACTION_ESCALATED,
        approvals.APPROVAL_ACTION_REJECTED_OVERDUE,
    ]
    assert await employer.earned("cleo") == 100


async def test_a_budget_is_waited_for_no_longer_than_its_days(world: World, module_services: ServiceFactory) -> None:
    jump(module_services, "2030-03-01T12:00:00")
    employer = await world.employer(people=("ann", "ben", "cleo"), granted=False)
    awarding = await Awarding.of(employer, 99)
    program = await awarding.program("spot")
    waiting = await awarding.nominate(program, "ann", "ben", 100)
    assert waiting.state == awards.AWARD_STATE_WAITING_FOR_BUDGET
    jump(module_services, "2030-04-01T12:00:00")

    async def refused() -> bool:
        return (await awarding.read(waiting.name)).state == awards.AWARD_STATE_REFUSED

    await wait_until(refused)
    await awarding.fund(1)
    await awarding.nominate(program, "ann", "cleo", 100)
    assert [await employer.earned(person) for person in ("ben", "cleo")] == [0, 100]


async def test_what_nobody_decides_about_in_time_goes_back_once_and_is_told_by_the_reviews_name(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2030-05-03T12:00:00")
    employer = await world.employer()
    await set_policies(employer, pair_points(9, HOLD), review_days=7)
    requests = [employer.thanks("ann", ["ben"], 10) for _ in range(12)]
    held = [await employer.admin.recognition.CreateRecognition(request) for request in requests]
    assert await employer.left("ann") == 80
    jump(module_services, "2030-05-10T11:59:00")
    await set_policies(employer, pair_points(9, HOLD), review_days=30)
    await employer.give("cleo", ["ben"], 10)
    await employer.admin.reviews.ReviewRecognition(decision(held[1].review, APPROVED))
    jump(module_services, "2030-05-10T12:00:30")
    with pytest.raises(RefusedError) as refusal:
        await employer.admin.reviews.ReviewRecognition(decision(held[0].review, APPROVED))
    assert refusal.value.reason in {"REVIEW_OVERDUE", "ALREADY_REVIEWED"}

    async def returned() -> bool:
        return await employer.left("ann") == 190

    await wait_until(returned)
    states = [one.state for one in await reviews(employer, employer.admin)]
    assert states == [pb_reviews.REVIEW_STATE_HELD, *[OVERDUE] * 10, APPROVED, OVERDUE]
    with pytest.raises(RefusedError) as refusal:
        await employer.admin.recognition.CreateRecognition(requests[0])
    assert refusal.value.reason == "RECOGNITION_REJECTED"
    jump(module_services, "2030-06-10T12:00:30")  # cleo's May is over: it is the budget's again

    async def all_decided() -> bool:
        return not await reviews(employer, employer.admin, pb_reviews.REVIEW_STATE_HELD)

    async def all_granted() -> bool:
        return [await employer.left(person) for person in ("ann", "cleo")] == [200, 200]

    await wait_until(all_decided)
    await wait_until(all_granted)
    assert await employer.earned("ben") == 10
    overdue = {one.name for one in await reviews(employer, employer.admin, OVERDUE)}
    async with Redis.from_url(module_services.endpoints.redis_events_url, decode_responses=True) as redis:

        async def told() -> list[CloudEvent]:
            entries: Any = await redis.xrange(stream_of("recognition"))
            events = [CloudEvent.from_entry(entry) for _, entry in entries]
            return [event for event in events if event.type.endswith(".review_overdue")]

        async def all_told() -> bool:
            return {event.subject for event in await told()} >= overdue

        await wait_until(all_told)
        events = [event for event in await told() if event.subject in overdue]
    assert len(events) == len(overdue) == 12, "each once"
    assert {tuple(event.data) for event in events} == {("deadline",)}


@pytest.mark.crash
async def test_awards_claims_and_achievements_are_paid_once_whoever_is_killed_meanwhile(
    world: World, module_services: ServiceFactory
) -> None:
    jump(module_services, "2030-06-01T12:00:00")
    employer = await world.employer(people=("ann", "ben", "cleo"), granted=False)
    awarding = await Awarding.of(employer, 40 * 7)
    program = await awarding.program("spot", [awarding.person("ben")])
    names = [(await awarding.nominate(program, "ann", "cleo", 10)).name for _ in range(40)]

    other = await Awarding.of(employer, 1000, budget="claimed")
    source = await other.source("learning")
    incentive = incentives.Incentive(name=f"{employer.name}/incentives/sale", award_budget=other.budget, amount=3)
    await employer.admin.incentives.CreateIncentive(
        incentives.CreateIncentiveRequest(incentive=incentive, request_id=new_request_id())
    )

    async def until_answered(ask: Callable[[], Awaitable[object]]) -> None:
        """Asks again until there is an answer."""
        while True:
            try:
                await ask()
                return
            except UnavailableError:
                await asyncio.sleep(0.1)  # the pause of a polite caller

    def claim(number: int) -> Awaitable[object]:
        """Claims a sale, always by the same request."""
        made = incentives.Claim(person=employer.person("ann"), external_reference=f"sale-{number}")
        return employer.admin.incentives.ClaimIncentive(
            incentives.ClaimIncentiveRequest(parent=incentive.name, claim=made, request_id=f"claim-{number}")
        )

    approving = asyncio.gather(
        *(
            until_answered(partial(awarding.approve, names[number], "ben", request_id=f"approve-{number}"))
            for number in range(40)
        ),
        *(until_answered(partial(claim, number)) for number in range(20)),
        *(until_answered(partial(other.record, source, f"course-{number}", "ben", 2)) for number in range(20)),
    )
    for victim in (world.recognition, world.ledger):
        await asyncio.sleep(0.1)  # not a wait for a condition: the kill comes at whatever moment this is
        victim.process.kill()
        victim.process.start()
    await approving

    async def settled() -> bool:
        states = [(await awarding.read(name)).state for name in names]
        return states.count(awards.AWARD_STATE_GIVEN) == 28 and awards.AWARD_STATE_APPROVED not in states

    await wait_until(settled)
    assert await employer.earned("cleo") == 280
    assert await awarding.standing() == (0, 120)

    async def all_paid() -> bool:
        return await other.standing() == (1000 - 20 * 3 - 20 * 2, 0)

    await wait_until(all_paid)
    assert [await employer.earned(person) for person in ("ann", "ben")] == [60, 40]
