"""Verification of a shard's hash chain: every block made anew from its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.domain.chain import GENESIS, Change, Head, block_hash, first_difference
from ledger.operations.findings import FINDINGS_MAX, Finding, Names
from ledger.store import chain
from ledger.store.long_reads import LongRead


class _Link(NamedTuple):
    """What the next block must say."""

    number: int
    first_xid: int
    previous: bytes


@dataclass
class ChainAudit:
    """The verification of a shard's chain, and what it has come to so far."""

    shard: int
    told: dict[int, Head]
    """Blocks that were told earlier, by number."""
    findings: list[Finding] = field(default_factory=list)
    head: Head | None = None
    """The last block that was verified."""

    async def run(self, connection: LongRead) -> None:
        """Verifies every block, and that those which were told earlier are still among them."""
        expected, told = _Link(1, 0, GENESIS), dict(self.told)
        async for seal in chain.seals(connection, self.shard):
            if len(self.findings) >= FINDINGS_MAX:
                return
            self.findings += _links(seal, expected)
            head = told.pop(seal.block.number, None)
            if head is not None and head.hash != seal.hash:
                self.findings.append(_broken("HEAD_NOT_IN_CHAIN", seal.head, seal.hash.hex(), head.hash.hex()))
            self.findings += await _rows(connection, seal)
            expected = _Link(seal.block.number + 1, seal.span.end_xid, seal.hash)
            self.head = seal.head
        for head in told.values():
            self.findings.append(_broken("HEAD_NOT_IN_CHAIN", head, "no such block", head.hash.hex()))


def _links(seal: chain.Seal, expected: _Link) -> list[Finding]:
    """Whether a block follows the one before."""
    found = _Link(seal.block.number, seal.block.first_xid, seal.block.previous)
    return [
        _broken("CHAIN_BROKEN", seal.head, f"{name} {_said(is_)}", f"{name} {_said(should)}")
        for name, is_, should in zip(("number", "first_xid", "previous"), found, expected, strict=True)
        if is_ != should
    ][:1]


async def _rows(connection: LongRead, seal: chain.Seal) -> list[Finding]:
    """Whether the rows of a block are those that were sealed."""
    leaves = await chain.leaves(connection, seal.block.shard, seal.span)
    postings = await chain.postings(connection, seal.block.shard, seal.span)
    made = block_hash(seal.block, leaves.hashes)
    difference = first_difference(seal.marks, leaves.marks)
    if made == seal.hash and postings == seal.block.postings and difference is None:
        return []
    if difference is None or made == seal.hash:
        if postings != seal.block.postings:
            what = f"{postings} postings", f"{seal.block.postings} postings"
        else:
            what = f"hash {seal.hash.hex()} and its marks", f"hash {made.hex()} and those of its rows"
        return [_broken("SEAL_DIFFERS_FROM_ROWS", seal.head, *what)]
    names = Names(connection, seal.block.shard)
    of = leaves.of()
    if difference.place == len(of):
        return [_broken("SEALED_ROW_MISSING", seal.head, "its last row missing", "what was sealed")]
    leaf = of[difference.place]
    reason, found = _CHANGES[difference.change]
    return [
        Finding(
            reason,
            seal.block.shard,
            await _subject(names, leaf),
            found,
            "what was sealed",
            version=leaf.version,
            block=seal.block.number,
        )
    ]


async def _subject(names: Names, leaf: chain.Leaf) -> str:
    if leaf.transaction:
        return await names.transaction(leaf.program, leaf.transaction)
    return await names.account(leaf.account) if leaf.account else await names.program(leaf.program)


_CHANGES = {
    Change.CHANGED: ("SEALED_ROW_DIFFERS", "another row: its own, or one that is sealed with it, has changed"),
    Change.MISSING: ("SEALED_ROW_MISSING", "a row missing before it"),
    Change.ADDED: ("SEALED_ROW_ADDED", "a row that came after the seal"),
}


def _broken(reason: str, head: Head, found: str, expected: str) -> Finding:
    return Finding(reason, head.shard, f"shard {head.shard}", found, expected, block=head.block)


def _said(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
