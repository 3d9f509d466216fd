"""Importing recognitions that were given elsewhere, each external id once.

A chunk is taken in with what is to be booked, beside the record of its request; then the ledger books it under ids that
the chunk keeps; then its recognitions are there, and counted. A crash or a silent ledger leaves the chunk PENDING: the
recovery, or the same request sent again, goes on with it. Nothing of it is told as an event: it is history.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from guerdon_kit.chunks import overlapped
from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, NotFound, Unavailable
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.history import History
from recognition.domain.errors import ExternalIdReused, ImportRefused
from recognition.domain.imports import Booked, Chunk, NewRecognition, Row, movements, sort_out
from recognition.domain.organisations import Organisation
from recognition.domain.people import person_name
from recognition.domain.teams import team_name
from recognition.operations import organisations
from recognition.operations.counting import count
from recognition.store import imports as store
from recognition.store import teams

POLL_S = 0.05
UNDER_WAY = 3
"""Chunks of one stream that the ledger is asked for at once: it must answer the last of them in the time for one."""


@dataclass(frozen=True, slots=True)
class NewChunk:
    """Rows that came together. `unreadable` is what rows were refused for before they could be read, by place."""

    organisation: str
    request_id: str
    fingerprint: Fingerprint
    first_row: int
    rows: Sequence[Row]
    unreadable: Mapping[int, DomainError]
    actor: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a chunk; `errors` by the number of the row in the caller's file."""

    request_id: str
    first_row: int
    imported: int
    already_imported: int
    errors: Sequence[tuple[int, DomainError]]
    replayed: bool


