"""Programs' velocity policies. A change is a revision of the program's rules, so that it is in force for all that is
recorded after it.
"""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.program import Program
from membership.domain.velocity import VelocityPolicy
from membership.store import flags, rules


class VelocityPolicies:
    """Velocity policies."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def set_policy(self, program: Program, policy: VelocityPolicy, fingerprint: Fingerprint, actor: str) -> bool:
        """Sets what a program watches for; answers whether this is a replay.

        Raises:
            InvalidField: a bound is not kept.
        """
        wrong = list(policy.violations(late=program.has_timelines))
        if wrong:
            raise InvalidField(wrong).within("velocity_policy")

        async def work(connection: Connection) -> bytes:
            await rules.hold(connection, program)
            book = await rules.book(connection, program)
            if policy != (book.velocity or VelocityPolicy()):
                revision = book.revision + 1
                await flags.set_policy(connection, program, policy, revision, self._clock.now(), actor)
                await rules.advance(connection, program, revision)
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def get(self, program: Program) -> tuple[VelocityPolicy, datetime | None]:
        """What a program watches for, and when that was set, if it ever was."""
        async with self._database.acquire() as connection:
            watch = await flags.policy(connection, program)
        return (VelocityPolicy(), None) if watch is None else (watch.policy, watch.create_time)
