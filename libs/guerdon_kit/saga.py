"""Finishing what a crash left behind: the recovery loop of work that spans services.

A service keeps such work as records with a state machine. A record that is not finished has a due time; the
loop claims the due ones and advances them. What advancing means, and its undoing, is the service's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.errors import Unavailable
from guerdon_kit.postgres import Connection, Database

K = TypeVar("K")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim(Generic[K]):
    """A record that is ours until its lease ends."""

    id: K
    attempts: int
    """How often it has been claimed, this time included."""


@dataclass(frozen=True, slots=True)
class Records(Generic[K]):
    """A service's records, as the loop needs them; the SQL is in the service's own store.

    `claim(connection, now, lease_end, most)` is one statement such as

        update redemptions set due_time = :lease_end, attempts = attempts + 1
        where id in (
            select id from redemptions where due_time <= :now
            order by due_time limit :most for update skip locked
        )
        returning id, attempts

    and no more, for it commits by itself. So a lease is no more than a due time that was put off: it ends by itself.
    A finished record has no due time. `put_off(connection, id, due)` sets the due time of a record that failed to
    advance, if it still has one.
    """

    claim: Callable[[Connection, datetime, datetime, int], Awaitable[Sequence[Claim[K]]]]
    put_off: Callable[[Connection, K, datetime], Awaitable[None]]


class RecoveryLoop(Generic[K]):
    """Advances due records until they are finished. Any number of workers may run one."""

    def __init__(
        self,
        name: str,
        database: Database,
        clock: Clock,
        records: Records[K],
        advance: Callable[[K], Awaitable[None]],
        *,
        poll: timedelta = timedelta(milliseconds=500),
        lease: timedelta = timedelta(seconds=30),
        most: int = 16,
        first_delay: timedelta = timedelta(seconds=1),
        most_delay: timedelta = timedelta(minutes=5),
    ) -> None:
        """`advance` takes a record as far as it can go, by its state and not by how it came here: it may run
        again at any point. It is cancelled when the `lease` ends. `most` records are advanced at once. The
        delay after a failure doubles from `first_delay` to `most_delay`. Times are by `clock`, so that a test
        that moves it makes records due; pauses and leases last by the machine's.
        """
        self._name = name
        self._database = database
        self._clock = clock
        self._records = records
        self._advance = advance
        self._poll = poll
        self._lease = lease
        self._most = most
        self._first_delay = first_delay
        self._most_delay = most_delay

    async def run(self) -> None:
        """A job: runs until it is cancelled, which also cancels what is under way; its lease then ends."""
        # All of a service's loops start together: at once each would open a connection for its first look.
        await asyncio.sleep(self._poll.total_seconds() * random.random())
        while True:
            try:
                advanced = await self.turn()
            except Unavailable:
                advanced = 0
                _log.warning("recovery_waits", loop=self._name)
            if advanced < self._most:  # workers that started together should not stay together
                await asyncio.sleep(self._poll.total_seconds() * random.uniform(0.5, 1.5))

    async def turn(self) -> int:
        """Claims due records and advances them; answers how many they were.

        Raises:
            Unavailable: PostgreSQL is away.
        """
        now = self._clock.now()
        # Not in a transaction: a loop looks twice a second, mostly in vain, and one round trip is a third of three.
        async with self._database.acquire() as connection:
            claims = await self._records.claim(connection, now, now + self._lease, self._most)
        async with asyncio.TaskGroup() as group:
            for claim in claims:
                group.create_task(self._one(claim))
        return len(claims)

    async def _one(self, claim: Claim[K]) -> None:
        try:
            async with asyncio.timeout(self._lease.total_seconds()):
                await self._advance(claim.id)
        except Exception as error:  # noqa: BLE001 - one record's failure is its own; it is logged and tried again
            await self._put_off(claim, error)

    async def _put_off(self, claim: Claim[K], error: Exception) -> None:
        delay = min(self._first_delay * 2 ** min(claim.attempts - 1, 30), self._most_delay)
        _log.warning(
            "advance_failed",
            loop=self._name,
            record=str(claim.id),
            attempts=claim.attempts,
            error=type(error).__name__,
            delay_s=delay.total_seconds(),
        )
        try:
            async with self._database.transaction() as connection:
                await self._records.put_off(connection, claim.id, self._clock.now() + delay)
        except Unavailable:
            return  # the lease ends by itself
