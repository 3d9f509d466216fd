"""Finds holds by their ids, and remembers those that were placed here, as far as they never change. Bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Database
from ledger.domain.model import Account, Hold, HoldTerms, Program
from ledger.operations.grouped import Grouped
from ledger.store import rows
from ledger.store.directory import Directory, queries

TERMS_MAX = 20_000

_Place = tuple[int, int]
"""A shard, and a hold's id in it."""


class Holds:
    """Reads holds, those that are asked for at the same time in one statement."""

    def __init__(self, database: Database, directory: Directory) -> None:
        self._database = database
        self._directory = directory
        self._reading: Grouped[_Place, Hold | None] = Grouped(self._read)
        self._terms: OrderedDict[_Place, HoldTerms] = OrderedDict()
        database.on_new_server(self._terms.clear)

    async def find(self, program: Program, id_: int) -> tuple[Hold, Account]:
        """A hold as it is now, and its account. Raises NotFound."""
        name = f"{program.name}/holds/{id_}"
        hold = await self._reading.get((program.shard, id_))
        if hold is None:
            raise NotFound(name)
        account = (await self._directory.by_ids(program.shard, [hold.account]))[hold.account]
        if account.program != program:
            raise NotFound(name)
        return hold, account

    async def terms(self, program: Program, id_: int) -> HoldTerms:
        """What never changes of a hold: from memory, if it was placed here. Raises NotFound."""
        known = self._terms.get((program.shard, id_))
        if known is not None and known.account.program == program:
            return known
        hold, account = await self.find(program, id_)
        return HoldTerms(hold.id, account, hold.amount, hold.expire_time, hold.purpose)

    def learn(self, terms: HoldTerms, forgotten: int) -> None:
        """Remembers a hold that was placed; unless all has been `forgotten` since that was begun, as the directory. One
        that has a purpose is read each time, for that may be erased.
        """
        if not terms.purpose and forgotten == self._directory.forgotten:
            self._terms[(terms.account.shard, terms.id)] = terms
            if len(self._terms) > TERMS_MAX:
                self._terms.popitem(last=False)

    async def _read(self, places: Sequence[_Place]) -> Mapping[_Place, Hold | None]:
        found: dict[_Place, Hold | None] = dict.fromkeys(places)
        by_shard: dict[int, list[int]] = {}
        for shard, id_ in places:
            by_shard.setdefault(shard, []).append(id_)
        async with self._database.acquire() as connection:
            for shard, ids in by_shard.items():
                async for row in queries.holds_by_id(connection, shard=shard, ids=ids):
                    found[(shard, row["id"])] = rows.hold(row)
        return found
