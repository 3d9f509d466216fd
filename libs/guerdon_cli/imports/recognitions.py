"""Sending a file of recognitions: in chunks of one stream, which is taken up again where it broke."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass

import grpc

import guerdon
from guerdon import error_from_status, new_request_id
from guerdon.recognition.v1.imports_pb2 import ImportRecognitionsRequest, ImportRecognitionsResponse, RecognitionRow

ROWS = 1_000
RECEIVERS = 5_000
"""The most of a chunk."""
RESUMED_AT_MOST = 8
"""Times in a row without a chunk being answered in between."""
WAIT_S = 1.0


@dataclass(frozen=True)
class Imported:
    """What became of a file."""

    imported: int = 0
    already_imported: int = 0
    refused: int = 0


Progress = Callable[[int], None]
"""Told how many rows further the import is."""
Refusal = Callable[[int, str, str], None]
"""Told the number of a row, the reason and the words for it."""


async def import_recognitions(
    client: guerdon.Client,
    organisation: str,
    rows: Iterable[tuple[int, RecognitionRow]],
    progress: Progress,
    refused: Refusal,
) -> Imported:
    """Imports rows with their numbers, and answers what became of them.

    Raises:
        guerdon.GuerdonError: it cannot go on; what was answered is imported, and all may be sent again.
    """
    chunks = _chunks(organisation, rows)
    unanswered: deque[ImportRecognitionsRequest] = deque()
    total = Imported()
    failures = 0
    while True:
        again = list(unanswered)

        async def requests(again: list[ImportRecognitionsRequest] = again) -> AsyncIterator[ImportRecognitionsRequest]:
            for chunk in again:
                yield chunk
            for chunk in chunks:
                unanswered.append(chunk)
                yield chunk

        try:
            async for answer in client.imports.ImportRecognitions(requests()):
                chunk = unanswered.popleft()
                failures = 0
                total = _with(total, answer, refused)
                progress(len(chunk.rows))
            return total
        except guerdon.GuerdonError as error:
            failures += 1
            if failures > RESUMED_AT_MOST or not _broken(error):
                raise
            await asyncio.sleep(WAIT_S)


def _broken(error: guerdon.GuerdonError) -> bool:
    """Whether it is the stream that ended rather than a request that was refused. gRPC itself says INTERNAL of a stream
    that ended while it was being written to, without a reason of ours.
    """
    return isinstance(error, guerdon.UnavailableError) or (error.code is grpc.StatusCode.INTERNAL and not error.reason)


def _with(total: Imported, answer: ImportRecognitionsResponse, refused: Refusal) -> Imported:
    for one in answer.errors:
        error = error_from_status(one.error)
        refused(one.row, error.reason, str(error))
    return Imported(
        total.imported + answer.imported_count,
        total.already_imported + answer.already_imported_count,
        total.refused + len(answer.errors),
    )


def _chunks(organisation: str, rows: Iterable[tuple[int, RecognitionRow]]) -> Iterator[ImportRecognitionsRequest]:
    chunk = ImportRecognitionsRequest()
    receivers = 0
    for number, row in rows:
        if len(chunk.rows) == ROWS or (chunk.rows and receivers + len(row.receiver_ids) > RECEIVERS):
            yield chunk
            chunk = ImportRecognitionsRequest()
            receivers = 0
        if not chunk.rows:
            chunk.parent, chunk.request_id, chunk.first_row = organisation, new_request_id(), number
        chunk.rows.append(row)
        receivers += len(row.receiver_ids)
    if chunk.rows:
        yield chunk
