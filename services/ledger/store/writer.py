"""Writes what a batch has decided: inserts by COPY, changes and request records in arrays, shard by shard."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from secrets import token_bytes
from typing import Any, NamedTuple

from guerdon_kit.postgres import Connection, Rerun, load_queries
from ledger.domain.adjustments import Adjustment
from ledger.domain.book import Book
from ledger.domain.journal import Entry, Event, Journal, Record
from ledger.domain.lifecycle import states_after
from ledger.domain.model import Hold, Lot

queries = load_queries("ledger")

Row = tuple[Any, ...]

SALT_BYTES = 16
"""Of the salt that makes a memo's sealed digest say nothing once both are erased."""

_TRANSACTIONS = (
    "shard",
    "id",
    "program",
    "kind",
    "postings",
    "effective_time",
    "record_time",
    "actor",
    "memo",
    "memo_salt",
    "reverses",
)
_POSTINGS = (
    "shard",
    "id",
    "ordinal",
    "source",
    "destination",
    "amount",
    "source_version",
    "source_posted",
    "destination_version",
    "destination_posted",
    "lots",
    "lot_deltas",
    "source_debt_delta",
    "destination_debt_delta",
    "hold",
)
_EVENTS = (
    "shard",
    "account",
    "version",
    "kind",
    "hold",
    "held_delta",
    "lots",
    "lot_deltas",
    "debt_delta",
    "actor",
    "record_time",
    "expire_time",
    "expire_times_before",
)
_LOTS = (
    "shard",
    "id",
    "account",
    "posting",
    "amount",
    "open",
    "held",
    "expired",
    "expire_time",
    "available_time",
    "record_time",
    "budget",
    "closed",
)
_HOLDS = (
    "shard",
    "id",
    "account",
    "amount",
    "state",
    "captured",
    "lots",
    "lot_amounts",
    "expire_time",
    "purpose",
    "actor",
    "record_time",
    "resolve_time",
)


class RequestRow(NamedTuple):
    """The record of one request: its outcome, or the refusal that was frozen."""

    key: bytes
    digest: bytes
    fields: bytes
    outcome: bytes | None
    refusal: str | None


class AccountsTaken(Rerun):
    """Another worker opened some of the accounts first; `accounts` are the ids that these would have had here."""

    def __init__(self, accounts: frozenset[int]) -> None:
        super().__init__()
        self.accounts = accounts


async def write(
    connection: Connection,
    books: Iterable[Book],
    unopened: Collection[int],
    journal: Journal,
    requests: dict[int, list[RequestRow]],
    now: datetime,
) -> None:
    """Writes a batch, which opens those of the `unopened` accounts that it has changed.

    Raises:
        Rerun: another worker recorded one of the requests first.
        AccountsTaken: or opened one of the accounts.
    """
    changed = [book for book in books if book.changed]
    shards = {book.account.shard for book in changed} | requests.keys()
    shards |= {entry.shard for record in journal.records for entry in record.entries}
    for shard in sorted(shards):
        mine = [book for book in changed if book.account.shard == shard]
        await _open_accounts(connection, shard, [book for book in mine if book.account.id in unopened])
        await _copy(connection, "transactions", _TRANSACTIONS, _transactions(shard, journal.records))
        await _copy(connection, "postings", _POSTINGS, _postings(shard, journal.records))
        await _copy(connection, "account_events", _EVENTS, _events(shard, journal.events))
        await _write_lots(connection, shard, mine)
        await _write_holds(connection, shard, mine)
        await _update_accounts(connection, shard, [book for book in mine if book.account.id not in unopened])
        await _update_states(connection, shard, journal.events)
        await _resolve(connection, shard, journal.approvals)
        await _write_requests(connection, shard, requests.get(shard, []), now)


async def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    if rows:
        await connection.copy_records_to_table(table, columns=columns, records=rows)


def _transactions(shard: int, records: Sequence[Record]) -> list[Row]:
    salts = token_bytes(SALT_BYTES * len(records))
    return [
        (
            shard,
            record.id,
            record.program,
            record.kind,
            len(record.entries),
            record.effective_time,
            record.record_time,
            record.actor,
            record.memo or None,
            salts[SALT_BYTES * index : SALT_BYTES * (index + 1)] if record.memo else None,
            record.reverses,
        )
        for index, record in enumerate(records)
        if record.entries[0].shard == shard or any(entry.shard == shard for entry in record.entries)
    ]


def _postings(shard: int, records: Iterable[Record]) -> list[Row]:
    return [_posting(entry) for record in records for entry in record.entries if entry.shard == shard]


def _posting(entry: Entry) -> Row:
    moves = entry.moves
    return (
        entry.shard,
        entry.id,
        entry.ordinal,
        entry.source.id,
        entry.destination.id,
        entry.amount,
        entry.source_version,
        entry.source_posted,
        entry.destination_version,
        entry.destination_posted,
        [lot for lot, _ in moves] if moves else None,
        [delta for _, delta in moves] if moves else None,
        entry.source_debt_delta,
        entry.destination_debt_delta,
        entry.hold,
    )


def _events(shard: int, events: Iterable[Event]) -> list[Row]:
    return [
        (
            shard,
            event.account.id,
            event.version,
            event.kind,
            event.hold,
            event.held_delta,
            [lot for lot, _ in event.moves] if event.moves else None,
            [delta for _, delta in event.moves] if event.moves else None,
            event.debt_delta,
            event.actor,
            event.record_time,
            event.expire_time,
            event.expire_times_before or None,
        )
        for event in events
        if event.account.shard == shard
    ]


