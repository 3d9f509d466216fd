"""The hash chain that seals what a shard has recorded: block after block, each over its leaves and the block before.

A leaf is the sha256 of one transaction with its postings and the lots that they made, of one account event, of one
change of books, of policies or of a credit limit, or of a system account. What a leaf is made of is in store/chain.sql,
and why in docs/explanation/chain.md.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
LEAF_BYTES = HASH_BYTES
MARK_BYTES = 8
GENESIS = bytes(HASH_BYTES)
"""What the first block of a shard has in place of a block before."""

_HEAD = struct.Struct(">i3q3iq")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Block(NamedTuple):
    """What a block says of itself."""

    shard: int
    number: int
    """From 1, without gaps."""
    first_xid: int
    end_xid: int
    """It seals what PostgreSQL's transactions from `first_xid` up to, but not with, this one have written."""
    transactions: int
    postings: int
    events: int
    """Account events, and changes of books, of policies and of credit limits."""
    seal_time: datetime
    previous: bytes


class Head(NamedTuple):
    """A block by its number and hash. Whoever keeps one elsewhere can tell later whether it is still in the chain."""

    shard: int
    block: int
    hash: bytes
    seal_time: datetime


def block_hash(block: Block, leaves: bytes) -> bytes:
    """The hash of a block: sha256 of what it says, big-endian in the order of its fields (the time in microseconds
    since 1970, UTC), the hash of the block before, and its leaves.
    """
    head = _HEAD.pack(
        block.shard,
        block.number,
        block.first_xid,
        block.end_xid,
        block.transactions,
        block.postings,
        block.events,
        (block.seal_time - _EPOCH) // _MICROSECOND,
    )
    return sha256(head + block.previous + leaves).digest()


def marks(leaves: bytes) -> bytes:
    """The first bytes of each leaf. They do not seal anything: they find the leaf that has changed."""
    return b"".join([leaves[at : at + MARK_BYTES] for at in range(0, len(leaves), LEAF_BYTES)])


class Change(Enum):
    """What became of a leaf."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDED = "added"


class Difference(NamedTuple):
    """The first leaf in which a block differs from what was sealed: its place among the leaves found; of a missing one,
    where it should be.
    """

    place: int
    change: Change


def first_difference(sealed: bytes, found: bytes) -> Difference | None:
    """Where the marks found first differ from the sealed ones; None where they agree."""
    if sealed == found:
        return None
    expected, seen = _split(sealed), _split(found)
    for index, mark in enumerate(seen):
        if index == len(expected):
            return Difference(index, Change.ADDED)
        if mark != expected[index]:
            if [mark] == expected[index + 1 : index + 2]:
                return Difference(index, Change.MISSING)
            if [expected[index]] == seen[index + 1 : index + 2]:
                return Difference(index, Change.ADDED)
            return Difference(index, Change.CHANGED)
    return Difference(len(seen), Change.MISSING) if len(expected) > len(seen) else None


def _split(marked: bytes) -> list[bytes]:
    return [marked[at : at + MARK_BYTES] for at in range(0, len(marked), MARK_BYTES)]
