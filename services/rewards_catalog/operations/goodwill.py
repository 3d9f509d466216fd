"""The promise of goodwill: it is one adjustment in the ledger, or none, and each agent's limit holds.

The decision whether an agent gives it alone is taken with the goodwill's row, under the agent's lock. The ledger then
knows it by ids of its own, so that whoever finds it PENDING asks again: the caller, or the recovery loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from rewards_catalog.clients.adjustments import Adjustments, Refusal
from rewards_catalog.clients.ledger import Ledger
from rewards_catalog.domain.errors import GoodwillRefused, GoodwillUnfinished
from rewards_catalog.domain.limits import Period, span_of
from rewards_catalog.domain.support import (
    Case,
    Goodwill,
    GoodwillState,
    check_open,
    goodwill_violations,
    may_give_alone,
)
from rewards_catalog.operations.asking import Asking
from rewards_catalog.operations.progress import Reached, nowhere
from rewards_catalog.store import support

_ASKED_AT_ONCE = 8
"""So many proposals of a case the ledger is asked about at a time."""
_STEPS_MAX = 4
"""Alone, then with a second person, each perhaps found done by somebody else."""


@dataclass(frozen=True, slots=True)
class Gift:
    """What is to be given."""

    account: str
    points: int
    expire_time: datetime | None


@dataclass(frozen=True)
class Giving:
    """Goodwill in all cases. `until` is of `time.monotonic()`."""

    database: Database
    ledger: Ledger
    adjustments: Adjustments
    clock: Clock
    lease: timedelta
    """After so long without progress the recovery loop takes goodwill up."""
    reached: Reached = nowhere

    async def give(self, asking: Asking, program: str, case: str, gift: Gift) -> tuple[Goodwill, bool]:
        """Gives the points, or proposes them; answers what became of it, and whether the request was sent before.

        Raises:
            InvalidField: a bound is broken.
            NotFound: there is no such case, or no such account.
            CaseClosed, CaseFull: nothing is given in it any more.
            GoodwillRefused: the ledger refused it.
            GoodwillUnfinished, Unavailable: send the same request again, or read the case.
        """
        async with self.database.acquire() as connection:
            outcome = await requests.find(connection, asking.fingerprint)
        replayed = outcome is not None
        if outcome is None:
            outcome, replayed = await self._accept(asking, program, case, gift)
        found = await self.drive((program, case, outcome.decode()), asking.until)
        if found.state is GoodwillState.REFUSED:
            raise GoodwillRefused(goodwill=found.name, ledger_reason=found.refusal)
        return found, replayed

    async def of_case(self, case: Case, until: float) -> Sequence[Goodwill]:
        """What was given in a case, oldest first. What waits for a second person is asked after.

        Raises:
            OutcomeUnknown: the ledger did not say in time what became of one.
        """
        async with self.database.acquire() as connection:
            given = await support.of_case(connection, case)
        room = asyncio.Semaphore(_ASKED_AT_ONCE)

        async def resolved(goodwill: Goodwill) -> Goodwill:
            async with room:
                return await self._resolved(goodwill, until)

        return await asyncio.gather(*map(resolved, given))

    async def drive(self, key: support.Key, until: float) -> Goodwill:
        """Asks the ledger until the goodwill rests, and answers it as it is then.

        Raises:
            GoodwillUnfinished: the ledger did not answer in time. Go on later.
        """
        goodwill = await self._read(key)
        for _ in range(_STEPS_MAX):
            if goodwill.state is not GoodwillState.PENDING:
                return goodwill
            try:
                goodwill = await self._ask(goodwill, until)
            except OutcomeUnknown as error:
                raise GoodwillUnfinished(goodwill=goodwill.name) from error
        raise AssertionError(f"{goodwill.name} does not come to rest")

    async def _accept(self, asking: Asking, program: str, case: str, gift: Gift) -> tuple[bytes, bool]:
        now = self.clock.now()
        broken = list(goodwill_violations(gift.points, gift.expire_time, now))
        if broken:
            raise InvalidField(broken)
        unit = await self.ledger.unit_of(gift.account, asking.actor, asking.until)
        time_zone = await self.ledger.time_zone(program, asking.actor, asking.until)
        fresh = Goodwill(
            program=program,
            case=case,
            id=new_id("gw"),
            account=gift.account,
            unit=unit,
            points=gift.points,
            expire_time=gift.expire_time,
            alone=False,
            state=GoodwillState.PENDING,
            transaction="",
            adjustment="",
            refusal="",
            agent=asking.actor,
            create_time=now,
        )

        async def accept(connection: Connection) -> bytes:
            found = await support.get_case(connection, program, case, lock=True)
            check_open(found, await support.count(connection, found))
            today = span_of(Period.DAY, now, time_zone)
            given = await support.given_alone(connection, program, unit, fresh.agent, today)
            limit = await support.limit_of(connection, program, unit)
            decided = replace(fresh, alone=may_give_alone(fresh.points, given, limit))
            await support.insert(connection, decided, now + self.lease)
            return fresh.id.encode()

        accepted = await requests.once(self.database, asking.fingerprint, accept)
        self.reached("goodwill PENDING")
        return accepted

    async def _ask(self, goodwill: Goodwill, until: float) -> Goodwill:
        ask = self.adjustments.give if goodwill.alone else self.adjustments.propose
        answer = await ask(goodwill, until)
        self.reached("goodwill asked")
        match answer:
            case Refusal(_, second_person=True) if goodwill.alone:
                # The program's own limit in the ledger is lower than what is left of the agent's. It may be raised
                # while a copy of the request is on its way, and what is proposed then would be given twice.
                await self.adjustments.end_giving(goodwill, until)
                self.reached("giving ended")
                return await self._advance(goodwill, replace(goodwill, alone=False))
            case Refusal(reason):
                return await self._advance(goodwill, replace(goodwill, state=GoodwillState.REFUSED, refusal=reason))
            case name if goodwill.alone:
                return await self._advance(goodwill, replace(goodwill, state=GoodwillState.GIVEN, transaction=name))
            case name:
                return await self._advance(goodwill, replace(goodwill, state=GoodwillState.PROPOSED, adjustment=name))

    async def _resolved(self, goodwill: Goodwill, until: float) -> Goodwill:
        if goodwill.state is not GoodwillState.PROPOSED:
            return goodwill
        state, transaction = await self.adjustments.became(goodwill, until)
        if state is GoodwillState.PROPOSED:
            return goodwill
        return await self._advance(goodwill, replace(goodwill, state=state, transaction=transaction))

    async def _advance(self, before: Goodwill, after: Goodwill) -> Goodwill:
        """Commits `after`; where somebody else was faster, answers what is."""
        due_time = self.clock.now() + self.lease if after.state is GoodwillState.PENDING else None

        async def unit(connection: Connection) -> bool:
            return await support.move(connection, before, after, due_time)

        if not await self.database.run(unit, repeatable=True):
            return await self._read((before.program, before.case, before.id))
        self.reached(f"goodwill {after.state}")
        return after

    async def _read(self, key: support.Key) -> Goodwill:
        async with self.database.acquire() as connection:
            return await support.get(connection, *key)
