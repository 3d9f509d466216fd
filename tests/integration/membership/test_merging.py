"""Merges through crashes and races: every point arrives once, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import pytest
import structlog

from guerdon import new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.membership.v1 import times_pb2
from guerdon_kit.auth.service_tokens import ServiceTokens
from guerdon_kit.clock import SystemClock
from guerdon_kit.grpc.client import Remote
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Database
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from membership.clients.ledger import LEDGER, Ledger
from membership.operations.merging import MergeWaits, Merging
from membership.store import programs
from tests.contract.ledger.world import findings
from tests.contract.membership import people
from tests.contract.membership.world import Shop, World, row, when

NEVER = 10**9
OWN = frozenset({"run", "credit", "take_back", "merge", "remains"})


class Killed(BaseException):
    """Stands for the end of the process: nothing of it but what is in the databases is left."""


@dataclass
class Countdown:
    """How many moments, before and after each commit and each remote call, are left to live."""

    moments: int = NEVER
    passed: int = field(default=0, init=False)

    def reach(self) -> None:
        if self.passed == self.moments:
            raise Killed
        self.passed += 1


class Mortal:
    """Passes calls on; the process may end before or after each of them."""

    def __init__(self, of: object, countdown: Countdown) -> None:
        self._of = of
        self._countdown = countdown

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if name not in OWN:
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._countdown.reach()
            result = await found(*args, **kwargs)
            self._countdown.reach()
            return result

        return call


@dataclass
class Bench:
    """What merges members in this process, against the running services' ledger and database."""

    database: Database
    ledger: Ledger

    def merging(self, countdown: Countdown | None = None) -> Merging:
        """A process that ends when the countdown does."""
        left = countdown or Countdown()
        return Merging(
            cast("Database", Mortal(self.database, left)),
            cast("Ledger", Mortal(self.ledger, left)),
            SystemClock(),
            structlog.get_logger(),
            2.0,
        )


@pytest.fixture(scope="module")
def running(
    module_services: ServiceFactory, databases: DatabaseFactory
) -> Iterator[tuple[RunningService, RunningService]]:
    books = module_services.start("ledger", databases.make("ledger"))
    membership = module_services.start("membership", databases.make("membership"), targets={"ledger": books.target})
    yield books, membership
    databases.drop(membership.database)
    databases.drop(books.database)


@pytest.fixture
async def world(
    running: tuple[RunningService, RunningService], module_services: ServiceFactory
) -> AsyncIterator[World]:
    made = World(*running, module_services.identity)
    yield made
    await made.close()


@pytest.fixture
async def bench(world: World) -> AsyncIterator[Bench]:
    database = await Database.open(world.membership.database.runtime_url, name="test", size=4)
    tokens = ServiceTokens("membership", world.identity.signing_key_file("membership"))
    remote = Remote(world.ledger.target, LEDGER, partial(tokens.token, "ledger"))
    yield Bench(database, Ledger(remote))
    await remote.close()
    await database.close()


async def give_pending(shop: Shop, member_id: str, points: int) -> None:
    """Points that wait to be activated."""
    posting = ledger_res.Posting(
        source=f"{shop.program}/accounts/issuance.points",
        destination=f"{shop.program}/accounts/m-{member_id}",
        amount=points,
        pending=True,
    )
    earn = ledger_res.Transaction(kind=ledger_res.TRANSACTION_KIND_EARN, postings=[posting])
    await shop.books.ledger.PostTransaction(
        ledger.PostTransactionRequest(parent=shop.program, transaction=earn, request_id=new_request_id())
    )


async def test_killed_at_each_moment_a_merge_is_finished_and_each_point_arrives_once(
    world: World, bench: Bench
) -> None:
    """The old account has 50 of welcome, 80 of a purchase, 30 spent and 20 pending; the welcome is taken back."""
    shop = await world.shop()
    async with bench.database.acquire() as connection:
        program = await programs.find(connection, shop.program.removeprefix("programs/"))
    assert program is not None
    countdown = Countdown(0)
    for moment in range(200):
        old, new = f"old-{moment}", f"new-{moment}"
        await shop.import_([shop.chunk(1, [row(f"p-{moment}", old, 80_00), row(f"q-{moment}", new, 1_00)])])
        await give_pending(shop, old, 20)
        await shop.spend(old, 30)
        fingerprint = Fingerprint(f"merge-{moment:0>10}".encode(), b"", b"", ledger.PostTransactionRequest.DESCRIPTOR)
        ask = (program, old, new, fingerprint, "tester", 20.0)
        countdown = Countdown(moment)
        done = False
        try:
            done, _ = await bench.merging(countdown).merge(*ask)
        except Killed:
            await bench.merging().merge(*ask)
        await bench.merging().merge(*ask)
        before, after = await shop.balance(old), await shop.balance(new)
        assert (before.posted, before.debt, before.pending, before.held) == (0, 0, 0, 0), moment
        assert (after.available, after.pending) == (50 + 1 + 80 - 30, 20), moment
        assert (await shop.progress(old)).progress.counted == 81
        if done:
            break
    assert countdown.passed > 15, "no moment was counted"
    assert done, "a merge ends"
    assert await findings(world.client(world.ledger)) == []


