"""What imports have in common: chunks that overlap, and what is wrong with single rows.

A chunk is one transaction of the service's and one batch of the ledger's. Chunks are recorded one after the other.
Bringing them to the ledger does not depend on the order: a recorded chunk is brought there while the next ones are
decoded and recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from guerdon_kit.errors import DomainError, FieldViolation, ReplayedRefusal
from guerdon_kit.postgres.requests import freeze, thaw

CHUNKS_UNDER_WAY = 12
"""Recorded chunks of one stream that may be on their way to the ledger; the stream's sender waits beyond that."""

Chunk = TypeVar("Chunk")
Answer = TypeVar("Answer")


async def overlapped(
    chunks: AsyncIterator[Chunk],
    begin: Callable[[Chunk], Awaitable[Coroutine[Any, Any, Answer]]],
    most: int = CHUNKS_UNDER_WAY,
) -> AsyncGenerator[Answer, None]:
    """Begins chunks as they come, one after the other, finishes what each has begun beside the others, and answers them
    in their order, whether or not the next one has come. What goes wrong with a chunk is raised after the chunks
    before it are answered. At most `most` are on their way.
    """
    under_way: asyncio.Queue[asyncio.Task[Answer] | None] = asyncio.Queue(most)

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


def freeze_row(refusal: DomainError) -> dict[str, Any]:
    """What is wrong with a row, as it is kept with its chunk."""
    violations = [[one.field, one.description] for one in refusal.violations]
    return {**freeze(refusal), "violations": violations}


def thaw_row(kept: dict[str, Any]) -> ReplayedRefusal:
    """What `freeze_row` kept."""
    refusal = thaw(kept)
    refusal.violations = tuple(FieldViolation(*one) for one in kept["violations"])
    return refusal
