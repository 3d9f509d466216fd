"""Several workers of membership over one database: what is promised once is done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from tests.contract.membership import campaigning, doings, friends
from tests.contract.membership.test_rules import make, now
from tests.contract.membership.world import Shop, World, row


@pytest.fixture(scope="module")
def running(module_services: ServiceFactory, databases: DatabaseFactory) -> Iterator[list[RunningService]]:
    """A ledger, and two membership processes on one database."""
    ledger = module_services.start("ledger", databases.make("ledger"))
    own = databases.make("membership")
    both = [module_services.start("membership", own, targets={"ledger": ledger.target}) for _ in range(2)]
    yield [ledger, *both]
    databases.drop(own)
    databases.drop(ledger.database)


@pytest.fixture
async def worlds(running: list[RunningService], module_services: ServiceFactory) -> AsyncIterator[list[World]]:
    """The ledger with each of the membership processes."""
    ledger, *both = running
    made = [World(ledger, one, module_services.identity) for one in both]
    yield made
    for world in made:
        await world.close()


async def test_two_processes_enrol_record_and_import_each_thing_once(worlds: list[World]) -> None:
    shop = await worlds[0].shop()
    peer = Shop(shop.program, shop.books, worlds[1].client(worlds[1].membership))
    enrolled = await asyncio.gather(*(one.enroll("ada", "till") for one in (shop, peer) for _ in range(4)))
    assert not any(answer.already_enrolled for answer in enrolled)
    bought = await asyncio.gather(*(one.buy("p1", "ada", 10_00) for one in (shop, peer) for _ in range(4)))
    assert sum(not answer.already_recorded for answer in bought) == 1
    rows = [row(f"row-{n}", f"m{n % 20}", 10_00) for n in range(600)]
    files = [one.import_([one.chunk(at + 1, rows[at : at + 100]) for at in range(0, 600, 100)]) for one in (shop, peer)]
    answers = [answer for file in await asyncio.gather(*files) for answer in file]
    assert sum(answer.recorded_count for answer in answers) == 600
    assert sum(answer.enrolled_count for answer in answers) == 20
    totals = await shop.totals()
    balances = await asyncio.gather(*(shop.balance(name) for name in ["ada", *(f"m{n}" for n in range(20))]))
    assert totals.member_count == 21
    assert sum(one.posted for one in balances) == totals.base_points + totals.tier_points + totals.welcome_points


async def test_caps_and_referrals_hold_across_processes(worlds: list[World]) -> None:
    shop = await worlds[0].shop(welcome_points=0, tiers=[])
    peer = Shop(shop.program, shop.books, worlds[1].client(worlds[1].membership))
    await shop.enroll("ada")
    await friends.set_terms(shop)
    code = await friends.code_of(shop, "ada")
    assert await friends.code_of(peer, "ada") == code
    joined = await asyncio.gather(*(friends.join(one, "ben", code) for one in (shop, peer) for _ in range(3)))
    assert {one.referral.state for one in joined} == {friends.OPEN}
    today = Timestamp()
    today.GetCurrentTime()
    tills = [(shop, "p1"), (peer, "p2"), (shop, "p2"), (peer, "p1")]
    await asyncio.gather(*(till.buy(purchase, "ben", 10_00, today) for till, purchase in tills))
    assert [(await shop.balance(who)).posted for who in ("ada", "ben")] == [100, 20 + 25]
    await doings.make_type(shop, "share", 5, total_cap=2)
    shares = [doings.activity(shop, f"s{n % 6}", "ben", "share") for n in range(12)]
    await asyncio.gather(*(doings.record((shop, peer)[n % 2], one) for n, one in enumerate(shares)))
    assert (await shop.balance("ben")).posted == 45 + 2 * 5


async def test_a_budget_for_a_hundred_awards_gives_a_hundred_across_processes(worlds: list[World]) -> None:
    """Awards of 7 from a budget of 703, that 150 purchases of as many members want at once."""
    shop = await worlds[0].shop(welcome_points=0, tiers=[])
    peer = Shop(shop.program, shop.books, worlds[1].client(worlds[1].membership))
    campaign = await campaigning.run(shop, "hundred", budget_points=703)
    await make(shop, "gift", bonus_points=7, campaign=campaign.name)
    await shop.import_([shop.chunk(1, [row(f"i{n}", f"m{n}", 1_00) for n in range(150)])])
    tills = ((shop, peer)[n % 2].buy(f"p{n}", f"m{n}", 1_00, now()) for n in range(150))
    answers = [campaigning.told(one.purchase, "gift") for one in await asyncio.gather(*tills)]
    given = [one.points for one in answers if one.verdict == one.VERDICT_APPLIED]
    assert given == [7] * 100
    assert sum(one.verdict == one.VERDICT_BUDGET_SPENT for one in answers) == 50
    balances = await asyncio.gather(*(shop.balance(f"m{n}") for n in range(150)))
    assert sum(one.posted for one in balances) == 2 * 150 + 700
    assert (await campaigning.report(peer, "hundred")).campaign.spent_points == 700
