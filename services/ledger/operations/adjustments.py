"""Adjustments by two people: proposed by one, approved or rejected by another. See docs/adr/0016."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.postgres import Connection, Database, Rerun, load_queries, requests
from ledger.domain.adjustments import Adjustment, AdjustmentState, require_open
from ledger.domain.model import Program
from ledger.domain.posting import PostingOrder, TransactionOrder
from ledger.operations.batch import Done
from ledger.operations.commit import Committer
from ledger.operations.work import Approve
from ledger.store import rows
from ledger.store.directory import Directory
from ledger.store.ids import IdBlocks

queries = load_queries("ledger")


class Adjustments:
    """Proposes, approves and rejects adjustments."""

    def __init__(self, database: Database, directory: Directory, committer: Committer, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._committer = committer
        self._clock = clock

    async def propose(self, fingerprint: Fingerprint, order: TransactionOrder, person: str) -> tuple[Adjustment, bool]:
        """Keeps an adjustment for another person to approve, and moves nothing. Answers it as it was proposed, and
        whether the request had come before.
        """
        program = order.program

        async def work(connection: Connection) -> bytes:
            ids = IdBlocks()
            await ids.reserve(connection, 1)
            id_ = ids.take(1)
            inserted = await queries.insert_adjustment(
                connection,
                shard=program.shard,
                id=id_,
                program=program.number,
                sources=[posting.source.id for posting in order.postings],
                destinations=[posting.destination.id for posting in order.postings],
                amounts=[posting.amount for posting in order.postings],
                expire_times=[posting.expire_time for posting in order.postings],
                available_times=[posting.available_time for posting in order.postings],
                effective_time=order.effective_time,
                if_closed=order.if_closed,
                memo=order.memo or None,
                actor=order.actor,
                person=person,
                record_time=await queries.clock(connection) + self._clock.offset(),
            )
            assert inserted, "an id was given twice"
            return str(id_).encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        found = await self._read(program, int(outcome))
        proposed = Adjustment(
            found.id,
            program,
            found.postings,
            found.effective_time,
            found.if_closed,
            found.memo,
            found.proposed,
        )
        return proposed, replayed

    async def approve(
        self, name: str, actor: str, person: str, fingerprint: Fingerprint, deadline: float
    ) -> tuple[Adjustment, Done]:
        """Approves an adjustment and posts it, in one.

        Raises:
            InvalidField, NotFound, Overloaded: as they say.
            The refusals of `domain.adjustments.approve`.
        """
        found = await self.find(name)
        [answer] = await self._committer.submit([Approve.by(actor, person, found, fingerprint)], deadline)
        if isinstance(answer, DomainError):
            raise answer
        return await self._read(found.program, found.id), answer

    async def reject(
        self, name: str, actor: str, person: str, reason: str, fingerprint: Fingerprint
    ) -> tuple[Adjustment, bool]:
        """Rejects an adjustment, or withdraws it where the same person proposed it; answers whether the request had
        come before.

        Raises:
            InvalidField, NotFound: as they say.
            AdjustmentAlreadyApproved, AdjustmentAlreadyRejected: it was resolved before.
        """
        found = await self.find(name)
        program = found.program

        async def work(connection: Connection) -> bytes:
            row = await queries.adjustment(connection, shard=program.shard, id=found.id)
            require_open(rows.adjustment(row, program, found.postings))
            resolved = await queries.resolve_adjustment(
                connection,
                shard=program.shard,
                id=found.id,
                state=AdjustmentState.REJECTED,
                actor=actor,
                person=person,
                record_time=await queries.clock(connection) + self._clock.offset(),
                reason=reason or None,
                transaction=None,
            )
            if not resolved:
                raise Rerun  # somebody else resolved it first
            return b""

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self._read(program, found.id), replayed

    async def find(self, name: str) -> Adjustment:
        """The adjustment of that name. Raises InvalidField, NotFound."""
        program_id, id_ = parse(name, "programs/{program}/adjustments/{adjustment}")
        program = await self._directory.program_by_id(program_id)
        if not id_.isdecimal() or int(id_) >= 2**63:
            raise NotFound(name)
        return await self._read(program, int(id_))

    async def page(self, program: Program, state: int, before: int, limit: int) -> Sequence[Adjustment]:
        """The program's adjustments with ids below `before`, newest first; `state` 0: in any state."""
        span = {"shard": program.shard, "program": program.number, "before": before, "limit": limit}
        async with self._database.acquire() as connection:
            if state:
                found = [row async for row in queries.adjustments_in_state(connection, **span, state=state)]
            else:
                found = [row async for row in queries.adjustments_of(connection, **span)]
        return await self._made(program, found)

    async def _read(self, program: Program, id_: int) -> Adjustment:
        async with self._database.acquire() as connection:
            row = await queries.adjustment(connection, shard=program.shard, id=id_)
        if row is None or row["program"] != program.number:
            raise NotFound(f"{program.name}/adjustments/{id_}")
        [made] = await self._made(program, [row])
        return made

    async def _made(self, program: Program, found: Iterable[Any]) -> list[Adjustment]:
        found = list(found)
        ids = {id_ for row in found for id_ in (*row["sources"], *row["destinations"])}
        accounts = await self._directory.by_ids(program.shard, ids)
        return [
            rows.adjustment(
                row,
                program,
                tuple(
                    PostingOrder(
                        accounts[source], accounts[destination], amount, rows.time(expire), rows.time(available)
                    )
                    for source, destination, amount, expire, available in zip(
                        row["sources"],
                        row["destinations"],
                        row["amounts"],
                        row["expire_times"],
                        row["available_times"],
                        strict=True,
                    )
                ),
            )
            for row in found
        ]
