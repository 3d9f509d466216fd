"""Request records: the same request again gets the same answer, also after a crash.

A record lies in the same transaction as its effect. A refusal that was decided on state (`frozen`) is recorded
too and answered again; every other refusal leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from guerdon_kit.errors import DomainError, ReplayedRefusal, RequestIdReused, Status, Unavailable
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres.database import Connection, Database
from guerdon_kit.postgres.failures import Rerun
from guerdon_kit.postgres.queries import load_queries
from guerdon_kit.postgres.retention import HOURLY, delete_in_steps, repeat

if TYPE_CHECKING:
    from asyncpg import Record

_queries = load_queries("guerdon_kit.postgres")


async def find(connection: Connection, fingerprint: Fingerprint) -> bytes | None:
    """The outcome recorded for the request; None where it is new.

    Raises:
        RequestIdReused: the id was used with another body; the fields that differ are named.
        ReplayedRefusal: the request was refused for good; the refusal as it was first answered.
    """
    row = await _queries.find_request(connection, key=fingerprint.key)
    if row is None:
        return None
    found = _told(fingerprint, row)
    if isinstance(found, DomainError):
        raise found
    return found


async def find_all(connection: Connection, fingerprints: Sequence[Fingerprint]) -> list[bytes | DomainError | None]:
    """What is recorded for each of the requests: its outcome, or what `find` would raise; None where it is new."""
    rows = {
        row["key"]: row
        async for row in _queries.find_requests(connection, keys=[fingerprint.key for fingerprint in fingerprints])
    }
    return [_told(one, rows[one.key]) if one.key in rows else None for one in fingerprints]


def _told(fingerprint: Fingerprint, row: Record) -> bytes | DomainError:
    """The outcome that a record has, or what the request is refused for."""
    differing = fingerprint.differing(row["digest"], row["fields"])
    if differing is not None:
        return RequestIdReused(fields=differing)
    if row["refusal"] is not None:
        return thaw(row["refusal"])
    outcome: bytes = row["outcome"]
    return outcome


async def record(connection: Connection, fingerprint: Fingerprint, outcome: bytes) -> None:
    """Records the outcome: a resource's name and version, or the like; never a secret or personal data.

    Raises:
        Rerun: another transaction recorded the same request; `Database.run` begins again and finds it.
    """
    await _write(connection, fingerprint, outcome, None)


async def record_all(connection: Connection, outcomes: Sequence[tuple[Fingerprint, bytes]]) -> None:
    """Records the outcomes of different requests.

    Raises:
        Rerun: as `record`, of any of them.
    """
    ordered = sorted(outcomes, key=lambda one: one[0].key)  # two who record the same requests wait in one order
    written = await _queries.record_requests(
        connection,
        keys=[fingerprint.key for fingerprint, _ in ordered],
        digests=[fingerprint.digest for fingerprint, _ in ordered],
        fields=[fingerprint.fields for fingerprint, _ in ordered],
        outcomes=[outcome for _, outcome in ordered],
    )
    if written < len(outcomes):
        raise Rerun


async def once(
    database: Database, fingerprint: Fingerprint, work: Callable[[Connection], Awaitable[bytes]]
) -> tuple[bytes, bool]:
    """Does `work` once for the request, and answers its outcome and whether that is a replay.

    `work` runs in a transaction that may be rolled back and run again. A frozen `DomainError` from it undoes
    the transaction; the refusal is then recorded by itself, unless the same request has succeeded meanwhile.

    Raises:
        RequestIdReused, ReplayedRefusal: as `find`.
        Unavailable: PostgreSQL is away; the same request may be sent again to learn the outcome.
    """

    async def unit(connection: Connection) -> tuple[bytes, bool]:
        found = await find(connection, fingerprint)
        if found is not None:
            return found, True
        try:
            outcome = await work(connection)
        except DomainError as refusal:
            # The same request, sent twice at once: the work waited for the other's commit and refused its effect.
            if not isinstance(refusal, Unavailable) and await find(connection, fingerprint) is not None:
                raise Rerun from refusal
            raise
        await record(connection, fingerprint, outcome)
        return outcome, False

    try:
        return await database.run(unit, repeatable=True)
    except DomainError as refusal:
        if not refusal.frozen or isinstance(refusal, ReplayedRefusal):
            raise
        won = await _freeze(database, fingerprint, refusal)
        if won is None:
            raise
        return won, True


async def _freeze(database: Database, fingerprint: Fingerprint, refusal: DomainError) -> bytes | None:
    """Records the refusal. Answers the outcome of the same request where that succeeded meanwhile.

    In a transaction of its own: a savepoint around the work, which would allow one transaction for both,
    would cost every success two round trips. Nothing is lost by a crash in between: the caller has no answer
    yet, and asks again.
    """

    async def unit(connection: Connection) -> bytes | None:
        found = await find(connection, fingerprint)
        if found is None:
            await _write(connection, fingerprint, None, freeze(refusal))
        return found

    return await database.run(unit, repeatable=True)


async def _write(
    connection: Connection, fingerprint: Fingerprint, outcome: bytes | None, refusal: dict[str, object] | None
) -> None:
    written = await _queries.record_request(
        connection,
        key=fingerprint.key,
        digest=fingerprint.digest,
        fields=fingerprint.fields,
        outcome=outcome,
        refusal=refusal,
    )
    if not written:
        raise Rerun


def freeze(refusal: DomainError) -> dict[str, object]:
    """A refusal as it is kept."""
    return {
        "reason": refusal.public_reason,
        "status": refusal.public_status.name,
        "message": refusal.public_message,
        "metadata": refusal.metadata,
    }


def thaw(kept: dict[str, object]) -> ReplayedRefusal:
    """The refusal that `freeze` kept."""
    metadata = kept["metadata"]
    assert isinstance(metadata, dict)
    return ReplayedRefusal(
        str(kept["reason"]),
        Status[str(kept["status"])],
        str(kept["message"]),
        {str(k): str(v) for k, v in metadata.items()},
    )


async def forget(connection: Connection, keys: Sequence[bytes]) -> None:
    """Deletes the records of requests by their keys: their digests are of personal data that is to be erased. The same
    requests, should they come again, are new ones.
    """
    await _queries.forget_requests(connection, keys=keys)


async def prune(database: Database, keep: timedelta) -> int:
    """Deletes the records older than `keep` and answers how many they were."""

    async def delete(connection: Connection, most: int) -> int:
        deleted: int = await _queries.prune_requests(connection, keep=keep, most=most)
        return deleted

    return await delete_in_steps(database, delete)


async def pruning(database: Database, keep: timedelta, every: timedelta = HOURLY) -> None:
    """A job: prunes the records of requests at each `every`, until it is cancelled."""
    await repeat(lambda: prune(database, keep), every)
