"""The chain of a shard in the database: what is to be sealed next, and what was sealed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import structlog

from guerdon_kit.postgres import load_queries
from ledger.domain.chain import GENESIS, Block, Head, marks

queries = load_queries("ledger")
_log = structlog.get_logger(__name__)

SEALS_AT_ONCE = 50


class Span(NamedTuple):
    """Where a block's rows are: written by PostgreSQL's transactions from `first_xid` up to, but not with, `end_xid`,
    and among the ids from `first_id` to `last_id`.
    """

    first_xid: int
    end_xid: int
    first_id: int
    last_id: int


class Place(NamedTuple):
    """Where the next block goes, and what it seals."""

    number: int
    first_xid: int
    end_xid: int
    previous: bytes
    now: datetime


class Leaf(NamedTuple):
    """What a leaf is of: a transaction of a program (0 where it is gone), an account's event, a change of a program's
    books or policies or of an account's credit limit, or a system account.
    """

    transaction: int = 0
    program: int = 0
    account: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Leaves:
    """The leaves of a span, in order: of transactions, account events, changes of books, policies, limits; accounts."""

    hashes: bytes
    row: Any
    """What each of them is of."""

    @property
    def marks(self) -> bytes:
        """The first bytes of each."""
        return marks(self.hashes)

    @property
    def transactions(self) -> int:
        """How many are of transactions."""
        return len(self.row["ids"] or ())

    @property
    def events(self) -> int:
        """How many are of account events and of changes of books, of policies and of credit limits."""
        return sum(len(self.row[name] or ()) for name in ("accounts", "books", "policies", "limits"))

    def of(self) -> list[Leaf]:
        """What each of them is of."""
        names = ("ids", "programs", "accounts", "versions", "books", "policies", "limits", "systems")
        ids, programs, accounts, versions, books, policies, limits, systems = (self.row[name] or () for name in names)
        return [
            *(Leaf(transaction=id_, program=program or 0) for id_, program in zip(ids, programs, strict=True)),
            *(Leaf(account=account, version=version) for account, version in zip(accounts, versions, strict=True)),
            *(Leaf(program=program) for program in (*books, *policies)),
            *(Leaf(account=account) for account in (*limits, *systems)),
        ]


class Seal(NamedTuple):
    """A block as it is kept."""

    block: Block
    span: Span
    hash: bytes
    marks: bytes

    @property
    def head(self) -> Head:
        """Its number and hash."""
        return Head(self.block.shard, self.block.number, self.hash, self.block.seal_time)


async def next_place(connection: Any, shard: int, most: int) -> Place | None:
    """Where the next block goes: it ends with the batch in which its first `most` postings and events end, or at the
    horizon below which nothing can still commit. None where there is nothing to seal.
    """
    last = await queries.last_seal(connection, shard=shard)
    first = last["end_xid"] if last else 0
    horizon = await queries.horizon(connection)
    if horizon["below"] < first:
        # Rows dumped and restored into a new cluster: what is recorded here falls into blocks that were sealed there.
        _log.error("chain_of_another_cluster", shard=shard)
        return None
    xid = await queries.block_end(connection, shard=shard, first_xid=first, horizon=horizon["below"], limit=most)
    if xid is None:
        return None
    number, previous = (last["block"] + 1, last["hash"]) if last else (1, GENESIS)
    return Place(number, first, xid + 1, previous, horizon["now"])


async def span(connection: Any, shard: int, first_xid: int, end_xid: int) -> Span:
    """Where the rows of these transactions of PostgreSQL are."""
    row = await queries.block_ids(connection, shard=shard, first_xid=first_xid, end_xid=end_xid)
    return Span(first_xid, end_xid, row["first_id"] or 0, row["last_id"] or 0)


async def leaves(connection: Any, shard: int, where: Span) -> Leaves:
    """The leaves of a span, as its rows are now."""
    row = await queries.leaves(connection, shard=shard, **where._asdict())
    return Leaves(row["leaves"], row)


async def postings(connection: Any, shard: int, where: Span) -> int:
    """How many postings the span's transactions of PostgreSQL have written, wherever among the ids."""
    return int(
        await queries.postings_between(connection, shard=shard, first_xid=where.first_xid, end_xid=where.end_xid)
    )


async def insert(connection: Any, seal: Seal) -> bool:
    """Adds a block; answers whether it is the first of its number."""
    fields = seal.block._asdict() | seal.span._asdict()
    fields["block"] = fields.pop("number")
    return bool(await queries.insert_seal(connection, **fields, hash=seal.hash, marks=seal.marks))


async def seals(connection: Any, shard: int) -> AsyncIterator[Seal]:
    """The blocks of a shard in their order."""
    after = -1
    while found := [
        row async for row in queries.seals_after(connection, shard=shard, after=after, limit=SEALS_AT_ONCE)
    ]:
        for row in found:
            yield _seal(shard, row)
        after = found[-1]["block"]


def _seal(shard: int, row: Any) -> Seal:
    block = Block(
        shard,
        row["block"],
        row["first_xid"],
        row["end_xid"],
        row["transactions"],
        row["postings"],
        row["events"],
        row["seal_time"],
        row["previous"],
    )
    where = Span(row["first_xid"], row["end_xid"], row["first_id"], row["last_id"])
    return Seal(block, where, row["hash"], row["marks"])
