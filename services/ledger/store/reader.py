"""Reads under lock what a batch decides on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from guerdon_kit.postgres import Connection, load_queries
from ledger.domain.adjustments import Adjustment
from ledger.domain.book import Book, Move
from ledger.domain.desk import Undone
from ledger.domain.model import Account, Lot, Program
from ledger.domain.policies import Policies
from ledger.store import rows
from ledger.store.policies import read as read_policies

if TYPE_CHECKING:
    import asyncpg

queries = load_queries("ledger")

FRONTS = (4, 32)
"""How many lots are read of an account that points are taken from: those that the first ones cover need no more, and
those that the second ones do not cover are read whole.
"""
_NOTHING: Mapping[int, int] = MappingProxyType({})


async def lock(connection: Connection, accounts: Iterable[Account]) -> dict[int, Book]:
    """Locks member accounts, shard by shard in ascending order, and answers their books."""
    by_shard: dict[int, dict[int, Account]] = {}
    for account in accounts:
        by_shard.setdefault(account.shard, {})[account.id] = account
    books: dict[int, Book] = {}
    for shard in sorted(by_shard):
        mine = by_shard[shard]
        async for row in queries.lock_accounts(connection, shard=shard, ids=list(mine)):
            books[row["id"]] = rows.book(row, mine[row["id"]], row["batch"])
    return books


class Beginning(NamedTuple):
    """What a batch begins with, once its accounts are locked."""

    now: datetime
    """PostgreSQL's time."""
    block: int
    """The batch's first block of ids."""
    close_times: dict[int, datetime]
    """Up to when which programs' books are closed."""
    known: dict[bytes, asyncpg.Record]
    """The request records that exist, by key."""


async def begin(connection: Connection, programs: Iterable[Program], keys: dict[int, list[bytes]]) -> Beginning:
    """Begins a batch of these programs' requests, whose `keys` are given by shard."""
    by_shard: dict[int, list[int]] = {}
    for program in programs:
        by_shard.setdefault(program.shard, []).append(program.number)
    [first, *further] = sorted(by_shard)
    row = await queries.begin_batch(connection, shard=first, programs=by_shard[first], keys=keys.get(first, []))
    found = list(zip(by_shard[first], row["close_times"], strict=True))
    for shard in further:
        times = await queries.close_times(connection, shard=shard, programs=by_shard[shard])
        found += zip(by_shard[shard], times, strict=True)
    to_read = {shard: keys[shard] for shard in further if shard in keys}
    if row["known"]:
        to_read[first] = row["known"]
    close_times = {program: time for program, time in found if time is not None}
    return Beginning(row["now"], row["block"], close_times, await _requests(connection, to_read))


async def look(
    connection: Connection,
    shard: int,
    accounts: Mapping[int, Account],
    programs: Sequence[int],
    keys: Sequence[bytes],
) -> tuple[dict[int, Book], Beginning]:
    """Begins a batch of one shard that does not lock its member accounts; answers their books as they are."""
    rows_read = [
        row
        async for row in queries.read_batch(
            connection, shard=shard, ids=list(accounts), programs=programs, keys=list(keys)
        )
    ]
    books = {row["id"]: rows.book(row, accounts[row["id"]], row["batch"]) for row in rows_read if row["id"] is not None}
    row = rows_read[0]
    closed = zip(programs, row["close_times"] or (), strict=False)
    close_times = {program: time for program, time in closed if time is not None}
    known = await _requests(connection, {shard: row["known"]} if row["known"] else {})
    return books, Beginning(row["now"], row["block"], close_times, known)


async def policies(connection: Connection, programs: Iterable[Program]) -> dict[int, Policies]:
    """What holds for each of these programs, by number: read within the batch's transaction, whose end is what a change
    of them waits for.
    """
    found = await read_policies(connection, programs)
    return {program: in_force for program, (_, in_force) in found.items()}


async def lock_adjustments(connection: Connection, proposed: Iterable[Adjustment]) -> dict[int, Adjustment]:
    """Locks proposed adjustments that were read before, and answers them as they are now."""
    by_shard: dict[int, dict[int, Adjustment]] = {}
    for one in proposed:
        by_shard.setdefault(one.program.shard, {})[one.id] = one
    return {
        row["id"]: rows.adjustment(row, mine[row["id"]].program, mine[row["id"]].postings)
        for shard, mine in sorted(by_shard.items())
        async for row in queries.lock_adjustments(connection, shard=shard, ids=list(mine))
    }


