"""Ids are unique, consecutive where a transaction needs it, and never run out for a batch that reserved enough."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger.store.ids import AT_ONCE_MAX, BLOCK, IdBlocks


class Sequence:
    """Hands out blocks as the database's sequence does."""

    def __init__(self) -> None:
        self.blocks = itertools.count(BLOCK, BLOCK)

    async def fetchval(self, _statement: str, *_arguments: Any) -> int:
        return next(self.blocks)


@given(
    takes=st.lists(st.integers(1, AT_ONCE_MAX), min_size=1, max_size=200),
    drawn=st.booleans(),
    rounds=st.integers(1, 3),
)
def test_what_was_reserved_can_be_taken_and_no_id_is_given_twice(takes: list[int], drawn: bool, rounds: int) -> None:
    sequence: Any = Sequence()
    ids = IdBlocks(next(sequence.blocks) if drawn else 0)
    given_: list[int] = []
    for _ in range(rounds):
        asyncio.run(ids.reserve(sequence, sum(takes)))
        for count in takes:
            first = ids.take(count)
            given_ += range(first, first + count)
    assert len(set(given_)) == len(given_)
    assert given_ == sorted(given_)
    assert min(given_) >= BLOCK
