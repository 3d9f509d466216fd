"""Trying draft rules on a program's purchases: read, rated, compared; nothing is written and nothing held.

Members are split into parts, so that the purchases of one part fit into memory and can be sorted there: each part reads
the program's purchases once more and keeps its own. An index from members to purchases would save that, and every
import would pay for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from membership.domain.moments import to_microseconds
from membership.domain.program import Program
from membership.domain.replays import Bought, Comparison, Life, compare, drafted
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import Rule
from membership.store import replays

PART = 100_000
"""About so many purchases are in memory at once."""
PAGE = 1_000
RATED_AT_ONCE = 30
"""Calls of others wait for so many ratings at most: some ten milliseconds."""
TOLD_EVERY = 2_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Draft rules to be tried on purchases from `start` on and before `end`; `named` winners and losers are told."""

    program: Program
    rules: Sequence[Rule]
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
            InvalidField: a rule is wrong.
        """
        program, draft = wanted.program, drafted(wanted.program, wanted.rules, self._clock.now())
        comparison = compare(program, wanted.rules, wanted.named)
        async with self._running:
            async with self._database.acquire() as connection:
                in_all = await replays.count(connection, program, wanted.start, wanted.end)
                read = in_all
                if wanted.start is not None:
                    read = await replays.count(connection, program, None, wanted.end)
            yield Replayed(0, in_all)
            parts, told = read // PART + 1, 0
            for part in range(parts):
                bought = await self._read(wanted, part, parts)
                async with aclosing(self._rate(wanted, draft, bought, comparison)) as steps:
                    async for so_far in steps:
                        if so_far - told >= TOLD_EVERY:
                            told = so_far
                            yield Replayed(so_far, in_all)
            yield Replayed(comparison.purchases, in_all, comparison)

    async def _read(self, wanted: Wanted, part: int, parts: int) -> list[Bought]:
        """All purchases of a part of the members, by member and in the order of their event times."""
        bought: list[Bought] = []
        after, more = "", True
        while more:
            async with self._database.acquire() as connection:
                page = await replays.page(connection, wanted.program, wanted.end, part, parts, after, PAGE)
            bought += page
            after, more = (page[-1].purchase_id, True) if len(page) == PAGE else (after, False)
        return sorted(bought)

    async def _rate(
        self, wanted: Wanted, draft: Rulebook, bought: Sequence[Bought], comparison: Comparison
    ) -> AsyncGenerator[int, None]:
        """Rates purchases by the draft, a few at a time, and adds up what members get; tells how many are rated. It
        rests for as long as it has worked.
        """
        start_us = None if wanted.start is None else to_microseconds(wanted.start)
        life: Life | None = None
        for first in range(0, len(bought), RATED_AT_ONCE):
            some = bought[first : first + RATED_AT_ONCE]
            async with self._database.acquire() as connection:
                members = await replays.whose(connection, some)
                baskets = await replays.baskets(connection, wanted.program, some)
            began = time.monotonic()
            for member_no, of_member in groupby(some, attrgetter("member_no")):
                if life is None or life.member.member_no != member_no:
                    if life is not None:
                        comparison.add(life)
                    life = Life(wanted.program, draft, members[member_no], start_us)
                life.go_on(list(of_member), baskets)
            await asyncio.sleep(time.monotonic() - began)
            yield comparison.purchases + (life.purchases if life else 0)
        if life is not None:
            comparison.add(life)
