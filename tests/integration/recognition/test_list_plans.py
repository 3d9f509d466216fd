"""A page of a list reads its own rows, however many others there are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, cast

import asyncpg
import pytest

from guerdon_kit.pages import END
from guerdon_kit.postgres import Connection
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.testing import DatabaseFactory
from recognition.domain.delegations import WantedDelegations
from recognition.domain.incentives import ClaimState, WantedClaims
from recognition.domain.payouts import PayoutState, WantedPayouts
from recognition.domain.recognitions import Wanted
from recognition.domain.roles import Role
from recognition.store import achievements, celebrations, delegations, feed, incentives, payouts, recognitions
from recognition.store.positions import Position
from recognition.store.recognitions import Feed

ROWS = 20_000
PEOPLE = 200
FEW_PAGES = 200
FIRST = Position(END, "", 11)

# Claims, achievements and payouts of one organisation in the order of their numbers, each of which is a second. Of the
# older ones one in a thousand is not settled.
_FILL = f"""
insert into organisations values ('acme', 'Acme', 'acme', 'points', 'UTC', '{{}}', false, 'tester', now());
insert into people (
    organisation, person, display_name, identity, allowance_account, rewards_account, role, country, user_name,
    celebrations_opt_out, leaderboards_opt_out, actor, create_time
)
select 'acme', 'p' || n, 'P', '', 'a' || n, 'r' || n, 'giver', '', '', false, false, 'tester', now()
from generate_series(0, {PEOPLE - 1}) as n;
insert into award_budgets select 'acme', 'b' || n, '', 'ab' || n, 30, 'tester', now() from generate_series(0, 9) as n;
insert into achievement_sources (
    organisation, source, display_name, award_budget, daily_limit, monthly_limit, actor, create_time
)
select 'acme', 's' || n, '', 'b0', 0, 0, 'tester', now() from generate_series(0, 9) as n;
insert into incentives (
    organisation, incentive, display_name, award_budget, amount, monthly_quantity, monthly_quantity_per_person, review,
    actor, create_time
)
select 'acme', 'i' || n, '', 'b0', 1, 0, 0, '[]', 'tester', now() from generate_series(0, 9) as n;
insert into payouts (
    organisation, payout, kind, award_budget, person, amount, subject, state, due_time, wait_end_time, create_time,
    settle_time, transaction, refusal
)
select
    'acme', 'x' || n, (array['award', 'celebration', 'claim', 'claim'])[1 + n % 4], 'b' || n % 10,
    'p' || n % {PEOPLE}, 1, 's',
    case when n % 1000 = 7 and n < 10000 then 'waiting' else 'paid' end,
    now(), now(), to_timestamp(n), case when n % 1000 = 7 and n < 10000 then null else to_timestamp(n) end,
    case when n % 1000 = 7 and n < 10000 then '' else 't' end, 'INSUFFICIENT_POINTS'
from generate_series(1, {ROWS}) as n;
insert into claims (
    organisation, claim, incentive, person, month, proof, external_reference, state, reviewer, reviewer_role,
    decided_by, payout, actor, create_time
)
select
    'acme', 'x' || n, 'i' || n % 10, 'p' || n % {PEOPLE}, '2026-01-01', 'p', '',
    case when n % 1000 = 7 and n < 10000 then 'in_review' else 'approved' end, '', 'admin',
    case when n % 1000 = 7 and n < 10000 then '' else 'p' || n % 7 end,
    case when n % 1000 = 7 and n < 10000 then null else 'x' || n end, 'tester', to_timestamp(n)
from generate_series(1, {ROWS}) as n;
insert into achievements
select
    'acme', 's' || n % 10, 'x' || n, 'p' || n % {PEOPLE}, 1, '', 'x' || n, 'tester', to_timestamp(n)
from generate_series(1, {ROWS}) as n;
insert into award_programs
select 'acme', 'spot', '', 'b0', 1, 1, '{{}}', false, '[]', null, 'tester', now();
insert into awards (
    organisation, award, award_program, nominator, nominee, amount, reason, visibility, chain, state, level, approver,
    approver_role, payout, actor, create_time
)
select
    'acme', 'x' || n, 'spot', 'p' || (n + 1) % {PEOPLE}, 'p' || n % {PEOPLE}, 1, '', 'public', '"[]"', 'approved', 0,
    '', '', 'x' || n, 'tester', to_timestamp(n)
from generate_series(4, {ROWS}, 4) as n;
insert into celebrations
select
    'acme', 'p' || n % {PEOPLE}, 'birthday', n, '2026-01-01', 0, 1, 'public', 'x' || n, to_timestamp(n)
from generate_series(1, {ROWS}, 4) as n;
insert into recognitions (
    organisation, recognition, giver, amount, message, purposes, visibility, state, actor, create_time
)
select
    'acme', 'x' || n, 'p' || n % {PEOPLE}, 1, '', '{{}}', case when n % 12 = 0 then 'private' else 'public' end,
    'posted', 'tester', to_timestamp(n)
