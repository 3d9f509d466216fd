"""Importing and exporting members in chunks."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from guerdon_kit.chunks import freeze_row, overlapped
from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, Rerun
from guerdon_kit.postgres.requests import once
from membership.domain.deliveries import Delivery
from membership.domain.member_rows import Decided, MemberRow, decide, sort_out
from membership.domain.members import Member
from membership.domain.moments import AHEAD_MAX, from_microseconds, to_microseconds
from membership.domain.program import Program
from membership.operations.chunks import bring
from membership.operations.deliveries import Deliveries
from membership.operations.enrolling import welcome
from membership.operations.events import members_imported
from membership.store import deliveries, members, profiles
from membership.store.profiles import Exported

EXPORTED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class MemberChunk:
    """Rows that came together. `first_row` is the number of the first in the caller's file."""

    program: Program
    request_id: str
    fingerprint: Fingerprint
    first_row: int
    rows: Sequence[MemberRow]
    give_welcome: bool
    actor: str


@dataclass(frozen=True, slots=True)
class ImportedMembers:
    """What became of a chunk; `errors` by the number of the row in the caller's file."""

    request_id: str
    first_row: int
    enrolled: int
    updated: int
    unchanged: int
    pending: int
    errors: Sequence[tuple[int, DomainError]]
    replayed: bool


@dataclass(frozen=True, slots=True)
class ExportedPage:
    """A page of an export, with how many members are sent so far, and how many there were at the beginning."""

    rows: Sequence[Exported]
    so_far: int
    in_all: int
    is_last: bool


class MemberFiles:
    """Imports and exports of members."""

    def __init__(self, database: Database, service: Deliveries, clock: Clock) -> None:
        self._database = database
        self._deliveries = service
        self._clock = clock

    async def run(self, chunks: AsyncIterator[MemberChunk]) -> AsyncGenerator[ImportedMembers, None]:
        """Imports chunks as they come, and answers them in their order once they are in the ledger.

        Raises:
            OutcomeUnknown: the ledger did not answer. What was recorded is brought there by the recovery loop.
            RequestIdReused: a chunk's id was used with another body.
        """
        async with aclosing(overlapped(chunks, self._begin)) as answers:
            async for answer in answers:
                yield answer

    async def export(self, program: Program, after: str) -> AsyncGenerator[ExportedPage, None]:
        """The members of a program that are neither closed nor erased, in the order of their ids, from behind `after`;
        at least one page, which may be empty.
        """
        async with self._database.acquire() as connection:
            in_all = await members.count_alive(connection, program)
        so_far, is_last = 0, False
        while not is_last:
            async with self._database.acquire() as connection:
                found = await profiles.export(connection, program, after, EXPORTED_AT_ONCE + 1)
            page, is_last = found[:EXPORTED_AT_ONCE], len(found) <= EXPORTED_AT_ONCE
            so_far += len(page)
            yield ExportedPage(page, so_far, in_all, is_last)
            after = page[-1].member_id if page else after

    async def _begin(self, chunk: MemberChunk) -> Coroutine[Any, Any, ImportedMembers]:
        now = self._clock.now()
        today = now.astimezone(ZoneInfo(chunk.program.time_zone)).date()
        good, wrong = sort_out(chunk.rows, to_microseconds(now + AHEAD_MAX), today)
        delivery: Delivery | None = None

        async def work(connection: Connection) -> bytes:
            nonlocal delivery
            decided, delivery = await self._record(connection, chunk, good, now)
            return json.dumps(_outcome(decided, wrong | decided.refused, delivery)).encode()

        kept, replayed = await once(self._database, chunk.fingerprint, work)
        outcome = json.loads(kept)
        if replayed:
            number = outcome["delivery"]
            delivery = None if number is None else await self._deliveries.find(number)
        return self._deliver(chunk, outcome, delivery, replayed=replayed)

    async def _record(
        self, connection: Connection, chunk: MemberChunk, rows: Sequence[MemberRow], now: datetime
    ) -> tuple[Decided, Delivery | None]:
        """Writes what becomes of rows, and what is to be brought to the ledger.

        Raises:
            Rerun: another transaction enrolled one of the members, or took a contact, meanwhile.
        """
        program = chunk.program
        held = await members.lock(connection, program, [row.member_id for row in rows])
        known = await profiles.of(connection, [one.member_no for one in held])
        contacts = {contact for row in rows if row.profile for contact in row.profile.contacts()}
        owners = await profiles.owners(connection, program, contacts)
        decided = decide(program, rows, {one.member_id: one for one in held}, known, owners)
        enrolled = await self._enroll(connection, chunk, decided, now)
        numbers = {one.member_id: one.member_no for one in enrolled}
        new = {numbers[row.member_id]: row.profile for row in decided.new if row.profile}
        written = decided.changed | new
        if written:
            await profiles.write(connection, program, written)
        told = {row.member_id for row in rows if row.profile}
        await profiles.link(
            connection, [one.member_no for one in (*held, *enrolled) if one.member_id in told], chunk.fingerprint.key
        )
        if written or enrolled:
            await publish(connection, members_imported(program, enrolled, len(decided.changed), now))
        return decided, await self._deliver_later(connection, chunk, enrolled)

    async def _enroll(
        self, connection: Connection, chunk: MemberChunk, decided: Decided, now: datetime
    ) -> list[Member]:
        if not decided.new:
            return []
        times = {
            row.member_id: now if row.enroll_us is None else from_microseconds(row.enroll_us) for row in decided.new
        }
        points = chunk.program.settings.welcome_points if chunk.give_welcome else 0
        enrolled = await members.insert_imported(connection, chunk.program, times, points, now, chunk.actor)
        if len(enrolled) < len(times):
            raise Rerun
        if chunk.give_welcome:
            await welcome(connection, chunk.program, enrolled, now, chunk.actor)
        return sorted(enrolled, key=lambda member: member.member_no)  # as they are read again: the same request then

    async def _deliver_later(
        self, connection: Connection, chunk: MemberChunk, enrolled: Sequence[Member]
    ) -> Delivery | None:
        if not enrolled:
            return None
        number = await deliveries.insert(
            connection,
            chunk.program,
            chunk.actor,
            self._deliveries.first_due_time(),
            member_nos=[one.member_no for one in enrolled],
            purchase_ids=[],
        )
        return Delivery(number, chunk.program, chunk.actor, enrolled, [])

    async def _deliver(
        self, chunk: MemberChunk, outcome: dict[str, Any], delivery: Delivery | None, *, replayed: bool
    ) -> ImportedMembers:
        pending, errors = await bring(self._deliveries, delivery, chunk.rows, outcome["errors"])
        return ImportedMembers(
            request_id=chunk.request_id,
            first_row=chunk.first_row,
            enrolled=outcome["enrolled"],
            updated=outcome["updated"],
            unchanged=outcome["unchanged"],
            pending=pending,
            errors=[(chunk.first_row + place, errors[place]) for place in sorted(errors)],
            replayed=replayed,
        )


def _outcome(decided: Decided, refused: dict[int, DomainError], delivery: Delivery | None) -> dict[str, Any]:
    """What is kept of a chunk's answer: counts, and what its rows were refused for; no row's content."""
    return {
        "enrolled": len(decided.new),
        "updated": len(decided.changed),
        "unchanged": len(decided.unchanged),
        "errors": [[place, freeze_row(refused[place])] for place in sorted(refused)],
        "delivery": delivery.delivery_no if delivery else None,
    }
