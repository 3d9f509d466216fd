"""Each transaction is counted once, a bounded number at a look, whoever looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

import pytest

from guerdon_kit.errors import Unavailable
from guerdon_kit.postgres import Connection, Database
from recognition.clients.journal import JournalLedger, JournalPage
from recognition.domain.billing import SETTLING
from recognition.domain.budgets import BudgetMode, BudgetTerms
from recognition.domain.disbursements import Disbursement, DisbursementState, Disbursing, Order
from recognition.domain.flows import FlowKind, Posted, PostedMove
from recognition.operations.billing import Billing
from recognition.operations.journal import PAGES_MAX, Journal
from recognition.store import billing, budgets, disbursements, journal, people
from recognition.store.journal import Position
from tests.integration.recognition.conftest import NOW, UMBRELLA

SPENT = 3 * PAGES_MAX + 5
"""As many transactions as pages: more than three looks take."""


@dataclass
class Still:
    """A clock that stands."""

    time: datetime = NOW + timedelta(hours=2)

    def now(self) -> datetime:
        return self.time

    def offset(self) -> timedelta:
        return timedelta()


class Pages(JournalLedger):
    """A journal of one transaction a page, newest first."""

    def __init__(self, transactions: list[Posted]) -> None:
        self.transactions = transactions
        self.read = 0

    async def page(self, program: str, since: datetime, token: str = "") -> JournalPage:
        assert program == UMBRELLA.program
        self.read += 1
        await asyncio.sleep(0)  # others may come between
        index = int(token or len(self.transactions)) - 1
        found = self.transactions[index : index + 1] if index >= 0 else []
        return JournalPage(found, str(index) if index > 0 else "")


@pytest.fixture
async def rewards(db: Database) -> str:
    """Ben's account."""
    async with db.transaction() as connection:
        await journal.begin(connection, UMBRELLA.program, NOW)
        found = await people.find(connection, "umbrella", ["ben"])
    return found["ben"].rewards_account_id


def spent(rewards: str, count: int) -> list[Posted]:
    """So many redemptions, one each second."""
    return [
        Posted(
            f"programs/umbrella-points/transactions/{number}",
            FlowKind.SPEND,
            NOW + timedelta(seconds=number),
            (PostedMove(rewards, "redemption.points", number + 1),),
        )
        for number in range(count)
    ]


async def total(db: Database) -> tuple[int, int]:
    """What flowed, and what redemptions are kept, of November."""
    async with db.acquire() as connection:
        flows = await journal.flows(connection, "umbrella")
        redeemed, returned = await journal.redeemed(connection, "umbrella", NOW.date().replace(day=1))
    assert returned == 0
    return sum(flows.values()), redeemed


async def test_a_long_journal_is_counted_look_by_look_and_nothing_is_told_of_a_part(db: Database, rewards: str) -> None:
    pages = Pages(spent(rewards, SPENT))
    counting = Journal(db, pages, Still())
    expected = sum(range(1, SPENT + 1))
    for look in (1, 2, 3):
        assert await counting.look(UMBRELLA.program)
        assert pages.read == look * PAGES_MAX, "a look is bounded"
        with pytest.raises(Unavailable):
            async with counting.settled(UMBRELLA.program):
                pass
    assert not await counting.look(UMBRELLA.program)
    async with counting.settled(UMBRELLA.program) as (_, position):
        assert position.counted_time == Still().now() - SETTLING
    assert await total(db) == (expected, expected)
    await counting.count(UMBRELLA.program)
    assert await total(db) == (expected, expected)


async def test_of_many_who_count_at_once_one_does(db: Database, rewards: str) -> None:
    transactions = spent(rewards, SPENT)
    workers = [Journal(db, Pages(transactions), Still()) for _ in range(4)]
    await asyncio.gather(*(worker.count(UMBRELLA.program) for worker in workers))
    assert await total(db) == (sum(range(1, SPENT + 1)),) * 2


async def test_what_is_newer_than_what_is_settled_is_told_and_not_counted(db: Database, rewards: str) -> None:
    early, late = spent(rewards, 1)[0], spent(rewards, 10)[9]
    clock = Still(late.record_time + SETTLING)
    counting = Journal(db, Pages([early, late]), clock)
    await counting.count(UMBRELLA.program)
    assert await total(db) == (1, 1), "the moment itself is not over"
    async with counting.settled(UMBRELLA.program) as (_, position):
        pass
    recent = await counting.recent(UMBRELLA, position)
    assert (recent.counted.flows.total(), recent.read_time) == (10, clock.time)
    clock.time += timedelta(microseconds=1)
    await counting.count(UMBRELLA.program)
    assert await total(db) == (11, 11)


async def test_more_than_is_read_at_once_is_left_out_and_the_answer_says_up_to_when_it_is(
    db: Database, rewards: str
) -> None:
    counting = Journal(db, Pages(spent(rewards, PAGES_MAX + 1)), Still())
    async with counting.settled(UMBRELLA.program) as (_, position):
        pass
    recent = await counting.recent(UMBRELLA, position)
    assert (recent.counted.flows.total(), recent.read_time) == (0, position.counted_time)


async def test_nothing_newer_than_a_boost_is_counted_whose_outcome_is_unknown(db: Database, rewards: str) -> None:
    transactions = spent(rewards, 1)
    counting = Journal(db, Pages(transactions), Still())
    order = Order("umbrella", Disbursing.BOOST, "", ("ben",), 5, "Welcome")
    boost = Disbursement("d-1", order, "umbrella-points", "b", ("a",), DisbursementState.PENDING, "tester", NOW)
    async with db.transaction() as connection:
        assert await disbursements.insert(connection, boost, NOW)
    await counting.count(UMBRELLA.program)
    assert await total(db) == (0, 0)
    async with db.transaction() as connection:
        await connection.execute("update disbursements set state = 'refused', refusal = 'ACCOUNT_CLOSED'")
    await counting.count(UMBRELLA.program)
    assert await total(db) == (1, 1)


async def test_programs_and_statements_are_looked_for_a_bounded_number_at_a_time(db: Database, rewards: str) -> None:
    async with db.transaction() as connection:
        assert [claim.id for claim in await journal.claim(connection, NOW, NOW + SETTLING, 5)] == [UMBRELLA.program]
        assert await journal.claim(connection, NOW, NOW + SETTLING, 5) == []
        assert await billing.unbilled(connection, 5) == []


async def test_a_statement_is_found_that_becomes_final_while_it_is_asked_for(db: Database, rewards: str) -> None:
    clock = Still(NOW + timedelta(days=20))
    terms = BudgetTerms(BudgetMode.BILLED_ON_REDEMPTION, 10_000, Fraction(10), "USD")
    month = NOW.date().replace(day=1)
    async with db.transaction() as connection:
        await budgets.save(connection, "umbrella", terms, "tester", NOW, due_time=NOW, first_month=month, month=month)

    class Closing(Journal):
        """Others make a statement final just before what is counted is read."""

        @asynccontextmanager
        async def settled(self, program: str) -> AsyncIterator[tuple[Connection, Position]]:
            assert await Billing(db, self, clock).close_due() == 1
            async with super().settled(program) as found:
                yield found

    counting = Closing(db, Pages(spent(rewards, 2)), clock)
    await counting.count(UMBRELLA.program)
    statement = await Billing(db, counting, clock).get("umbrella", "2026-11")
    assert (statement.final, statement.redeemed_points) == (True, 3)