from generate_series(1, {ROWS}) as n;
insert into recognition_people
select 'acme', 'x' || n, 'p' || n % {PEOPLE}, 0, to_timestamp(n) from generate_series(1, {ROWS}) as n;
insert into recognition_people
select 'acme', 'x' || n, 'p1', 1, to_timestamp(n) from generate_series(1, {ROWS}, 2) as n where n % {PEOPLE} <> 1;
insert into delegations
select
    'acme', 'd' || n, 'p' || n % {PEOPLE}, 'p' || (n + 1) % {PEOPLE}, to_timestamp(n), to_timestamp(n + 1), 'tester',
    to_timestamp(n)
from generate_series(1, {ROWS}) as n;
"""


@pytest.fixture(scope="module")
def filled(databases: DatabaseFactory) -> Iterator[ServiceDatabase]:
    made = databases.make("recognition")
    yield made
    databases.drop(made)


@pytest.fixture
async def connection(filled: ServiceDatabase) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    opened = await asyncpg.connect(filled.owner_url)
    if not await opened.fetchval("select exists (select from organisations)"):
        await opened.execute(_FILL)
        await opened.execute("vacuum analyze")
    yield opened
    await opened.close()


class Explained:
    """A connection that explains what it is asked to fetch, and counts the pages that are read."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection
        self.pages = 0

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        return self._connection.transaction()

    async def execute(self, sql: str) -> str:
        return await self._connection.execute(sql)

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        await self._connection.fetch(sql, *values)  # what a function asks is planned when it is called first
        said = await self._connection.fetchval(f"explain (analyze, buffers, format json) {sql}", *values)
        top = json.loads(said)[0]["Plan"]
        self.pages += top["Shared Hit Blocks"] + top["Shared Read Blocks"]
        return []


def _claims(**wanted: Any) -> Callable[[Connection], Any]:
    return lambda connection: incentives.list_claims(connection, "acme", WantedClaims(**wanted), FIRST)


def _payouts(**wanted: Any) -> Callable[[Connection], Any]:
    return lambda connection: payouts.list_wanted(connection, "acme", WantedPayouts(**wanted), "p1", FIRST)


def _achievements(source: str | None = None, person: str | None = None) -> Callable[[Connection], Any]:
    return lambda connection: achievements.list_achievements(connection, "acme", source, person, FIRST)


def _delegations(**wanted: Any) -> Callable[[Connection], Any]:
    return lambda connection: delegations.list_wanted(connection, "acme", WantedDelegations(**wanted), FIRST)


def _feed(**wanted: Any) -> Callable[[Connection], Any]:
    return lambda connection: feed.list_items(connection, Feed("acme", "p1", Wanted(**wanted), END, ""), 11)


LISTS = {
    "feed": _feed(),
    "feed of a person": _feed(person="p4"),
    "recognitions": lambda connection: recognitions.list_feed(connection, Feed("acme", "p1", Wanted(), END, ""), 11),
    "celebrations": lambda connection: celebrations.list_seen(connection, "acme", "p1", FIRST),
    "claims": _claims(),
    "claims of a person": _claims(person="p3"),
    "claims of an incentive": _claims(incentive="i3"),
    "claims of both": _claims(incentive="i3", person="p3"),
    "claims in review": _claims(state=ClaimState.IN_REVIEW),
    "claims decided": _claims(decider="p3"),
    "claims to decide": lambda connection: incentives.list_to_decide(
        connection, "acme", "p1", {"p1": Role.ADMIN}, WantedClaims(), FIRST
    ),
    "payouts": _payouts(),
    "payouts waiting": _payouts(state=PayoutState.WAITING),
    "payouts refused": _payouts(state=PayoutState.REFUSED),
    "payouts of a budget": _payouts(budget="b3"),
    "payouts waiting for a budget": _payouts(budget="b7", state=PayoutState.WAITING),
    "payouts to a person": _payouts(person="p3"),
    "achievements": _achievements(),
    "achievements of a source": _achievements("s3"),
    "achievements of a person": _achievements(person="p3"),
    "delegations": _delegations(),
    "delegations of somebody": _delegations(viewer="p3"),
    "delegations by somebody": _delegations(approver="p3", not_ended_at=datetime(1970, 1, 1, tzinfo=UTC)),
    "delegations to somebody": _delegations(delegate="p3"),
}


@pytest.mark.parametrize("name", LISTS)
async def test_a_page_reads_its_own_rows(connection: asyncpg.Connection[asyncpg.Record], name: str) -> None:
    explained = Explained(connection)
    await LISTS[name](cast("Connection", explained))
    assert 0 < explained.pages < FEW_PAGES
