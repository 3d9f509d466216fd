"""Ids, reserved in blocks: one round trip for thousands."""

from __future__ import annotations

from guerdon_kit.postgres import Connection, load_queries

queries = load_queries("ledger")

BLOCK = 4096
"""The sequence's increment: what one call of nextval reserves."""
AT_ONCE_MAX = 128
"""The most consecutive ids that may be taken at once: more than a transaction has postings."""


class IdBlocks:
    """One batch's ids of the ledger's one number space. What it does not use is lost, never given again."""

    def __init__(self, block: int = 0) -> None:
        """`block` is the first id of a block that was drawn already; 0: none was."""
        self._next = block
        self._end = block + BLOCK if block else 0
        self._reserved: list[int] = []

    async def reserve(self, connection: Connection, count: int) -> None:
        """Has at least `count` ids at hand, taken at most `AT_ONCE_MAX` at a time."""
        usable = BLOCK - AT_ONCE_MAX  # the tail of a block may be too short for what is taken next
        while self._end - self._next - AT_ONCE_MAX + len(self._reserved) * usable < count:
            self._reserved.append(await queries.reserve_ids(connection))

    def take(self, count: int) -> int:
        """The first of `count` consecutive ids, which were reserved."""
        assert count <= AT_ONCE_MAX, "more ids at once than a block is sure to have"
        if self._end - self._next < count:
            self._next = self._reserved.pop(0)
            self._end = self._next + BLOCK
        first = self._next
        self._next += count
        return first
