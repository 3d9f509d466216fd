"""What imports have in common: chunks that overlap, and what is wrong with single rows.

A chunk is one transaction of ours and one batch of the ledger's. Chunks are recorded one after the other. Bringing them
to the ledger does not depend on the order: a recorded chunk is delivered while the next ones are decoded and recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from typing import Any, Protocol, TypeVar

from guerdon_kit.errors import DomainError, FieldViolation, ReplayedRefusal
from guerdon_kit.postgres.requests import freeze, thaw
from membership.domain.accounts import account_id
from membership.domain.deliveries import Delivery
from membership.domain.errors import AccountTaken
from membership.domain.program import Program
from membership.operations.deliveries import Deliveries

CHUNKS_UNDER_WAY = 12
"""Recorded chunks of one stream that may be on their way to the ledger; the stream's sender waits beyond that."""

Chunk = TypeVar("Chunk")
Answer = TypeVar("Answer")


class OfMember(Protocol):
    """A row of an import, as far as it is some member's."""

    @property
    def place(self) -> int: ...
    @property
    def member_id(self) -> str: ...


async def overlapped(
    chunks: AsyncIterator[Chunk], begin: Callable[[Chunk], Awaitable[Coroutine[Any, Any, Answer]]]
) -> AsyncGenerator[Answer, None]:
    """Begins chunks as they come, one after the other, finishes what each has begun beside the others, and answers them
    in their order, whether or not the next one has come. What goes wrong with a chunk is raised after the chunks
    before it are answered.
    """
    under_way: asyncio.Queue[asyncio.Task[Answer] | None] = asyncio.Queue(CHUNKS_UNDER_WAY)

    async def begin_all() -> None:
        """None tells that no more will come."""
        try:
            async for chunk in chunks:
                await under_way.put(asyncio.create_task(await begin(chunk)))
        except Exception:
            await under_way.put(None)
            raise
        await under_way.put(None)

    beginner = asyncio.create_task(begin_all())
    try:
        while (finishing := await under_way.get()) is not None:
            yield await finishing
        await beginner
    finally:
        beginner.cancel()
        await asyncio.gather(beginner, *_cancel_all(under_way), return_exceptions=True)


def _cancel_all(tasks: asyncio.Queue[asyncio.Task[Answer] | None]) -> list[asyncio.Task[Answer]]:
    """Cancels what is still under way: the recovery loop will deliver it."""
    left = []
    while not tasks.empty():
        task = tasks.get_nowait()
        if task is not None:
            task.cancel()
            left.append(task)
    return left


async def bring(
    deliveries: Deliveries,
    delivery: Delivery | None,
    rows: Iterable[OfMember],
    kept: Iterable[tuple[int, dict[str, Any]]],
) -> tuple[int, dict[int, DomainError]]:
    """Brings a recorded chunk to the ledger; answers how much is left, and what is wrong with rows, by their places.
    `kept` is what was found wrong with them when they were recorded.

    Raises:
        OutcomeUnknown: the ledger did not answer; the delivery is taken up again.
    """
    errors: dict[int, DomainError] = {place: _thaw_row(refusal) for place, refusal in kept}
    if delivery is None:
        return 0, errors
    brought = await deliveries.deliver(delivery)
    return brought.left, _taken_rows(delivery.program, rows, brought.taken) | errors


def _taken_rows(program: Program, rows: Iterable[OfMember], accounts: frozenset[str]) -> dict[int, DomainError]:
    """The rows, by their places, whose points the ledger cannot take because these accounts have another unit."""
    if not accounts:
        return {}
    account_ids = ((row.place, account_id(row.member_id)) for row in rows)
    return {
        place: AccountTaken(f"{program.name}/accounts/{account}")
        for place, account in account_ids
        if account in accounts
    }


def freeze_row(refusal: DomainError) -> dict[str, Any]:
    """What is wrong with a row, as it is kept with its chunk."""
    violations = [[one.field, one.description] for one in refusal.violations]
    return {**freeze(refusal), "violations": violations}


def _thaw_row(kept: dict[str, Any]) -> ReplayedRefusal:
    """What `freeze_row` kept."""
    refusal = thaw(kept)
    refusal.violations = tuple(FieldViolation(*one) for one in kept["violations"])
    return refusal
