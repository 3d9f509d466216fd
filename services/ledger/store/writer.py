"""Writes what a batch has decided, shard by shard: rows in arrays, as the types that `write_batch` takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
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
    batch: int,
    books: Iterable[Book],
    unopened: Collection[int],
    journal: Journal,
    requests: dict[int, list[RequestRow]],
    now: datetime,
) -> None:
    """Writes a batch that was decided under lock, within its transaction. It opens those of the `unopened` accounts
    that it has changed.

    Raises:
        SerializationError: another worker recorded one of the requests first.
        AccountsTaken: or opened one of the accounts.
    """
    changed = [book for book in books if book.changed]
    shards = {book.account.shard for book in changed} | requests.keys()
    shards |= {entry.shard for record in journal.records for entry in record.entries}
    for shard in sorted(shards):
        mine = [book for book in changed if book.account.shard == shard]
        await _open_accounts(connection, shard, [book for book in mine if book.account.id in unopened])
        decided = [book for book in mine if book.account.id not in unopened]
        await _write_batch(connection, shard, batch, mine, decided, journal, requests.get(shard, []), now)
        await _retime_lots(connection, shard, mine)
        await _update_states(connection, shard, journal.events)
        await _resolve(connection, shard, journal.approvals)


async def write_if_unchanged(
    connection: Connection,
    shard: int,
    batch: int,
    books: Sequence[Book],
    close_times: Mapping[int, datetime | None],
    journal: Journal,
    requests: list[RequestRow],
    now: datetime,
    latest: datetime,
) -> None:
    """Writes a batch of one shard that was decided without locks, in a transaction of its own, if all of these books
    are still what they were decided on, and these programs' books closed up to these times. It must begin by `latest`
    of PostgreSQL's clock.

    Raises:
        SerializationError: they are not, or a request was recorded first by another; nothing is written.
    """
    changed = [book for book in books if book.changed]
    await _write_batch(connection, shard, batch, changed, books, journal, requests, now, close_times, latest)


async def _write_batch(
    connection: Connection,
    shard: int,
    batch: int,
    changed: Sequence[Book],
    decided: Sequence[Book],
    journal: Journal,
    requests: Sequence[RequestRow],
    now: datetime,
    close_times: Mapping[int, datetime | None] | None = None,
    latest: datetime | None = None,
) -> None:
    made = [_lot(book.account.id, _as_made(book, id_)) for book in changed for id_ in book.new_lots]
    await queries.write_batch(
        connection,
        shard=shard,
        batch=batch,
        transactions=_transactions(shard, journal.records),
        postings=[_posting(entry) for record in journal.records for entry in record.entries if entry.shard == shard],
        events=_events(shard, journal.events),
        lots=made,
        changed_lots=[_changed_lot(book.lots[id_]) for book in changed for id_ in book.changed_lots - book.new_lots],
        holds=[_hold(book.holds[id_]) for book in changed for id_ in book.new_holds],
        changed_holds=[
            _changed_hold(book.holds[id_]) for book in changed for id_ in book.changed_holds - book.new_holds
        ],
        accounts=[_account(book) for book in decided],
        requests=requests,
        record_time=now,
        programs=None if close_times is None else list(close_times),
        close_times=None if close_times is None else list(close_times.values()),
        latest=latest,
    )


def _transactions(shard: int, records: Sequence[Record]) -> list[Row]:
    salts = token_bytes(SALT_BYTES * len(records))
    return [
        (
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


def _posting(entry: Entry) -> Row:
    moves = entry.moves
    return (
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


async def _retime_lots(connection: Connection, shard: int, books: Iterable[Book]) -> None:
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


def _lot(account: int, lot: Lot) -> Row:
    return (
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
    )


def _changed_lot(lot: Lot) -> Row:
    return (lot.id, lot.open, lot.held, lot.expired)


def _hold(hold: Hold) -> Row:
    return (
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


def _changed_hold(hold: Hold) -> Row:
    return (hold.id, hold.state, hold.captured, hold.resolve_time)


def _account(book: Book) -> Row:
    return (
        book.account.id,
        *book.seen,
        book.changed,
        book.version,
        book.posted,
        book.held,
        book.pending,
        book.debt,
        book.available,
        book.earned,
        book.spent,
        book.record_time,
        book.valid_until,
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