async def _write_lots(connection: Connection, shard: int, books: list[Book]) -> None:
    made = [_lot(shard, book.account.id, _as_made(book, id_)) for book in books for id_ in book.new_lots]
    await _copy(connection, "lots", _LOTS, made)
    changed = [book.lots[id_] for book in books for id_ in book.changed_lots - book.new_lots]
    if changed:
        count = await queries.update_lots(
            connection,
            shard=shard,
            ids=[lot.id for lot in changed],
            open=[lot.open for lot in changed],
            held=[lot.held for lot in changed],
            expired=[lot.expired for lot in changed],
        )
        assert count == len(changed), "a lot vanished under its account's lock"
    retimed = [book.lots[id_] for book in books for id_ in book.retimed_lots]
    if retimed:
        count = await queries.update_lot_times(
            connection,
            shard=shard,
            ids=[lot.id for lot in retimed],
            expire_times=[lot.expire_time for lot in retimed],
            available_times=[lot.available_time for lot in retimed],
        )
        assert count == len(retimed), "a lot vanished under its account's lock"


def _as_made(book: Book, id_: int) -> Lot:
    """A new lot with the times that it was made with: a change of them is written as such."""
    lot, before = book.lots[id_], book.retimed_lots.get(id_)
    if before is None:
        return lot
    return lot._replace(expire_time=before.expire_time, available_time=before.available_time)


def _lot(shard: int, account: int, lot: Lot) -> Row:
    return (
        shard,
        lot.id,
        account,
        lot.posting,
        lot.amount,
        lot.open,
        lot.held,
        lot.expired,
        lot.expire_time,
        lot.available_time,
        lot.record_time,
        lot.budget,
        lot.open == 0,
    )


async def _write_holds(connection: Connection, shard: int, books: list[Book]) -> None:
    made = [_hold(shard, book.holds[id_]) for book in books for id_ in book.new_holds]
    await _copy(connection, "holds", _HOLDS, made)
    changed = [book.holds[id_] for book in books for id_ in book.changed_holds - book.new_holds]
    if changed:
        count = await queries.update_holds(
            connection,
            shard=shard,
            ids=[hold.id for hold in changed],
            states=[hold.state for hold in changed],
            captured=[hold.captured for hold in changed],
            resolve_times=[hold.resolve_time for hold in changed],
        )
        assert count == len(changed), "a hold was resolved under its account's lock"


def _hold(shard: int, hold: Hold) -> Row:
    return (
        shard,
        hold.id,
        hold.account,
        hold.amount,
        hold.state,
        hold.captured,
        [lot for lot, _ in hold.lots],
        [amount for _, amount in hold.lots],
        hold.expire_time,
        hold.purpose or None,
        hold.actor,
        hold.record_time,
        hold.resolve_time,
    )


async def _open_accounts(connection: Connection, shard: int, books: Sequence[Book]) -> None:
    """Makes accounts, with what the batch brought them. Raises AccountsTaken."""
    if not books:
        return
    accounts = [book.account for book in books]
    inserted = queries.open_accounts(
        connection,
        shard=shard,
        programs=[account.program.number for account in accounts],
        units=[account.unit for account in accounts],
        kinds=[account.kind for account in accounts],
        names=[account.name.rpartition("/")[2] for account in accounts],
        create_times=[account.create_time for account in accounts],
        **_balances(books),
    )
    made = {row["id"] async for row in inserted}
    if len(made) < len(books):
        raise AccountsTaken(frozenset(account.id for account in accounts) - made)


async def _update_accounts(connection: Connection, shard: int, books: list[Book]) -> None:
    if not books:
        return
    books.sort(key=lambda book: book.account.id)
    count = await queries.update_accounts(connection, shard=shard, **_balances(books))
    assert count == len(books), "an account vanished under its lock"


def _balances(books: Sequence[Book]) -> dict[str, list[Any]]:
    """The columns of accounts that change."""
    return {
        "ids": [book.account.id for book in books],
        "versions": [book.version for book in books],
        "posted": [book.posted for book in books],
        "held": [book.held for book in books],
        "pending": [book.pending for book in books],
        "debts": [book.debt for book in books],
        "available": [book.available for book in books],
        "earned": [book.earned for book in books],
        "spent": [book.spent for book in books],
        "record_times": [book.record_time for book in books],
        "valid_until": [book.valid_until for book in books],
    }


async def _update_states(connection: Connection, shard: int, events: Iterable[Event]) -> None:
    # A statement of its own: states hardly ever change, and every batch would carry them.
    changed = states_after(event for event in events if event.account.shard == shard)
    if changed:
        await queries.update_states(connection, shard=shard, ids=list(changed), states=list(changed.values()))


async def _resolve(connection: Connection, shard: int, adjustments: Iterable[Adjustment]) -> None:
    for one in adjustments:
        if one.program.shard == shard:
            assert one.resolved is not None
            count = await queries.resolve_adjustment(
                connection,
                shard=shard,
                id=one.id,
                state=one.state,
                actor=one.resolved.actor,
                person=one.resolved.person,
                record_time=one.resolved.time,
                reason=None,
                transaction=one.transaction,
            )
            assert count == 1, "an adjustment was resolved under its lock"


async def _write_requests(connection: Connection, shard: int, rows: list[RequestRow], now: datetime) -> None:
    if not rows:
        return
    count = await queries.insert_requests(
        connection,
        shard=shard,
        keys=[row.key for row in rows],
        digests=[row.digest for row in rows],
        fields=[row.fields for row in rows],
        outcomes=[row.outcome for row in rows],
        refusals=[row.refusal for row in rows],
        record_time=now,
    )
    if count < len(rows):
        raise Rerun
