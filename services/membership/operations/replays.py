"""Trying draft rules on a program's purchases: read, rated, compared; nothing is written and nothing held.

Members are split into parts, so that the purchases of one part fit into memory and can be sorted there: each part reads
the program's purchases once more and keeps its own. An index from members to purchases would save that, and every
import would pay for it. Where campaigns have budgets all members take of them, so that they are one part, and purchases
are rated in the order in which they arrived.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.postgres import Connection, Database
from membership.domain.campaigns import Campaign
from membership.domain.drafts import Draft, drafted
from membership.domain.lives import Bought, Life, Trial
from membership.domain.moments import EPOCH, to_microseconds
from membership.domain.profiles import NOTHING_KNOWN
from membership.domain.program import Program
from membership.domain.replays import Comparison, compare
from membership.domain.rules import Rule
from membership.domain.segments import Segment
from membership.store import campaigns, plan_periods, profiles, replays, segments

PART = 100_000
"""About so many purchases are in memory at once."""
PAGE = 1_000
RATED_AT_ONCE = 30
"""Calls of others wait for so many ratings at most: some ten milliseconds."""
TOLD_EVERY = 2_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Draft rules, in campaigns of which some are drafts too, to be tried on purchases from `start` on and before
    `end`; `named` winners and losers are told.
    """

    program: Program
    rules: Sequence[Rule]
    campaigns: Sequence[Campaign]
    start: datetime | None
    end: datetime | None
    named: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """How far a replay has come; `comparison` is there at its end."""

    so_far: int
    in_all: int
    comparison: Comparison | None = None


class Replays:
    """Replays, one at a time in a process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._running = asyncio.Lock()

    async def run(self, wanted: Wanted) -> AsyncGenerator[Replayed, None]:
        """Replays purchases and tells how far it has come; the last answer has the comparison.

        Raises:
            InvalidField: a rule or a campaign is wrong, or there are too many purchases for a budget to be kept.
        """
        program = wanted.program
        async with self._database.acquire() as connection:
            made = {one.campaign_id: one for one in await campaigns.every(connection, program)}
        draft = drafted(program, wanted.rules, wanted.campaigns, made, self._clock.now())
        comparison = compare(program, wanted.rules, wanted.named)
        async with self._running:
            async with self._database.acquire() as connection:
                in_all = await replays.count(connection, program, wanted.start, wanted.end)
                read = in_all
                if wanted.start is not None:
                    read = await replays.count(connection, program, None, wanted.end)
                asked = await _asked(connection, program, draft)
            if draft.budgeted and read > PART:
                raise InvalidField.of(
                    "end_time", f"budgets are kept over the first {PART:,} purchases at most: {read:,} are before it"
                )
            start_us = 0 if wanted.start is None else to_microseconds(wanted.start)
            trial = Trial(program, draft.book, start_us, draft.budgets(), asked)
            yield Replayed(0, in_all)
            parts, told = 1 if draft.budgeted else read // PART + 1, 0
            for part in range(parts):
                bought = await self._read(wanted, part, parts)
                if draft.budgeted:
                    bought.sort(key=_ARRIVAL)
                async with aclosing(self._rate(trial, bought, comparison, together=draft.budgeted)) as steps:
                    async for so_far in steps:
                        if so_far - told >= TOLD_EVERY:
                            told = so_far
                            yield Replayed(so_far, in_all)
            yield Replayed(comparison.purchases, in_all, comparison)

    async def _read(self, wanted: Wanted, part: int, parts: int) -> list[Bought]:
        """All purchases of a part of the members, by member and in the order in which they are replayed."""
        bought: list[Bought] = []
        after, more = "", True
        while more:
            async with self._database.acquire() as connection:
                page = await replays.page(connection, wanted.program, wanted.end, part, parts, after, PAGE)
            bought += page
            after, more = (page[-1].purchase_id, True) if len(page) == PAGE else (after, False)
        return sorted(bought)

    async def _rate(
        self, trial: Trial, bought: Sequence[Bought], comparison: Comparison, *, together: bool
    ) -> AsyncGenerator[int, None]:
        """Rates purchases by the draft, a few at a time, and adds up what members get; tells how many are rated. It
        rests for as long as it has worked. Unless members live `together`, they come one after the other.
        """
        lives: dict[int, Life] = {}
        rated = comparison.purchases
        for first in range(0, len(bought), RATED_AT_ONCE):
            some = bought[first : first + RATED_AT_ONCE]
            fresh = {one.member_no for one in some} - lives.keys()
            async with self._database.acquire() as connection:
                coming = await _begun(connection, trial, fresh)
                baskets = await replays.baskets(connection, trial.program, some)
            began = time.monotonic()
            for one in some:
                if one.member_no not in lives:
                    if not together:
                        _end(lives, comparison)
                    lives[one.member_no] = coming[one.member_no]
                lives[one.member_no].buy(one, baskets.get(one.purchase_id))
                rated += one.event_us >= trial.start_us
            await asyncio.sleep(time.monotonic() - began)
            yield rated
        _end(lives, comparison)


_ARRIVAL = itemgetter(slice(1, 4))


def _end(lives: dict[int, Life], comparison: Comparison) -> None:
    for life in lives.values():
        comparison.add(life)
    lives.clear()


async def _begun(connection: Connection, trial: Trial, member_nos: set[int]) -> Mapping[int, Life]:
    """The lives of members of whom nothing was rated yet, by number."""
    if not member_nos:
        return {}
    members = await replays.whose(connection, member_nos)
    known = await profiles.of(connection, sorted(member_nos)) if trial.segments else {}
    asks_plans = trial.segments or trial.book.asks_plans
    plans = await plan_periods.standing(connection, sorted(member_nos), EPOCH) if asks_plans else {}
    return {no: Life(trial, one, known.get(no, NOTHING_KNOWN), plans.get(no, ())) for no, one in members.items()}


async def _asked(connection: Connection, program: Program, draft: Draft) -> list[Segment]:
    """The segments that a draft's conditions may ask for."""
    if draft.asks_segments == frozenset():
        return []
    every, named = await segments.in_use(connection, program), draft.asks_segments
    return [one for one in every if named is None or one.segment_id in named]