async def _requests(connection: Connection, keys: dict[int, list[bytes]]) -> dict[bytes, asyncpg.Record]:
    """The request records that exist, by key."""
    return {
        row["key"]: row
        for shard in sorted(keys)
        async for row in queries.read_requests(connection, shard=shard, keys=keys[shard])
    }


async def load(connection: Connection, books: Iterable[Book], takes: Mapping[int, int] = _NOTHING) -> int:
    """Reads the open lots and active holds of these books; answers how many there are.

    Where all that a batch does with an account is to take so many points, the first lots are read, and the others only
    if these are not enough.
    """
    count = 0
    for shard, mine in _of_shards(books):
        found = {book.account.id: book for book in mine}
        front = {id_: book for id_, book in found.items() if id_ in takes and not book.pending}
        for most in FRONTS:
            front = {id_: book for id_, book in front.items() if not (book.front or book.loaded)}
            if front:
                count += await _load_front(connection, shard, front, takes, most)
        whole = [id_ for id_, book in found.items() if not (book.front or book.loaded)]
        if whole:
            async for row in queries.open_lots(connection, shard=shard, accounts=whole):
                found[row["account"]].lots[row["id"]] = rows.lot(row)
                count += 1
        async for row in queries.active_holds(connection, shard=shard, accounts=list(found)):
            found[row["account"]].holds[row["id"]] = rows.hold(row)
            count += 1
        for id_ in whole:
            found[id_].loaded = True
    return count


async def _load_front(
    connection: Connection, shard: int, found: Mapping[int, Book], takes: Mapping[int, int], most: int
) -> int:
    """Reads the first lots of books that have none pending; answers how many."""
    first: dict[int, list[Lot]] = {id_: [] for id_ in found}
    async for row in queries.first_lots(connection, shard=shard, accounts=list(found), most=most):
        first[row["account"]].append(rows.lot(row))
    for id_, lots in first.items():
        found[id_].begin_with(lots, takes[id_], complete=len(lots) < most)
    return sum(map(len, first.values()))


def _of_shards(books: Iterable[Book]) -> list[tuple[int, list[Book]]]:
    by_shard: dict[int, list[Book]] = {}
    for book in books:
        by_shard.setdefault(book.account.shard, []).append(book)
    return sorted(by_shard.items())


async def more_lots(connection: Connection, wanted: Iterable[tuple[Account, int]], books: dict[int, Book]) -> int:
    """Reads particular lots, which may be closed, into their accounts' books; answers how many there are."""
    count = 0
    for shard, ids in _by_shard(wanted, books).items():
        async for row in queries.lots_by_id(connection, shard=shard, ids=ids):
            books[row["account"]].lots.setdefault(row["id"], rows.lot(row))
            count += 1
    return count


async def more_holds(connection: Connection, wanted: Iterable[tuple[Account, int]], books: dict[int, Book]) -> None:
    """Reads particular holds, which may be resolved, into their accounts' books. Those that are there already were read
    under the same lock.
    """
    missing = [(account, id_) for account, id_ in wanted if account.id in books and id_ not in books[account.id].holds]
    for shard, ids in _by_shard(missing, books).items():
        async for row in queries.holds_by_id(connection, shard=shard, ids=ids):
            books[row["account"]].holds[row["id"]] = rows.hold(row)


async def reversals(connection: Connection, shards: Iterable[int], originals: Iterable[int]) -> dict[int, list[Undone]]:
    """What was undone so far of these transactions."""
    found: dict[int, list[Undone]] = {}
    ids = list(originals)
    for shard in sorted(set(shards)):
        async for row in queries.reversals(connection, shard=shard, ids=ids):
            moves: tuple[Move, ...] = tuple(zip(row["lots"] or (), row["lot_deltas"] or (), strict=True))
            undone = Undone(row["destination"], row["amount"], moves)
            found.setdefault(row["reverses"], []).append(undone)
    return found


def _by_shard(wanted: Iterable[tuple[Account, int]], books: dict[int, Book]) -> dict[int, list[int]]:
    by_shard: dict[int, list[int]] = {}
    for account, id_ in wanted:
        if account.id in books:
            by_shard.setdefault(account.shard, []).append(id_)
    return dict(sorted(by_shard.items()))
