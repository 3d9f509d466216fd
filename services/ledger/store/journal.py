"""The journal as a source of the relay: what was posted is told from the postings themselves, not from a copy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from guerdon_kit.events.event import CloudEvent
from guerdon_kit.events.relay import Relayed
from guerdon_kit.postgres import Connection, load_queries
from ledger.domain.model import Kind
from ledger.store.directory import Directory

queries = load_queries("ledger")

WINDOW = 64
"""How many ids an event covers: a block has a whole number of windows."""

_ID_MAX = 2**63 - 1
_KINDS = {int(kind): kind.name for kind in Kind}
_EVENT_IDS = 0x6C656467 << 96
"""What event ids begin with; shard and window follow."""


class Journal:
    """One shard's transactions as events `guerdon.ledger.v1.transactions_posted`, each keyed by its shard.

    A batch draws its ids when it holds the locks of its accounts, so that of two changes of one account the later
    has the higher id: the order of ids is the order of every account's changes. An event tells of what lies in one
    window of ids. Windows never span two batches, so that an event is the same however often it is sent.
    """

    service = "ledger"

    def __init__(self, shard: int, directory: Directory) -> None:
        self.name = f"journal:{shard}"
        self._shard = shard
        self._directory = directory
        self._last = ("", _ID_MAX)
        """The snapshot that an interval ended with, and the highest id that it sees."""

    async def start(self, connection: Connection, since: str, until: str) -> int | None:
        """The lowest id between the snapshots; None where there is none."""
        found = await queries.journal_bounds(connection, shard=self._shard, since=since, until=until)
        self._last = (until, found["last"] or _ID_MAX)
        first: int | None = found["first"]
        return first

    async def page(self, connection: Connection, since: str, until: str, after: int, most: int) -> Sequence[Relayed]:
        """The next transactions between the snapshots, in the order of ids."""
        # Ids of postings are numbers of the same row, and a window’s last transaction may reach into the two after it.
        limit = (most + 3) * WINDOW
        # What was posted since need not be looked at. Whoever goes on from another worker's position does not know it.
        known, last = self._last
        found = [
            row
            async for row in queries.journal_page(
                connection,
                shard=self._shard,
                since=since,
                until=until,
                after=after,
                last=last if known == until else _ID_MAX,
                most=limit,
            )
        ]
        if len(found) == limit:  # the last window may be cut off
            last_window = _window(found[-1]["id"])
            found = [row for row in found if _window(row["id"]) < last_window]
        if not found:
            return []
        windows: dict[int, list[dict[str, Any]]] = {}
        for id_, told in (await self._told(connection, found)).items():
            windows.setdefault(_window(id_), []).append(told)
        times = {_window(row["id"]): row["record_time"] for row in found}
        return [self._event(window, transactions, times[window]) for window, transactions in windows.items()][:most]

    async def _told(self, connection: Connection, found: Sequence[Any]) -> dict[int, dict[str, Any]]:
        """What an event says of each transaction: what it is, and the versions that it gave to member accounts."""
        ids = {id_ for row in found for id_ in (row["source"], row["destination"])}
        accounts = await self._directory.by_ids(self._shard, ids, connection)
        numbers = {row["program"] for row in found}
        programs = {n: (await self._directory.program_by_number(n, connection)).name for n in numbers}
        told: dict[int, dict[str, Any]] = {}
        for row in found:
            id_ = row["id"]
            if id_ not in told:
                name = f"{programs[row['program']]}/transactions/{id_}"
                told[id_] = {"transaction": name, "kind": _KINDS[row["kind"]], "versions": {}}
            versions = told[id_]["versions"]
            if row["source_version"] is not None:
                versions[accounts[row["source"]].name] = row["source_version"]
            if row["destination_version"] is not None:
                versions[accounts[row["destination"]].name] = row["destination_version"]
        return told

    def _event(self, window: int, transactions: list[dict[str, Any]], time: datetime) -> Relayed:
        shard = f"shards/{self._shard}"
        event = CloudEvent(
            id=UUID(int=_EVENT_IDS | self._shard << 64 | window),
            source="//guerdon.dev/ledger",
            type="guerdon.ledger.v1.transactions_posted",
            subject=shard,
            key=shard,
            time=time,
            data={"transactions": transactions},
        )
        return Relayed((window + 1) * WINDOW, event)


def _window(id_: int) -> int:
    """Blocks of ids begin at multiples of the block's size plus 1, and so do windows."""
    return (id_ - 1) // WINDOW
