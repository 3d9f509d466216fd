"""Batches of one process that open the same accounts, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from ledger.domain.model import Unopened


class Openings:
    """Has a batch wait for those before it that may open the same accounts: it then finds these, where the other
    process's batch would have to run again. An import's chunks meet in the member whose purchases they share.
    """

    def __init__(self) -> None:
        self._last: dict[int, asyncio.Future[None]] = {}
        """The end of the last batch that may open an account, by the account's id."""

    @asynccontextmanager
    async def alone(self, accounts: Collection[Unopened]) -> AsyncIterator[None]:
        """Until the end, whoever comes after this and may open one of these accounts waits."""
        before = {self._last[account.id] for account in accounts if account.id in self._last}
        end = asyncio.get_running_loop().create_future()
        for account in accounts:
            self._last[account.id] = end
        try:
            if before:
                await asyncio.wait(before)
            yield
        finally:
            end.set_result(None)
            for account in accounts:
                if self._last[account.id] is end:
                    del self._last[account.id]