async def test_purchases_of_both_while_they_are_merged_are_never_lost(world: World, bench: Bench) -> None:
    shop = await world.shop(welcome_points=0)
    await asyncio.gather(*(shop.enroll(f"{side}-{n}") for side in ("old", "new") for n in range(5)))

    async def buy(member_id: str, number: int) -> None:
        await shop.buy(f"{member_id}-p{number}", member_id, 10_00)

    for n in range(5):
        await asyncio.gather(
            *(buy(f"{side}-{n}", number) for side in ("old", "new") for number in range(4)),
            people.merge(shop, f"old-{n}", f"new-{n}", f"merge-{n}"),
            shop.import_([shop.chunk(1, [row(f"{n}-i{number}", f"old-{n}", 10_00) for number in range(3)])]),
        )

    async def arrived() -> bool:
        answers = [await people.merge(shop, f"old-{n}", f"new-{n}", f"merge-{n}") for n in range(5)]
        return not any(answer.moving for answer in answers)

    await wait_until(arrived)
    for n in range(5):
        old, new = await shop.balance(f"old-{n}"), await shop.balance(f"new-{n}")
        progress = (await shop.progress(f"old-{n}")).progress
        assert (old.posted, new.posted) == (0, progress.counted)
        assert new.posted >= 11 * 10
    totals = await shop.totals()
    assert totals.purchase_count == 5 * 11
    assert await findings(world.client(world.ledger)) == []


async def test_what_expires_is_read_beyond_what_one_answer_tells(world: World, bench: Bench) -> None:
    shop = await world.shop(welcome_points=0, expiry_policy=times_pb2.ExpiryPolicy(months=12))
    async with bench.database.acquire() as connection:
        program = await programs.find(connection, shop.program.removeprefix("programs/"))
    assert program is not None
    begin = datetime.now(UTC) - timedelta(days=2)
    times = [when(*(begin + timedelta(minutes=number)).timetuple()[:6]) for number in range(250)]
    await shop.import_([shop.chunk(1, [row(f"p{n}", "ada", 1_00, time) for n, time in enumerate(times)])])
    all_ = await bench.ledger.expiring(program, "m-ada", "tester", begin + timedelta(days=1000))
    assert all_ is not None
    assert (len(all_), sum(points for points, _ in all_)) == (250, (await shop.balance("ada")).available)
    assert list(all_) == sorted(all_, key=lambda one: one[1])
    for until, told in ((all_[98], 100), (all_[99], 200), (all_[249], 250)):
        assert await bench.ledger.expiring(program, "m-ada", "tester", until[1]) == all_[:told]
    assert await bench.ledger.expiring(program, "m-ben", "tester", begin) is None


async def test_one_member_merged_into_two_at_once_goes_to_one_of_them(world: World, bench: Bench) -> None:
    shop = await world.shop(welcome_points=0)
    await asyncio.gather(*(shop.enroll(one) for one in ("old", "ada", "ben")))
    await shop.buy("p1", "old", 10_00)
    answers = await asyncio.gather(
        *(people.merge(shop, "old", into) for into in ("ada", "ben")), return_exceptions=True
    )
    assert sorted(getattr(one, "reason", "") for one in answers) == ["", "MEMBER_MERGED"]
    assert sorted([(await shop.balance(one)).posted for one in ("old", "ada", "ben")]) == [0, 0, 10]


async def test_two_merged_into_each_other_at_once_are_one(world: World, bench: Bench) -> None:
    shop = await world.shop(welcome_points=0)
    await asyncio.gather(shop.enroll("ada"), shop.enroll("ben"))
    await asyncio.gather(shop.buy("p1", "ada", 10_00), shop.buy("p2", "ben", 5_00))
    answers = await asyncio.gather(
        people.merge(shop, "ada", "ben"), people.merge(shop, "ben", "ada"), return_exceptions=True
    )
    assert sorted(getattr(one, "reason", "") for one in answers) == ["", "INVALID_FIELD"]
    assert sorted([(await shop.balance(one)).posted for one in ("ada", "ben")]) == [0, 15]


async def test_what_comes_to_a_merged_account_later_is_found_by_the_next_look(world: World, bench: Bench) -> None:
    shop = await world.shop(welcome_points=0)
    await asyncio.gather(shop.enroll("old"), shop.enroll("new"))
    assert not (await people.merge(shop, "old", "new", "merge-1")).moving
    await give_pending(shop, "old", 7)
    async with bench.database.acquire() as connection:
        number = await connection.fetchval("select max(member_no) from merges")
    hold = ledger_res.Hold(account=f"{shop.program}/accounts/m-old", amount=3)
    await shop.buy("p1", "new", 3_00)
    await bench.merging().advance(number)
    assert [(await shop.balance(one)).pending for one in ("old", "new")] == [0, 7]
    posting = ledger_res.Posting(source=f"{shop.program}/accounts/issuance.points", destination=hold.account, amount=3)
    earn = ledger_res.Transaction(kind=ledger_res.TRANSACTION_KIND_EARN, postings=[posting])
    await shop.books.ledger.PostTransaction(
        ledger.PostTransactionRequest(parent=shop.program, transaction=earn, request_id=new_request_id())
    )
    hold.expire_time.GetCurrentTime()
    hold.expire_time.seconds += 3600
    await shop.books.ledger.PlaceHold(
        ledger.PlaceHoldRequest(parent=shop.program, hold=hold, request_id=new_request_id())
    )
    with pytest.raises(MergeWaits):
        await bench.merging().advance(number)
