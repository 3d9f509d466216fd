"""What a crash leaves behind is finished: once, to the point, without anybody sending it again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from guerdon import UnavailableError
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.membership.v1 import (
    activity_pb2,
    member_pb2,
    profile_pb2,
    referral_pb2,
)
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon_kit.processes import ServerProcess
from guerdon_kit.testing import wait_until
from tests.contract.membership import doings, friends, people
from tests.contract.membership.world import Shop, World, row, stream, when
from tests.integration.membership.recovery.moving import PAST_THE_LEASE, Moving, asked_again, require_exact, settled


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
    await wait_until(lambda: asked_again(*ask()))
    clock.forward(PAST_THE_LEASE)

    async def finished() -> bool:
        closed, erased = await asyncio.gather(people.get(shop, "ada"), people.erase(shop, "ben", "erase-1"))
        return closed.state == member_pb2.Member.STATE_CLOSED and not erased.texts_pending

    await wait_until(finished)
    assert (await people.close(shop, "ada", "close-1")).member.state == member_pb2.Member.STATE_CLOSED
    assert (await people.get(shop, "ben")).state == member_pb2.Member.STATE_ERASED
    assert (await shop.balance("ben")).state == ledger_res.ACCOUNT_STATE_OPEN
    await people.enroll(shop, "cleo", profile_pb2.Profile(external_id="ada", cards=["ben"]))


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
    await wait_until(lambda: asked_again(*ask()))
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
    await wait_until(lambda: asked_again(*again()))
    clock.forward(PAST_THE_LEASE)

    async def arrived() -> bool:
        balances = await asyncio.gather(*(shop.balance(who) for who in ("ada", *(f"f{n}" for n in range(6)))))
        return [one.posted for one in balances] == [4 * 100 + 1000, 0, 0, 35, 35, 35, 35]

    await wait_until(arrived)
    states = {who: one.state for who, one in (await friends.friends_of(shop, "ada")).items()}
    assert {who for who, state in states.items() if state == friends.TAKEN_BACK} == {"f0", "f1"}  # joined at once


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
