"""The chain's rules: what a block's hash covers, and which leaf is said to have changed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger.domain.chain import (
    GENESIS,
    LEAF_BYTES,
    MARK_BYTES,
    Block,
    Change,
    Difference,
    block_hash,
    first_difference,
    marks,
)

BLOCK = Block(3, 7, 100, 120, 2, 3, 1, datetime(2026, 3, 1, tzinfo=UTC), GENESIS)
LEAVES = bytes(range(96))
OTHERS = (4, 8, 101, 121, 3, 4, 2, BLOCK.seal_time + timedelta(microseconds=1), bytes([1]) * 32)


HASH = "e8f93e8041df3229b7785649a79228d4aaa51e822b492728812034caeb5c7e47"


def test_the_hash_of_a_block_is_what_it_was() -> None:
    assert block_hash(BLOCK, LEAVES).hex() == HASH


@pytest.mark.parametrize(("field", "value"), [*zip(Block._fields, OTHERS, strict=True)])
def test_the_hash_covers_every_field(field: str, value: Any) -> None:
    assert block_hash(BLOCK._replace(**{field: value}), LEAVES) != block_hash(BLOCK, LEAVES)


@given(st.integers(0, len(LEAVES) - 1))
def test_the_hash_covers_every_byte_of_the_leaves(at: int) -> None:
    changed = LEAVES[:at] + bytes([LEAVES[at] ^ 1]) + LEAVES[at + 1 :]
    assert block_hash(BLOCK, changed) != block_hash(BLOCK, LEAVES)


leaves = st.lists(st.binary(min_size=LEAF_BYTES, max_size=LEAF_BYTES), min_size=1, max_size=8, unique=True).filter(
    lambda found: len({leaf[:MARK_BYTES] for leaf in found}) == len(found)
)


@given(leaves, st.data())
def test_the_leaf_that_was_changed_taken_out_or_put_in_is_named(sealed: list[bytes], data: st.DataObject) -> None:
    before = marks(b"".join(sealed))
    assert first_difference(before, before) is None
    place = data.draw(st.integers(0, len(sealed) - 1))
    other = bytes(leaf ^ 0xFF for leaf in sealed[place])
    if other[:MARK_BYTES] in {leaf[:MARK_BYTES] for leaf in sealed}:
        return
    changed = [*sealed[:place], other, *sealed[place + 1 :]]
    missing = [*sealed[:place], *sealed[place + 1 :]]
    added = [*sealed[:place], other, *sealed[place:]]
    for found, change in ((changed, Change.CHANGED), (missing, Change.MISSING), (added, Change.ADDED)):
        assert first_difference(before, marks(b"".join(found))) == Difference(place, change)


STORE = Path(ledger.__file__).parent
UNSEALED = {
    "transactions": {"shard": "the block names it", "memo": "by its digest", "memo_salt": "by its digest"},
    "postings": {
        "shard": "the block names it",
        "ordinal": "the transaction is sealed under the posting's id less this",
        "xid": "the block names the range, and its rows are found by it",
    },
    **{
        table: {"shard": "the block names it", "xid": "the block names the range, and its rows are found by it"}
        for table in ("account_events", "books_changes", "credit_limit_changes")
    },
    "programs": {"program": "as the account's", "display_name": "words that may change, and nothing follows from"},
    "units": {"program": "as the account's", "unit": "as the account's", "display_name": "as a program's"},
}
"""The columns of what is never changed that are not sealed themselves, and why."""


@pytest.mark.parametrize("table", UNSEALED)
def test_every_column_of_what_is_never_changed_is_sealed(table: str) -> None:
    schema = (STORE / "migrations" / "0001_ledger.sql").read_text(encoding="utf-8")
    columns = re.search(rf"create table {table} \((.*?)\n\);", schema, re.DOTALL)
    assert columns is not None
    names = set(
        re.findall(r"^    (\w+) (?:int|bigint|smallint|text|bytea|timestamptz|xid8|jsonb)", columns[1], re.MULTILINE)
    )
    query = (STORE / "store" / "chain.sql").read_text(encoding="utf-8").partition("-- name: leaves^")[2]
    alias, column = FIRST[table]
    # The shortest: a row may hold that of another table.
    row = min([row for row in _rows(query.partition("-- name:")[0]) if f"{alias}.{column}" in row], key=len)
    sealed = set(re.findall(rf"\b{alias}\.(\w+)", row))
    assert len(names) >= 5
    assert names <= sealed | UNSEALED[table].keys(), "seal it, or say why not"
    assert not sealed - names


FIRST = {
    "transactions": ("t", "effective_time"),
    "postings": ("p", "amount"),
    "account_events": ("e", "held_delta"),
    "books_changes": ("b", "close_time"),
    "credit_limit_changes": ("c", "credit_limit"),
    "programs": ("g", "time_zone"),
    "units": ("u", "scale"),
}
"""What each table is called in the query, and a column that tells its row from the others."""


def _rows(query: str) -> list[str]:
    """What stands in each `record_send(row(...))` of a query."""
    found = []
    for match in re.finditer(r"record_send\(row\(", query):
        depth = 1
        for end, character in enumerate(query[match.end() :], match.end()):
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth == 0:
                found.append(query[match.end() : end])
                break
    return found