class Importing:
    """Chunks on their way."""

    def __init__(self, database: Database, history: History, clock: Clock, lease: timedelta) -> None:
        self._database = database
        self._history = history
        self._clock = clock
        self._lease = lease

    async def run(self, chunks: AsyncIterator[NewChunk]) -> AsyncGenerator[Imported, None]:
        """Imports chunks as they come, and answers them in their order once they are booked, whether or not the next
        one has come. What goes wrong with a chunk is raised after the chunks before it are answered.

        Raises:
            NotFound: there is no such organisation.
            RequestIdReused: a chunk's id was used with another body.
            Unavailable: the ledger has not answered; what was taken in is booked by itself.
        """
        async with aclosing(overlapped(chunks, self._begin, UNDER_WAY)) as answers:
            async for answer in answers:
                yield answer

    async def carry_out(self, key: store.Key) -> None:
        """Has the ledger book a PENDING chunk that this worker has the lease of, and adds what it booked.

        Raises:
            OutcomeUnknown, Unavailable: the ledger has not said; it stays PENDING.
            RemoteError: the ledger does not serve us; it stays PENDING.
        """
        async with self._database.acquire() as connection:
            chunk = await _find(connection, key)
            employer = await organisations.find(connection, key.organisation)
        if not chunk.settled:
            await self._settle(employer, chunk, await self._history.book(employer, chunk.pending, chunk.actor))

    async def _begin(self, new: NewChunk) -> Coroutine[Any, Any, Imported]:
        async def work(connection: Connection) -> bytes:
            return (await self._take_in(connection, new)).encode()

        outcome, replayed = await requests.once(self._database, new.fingerprint, work)
        return self._answer(new, store.Key(new.organisation, outcome.decode()), replayed=replayed)

    async def _answer(self, new: NewChunk, key: store.Key, *, replayed: bool) -> Imported:
        chunk = await self._finish(key, fresh=not replayed)
        return Imported(
            request_id=new.request_id,
            first_row=new.first_row,
            imported=chunk.imported,
            already_imported=chunk.already_imported,
            errors=[(new.first_row + place, chunk.refusals[place]) for place in sorted(chunk.refusals)],
            replayed=replayed,
        )

    async def _take_in(self, connection: Connection, new: NewChunk) -> str:
        employer = await organisations.find(connection, new.organisation)
        now = self._clock.now()
        good, wrong = sort_out(new.rows, employer, now)
        named = {person for row in good for person in row.people}
        accounts = await store.rewards_accounts(connection, employer.id, named)
        said_to = {team for row in good for team in row.draft.teams}
        existing = await teams.lock(connection, employer.id, said_to) if said_to else set()
        recognitions, strangers = _resolved(good, accounts, existing)
        free = await store.reserve(connection, new.organisation, recognitions)
        taken = [one.row for one in recognitions if one.row.external_id not in free]
        digests = await store.digests(connection, new.organisation, [row.external_id for row in taken])
        reused = {
            row.place: ExternalIdReused(row.external_id) for row in taken if digests[row.external_id] != row.digest
        }
        pending = tuple(one for one in recognitions if one.row.external_id in free)
        chunk = Chunk(
            organisation=new.organisation,
            id=new_id("ic"),
            pending=pending,
            settled=not pending,
            imported=0,
            already_imported=len(taken) - len(reused),
            refusals={**new.unreadable, **wrong, **strangers, **reused},
            actor=new.actor,
        )
        await store.insert(connection, chunk, now, now + self._lease)
        return chunk.id

    async def _finish(self, key: store.Key, *, fresh: bool) -> Chunk:
        """The chunk once it is settled: by this worker if it has just taken it in (`fresh`), or if nobody else is at
        it. Waits within the caller's deadline.
        """
        mine = fresh
        while True:
            if mine:
                try:
                    await self.carry_out(key)
                except OutcomeUnknown as error:
                    raise Unavailable from error
            async with self._database.acquire() as connection:
                found = await _find(connection, key)
                if found.settled:
                    return found
                now = self._clock.now()
                mine = await store.claim_one(connection, key, now, now + self._lease)
            if not mine:
                await asyncio.sleep(POLL_S)

    async def _settle(self, employer: Organisation, chunk: Chunk, outcomes: Sequence[Booked]) -> None:
        booked = [pair for pair in zip(chunk.pending, outcomes, strict=True) if not pair[1].refusal]
        refused = [pair for pair in zip(chunk.pending, outcomes, strict=True) if pair[1].refusal]

        async def work(connection: Connection) -> None:
            refusals = {one.row.place: ImportRefused(outcome.refusal) for one, outcome in refused}
            if not await store.settle(connection, store.Key(chunk.organisation, chunk.id), len(booked), refusals):
                return  # whoever was first has added them
            if refused:
                await store.release(connection, employer.id, [one.row.external_id for one, _ in refused])
            if booked:
                await store.insert_recognitions(connection, employer.id, [one for one, _ in booked], chunk.actor)
                await count(connection, movements(chunk, booked, self._clock.now()))

        await self._database.run(work, repeatable=True)


def _resolved(
    rows: Sequence[Row], accounts: Mapping[str, str], existing: Collection[str]
) -> tuple[list[NewRecognition], dict[int, DomainError]]:
    """What the rows become, by the accounts of people and the existing teams; and for those that name somebody or
    something unknown, by place, what.
    """
    recognitions: list[NewRecognition] = []
    strangers: dict[int, DomainError] = {}
    for row in rows:
        missing = next((person for person in row.people if person not in accounts), None)
        if missing is not None:
            strangers[row.place] = NotFound(person_name(row.draft.organisation, missing))
            continue
        gone = next((team for team in row.draft.teams if team not in existing), None)
        if gone is not None:
            strangers[row.place] = NotFound(team_name(row.draft.organisation, gone))
            continue
        receiving = tuple(accounts[receiver] for receiver in row.draft.receivers)
        recognitions.append(NewRecognition(new_id("rc"), row, receiving))
    return recognitions, strangers


async def _find(connection: Connection, key: store.Key) -> Chunk:
    found = await store.find(connection, key)
    if found is None:
        raise NotFound(f"organisations/{key.organisation}/importChunks/{key.chunk}")
    return found
