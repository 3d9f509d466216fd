"""The journal as a source of the relay: what was posted is told from the postings themselves, not from a copy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from guerdon_kit.events.event import CloudEvent
from guerdon_kit.events.relay import Relayed
from guerdon_kit.postgres import Connection, load_queries
from ledger.domain.model import Account, Kind
from ledger.store.directory import Directory

queries = load_queries("ledger")

WINDOW = 64
"""How many ids an event covers: a block has a whole number of windows."""

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

    async def start(self, connection: Connection, since: str, until: str) -> int | None:
        """The lowest id between the snapshots; None where there is none."""
        lowest: int | None = await queries.journal_start(connection, shard=self._shard, since=since, until=until)
        return lowest

    async def page(self, connection: Connection, since: str, until: str, after: int, most: int) -> Sequence[Relayed]:
        """The next transactions between the snapshots, in the order of ids."""
        limit = (most + 1) * WINDOW
        found = [
            row
            async for row in queries.journal_page(
                connection, shard=self._shard, since=since, until=until, after=after, most=limit
            )
        ]
        if len(found) == limit:  # the last window may be cut off
            last_window = _window(found[-1]["id"])
            found = [row for row in found if _window(row["id"]) != last_window]
        if not found:
            return []
        told = await self._told(connection, found)
        windows: dict[int, list[dict[str, Any]]] = {}
        for row, transaction in zip(found, told, strict=True):
            windows.setdefault(_window(row["id"]), []).append(transaction)
        times = {_window(row["id"]): row["record_time"] for row in found}
        return [self._event(window, transactions, times[window]) for window, transactions in windows.items()][:most]

    async def _told(self, connection: Connection, found: Sequence[Any]) -> list[dict[str, Any]]:
        """What an event says of each transaction."""
        first, last = found[0]["id"], found[-1]["id"] + found[-1]["postings"]
        postings: dict[int, list[Any]] = {row["id"]: [] for row in found}
        async for row in queries.journal_postings(connection, shard=self._shard, first=first, last=last):
            of = postings.get(row["id"] - row["ordinal"])
            if of is not None:
                of.append(row)
        ids = {id_ for of in postings.values() for row in of for id_ in (row["source"], row["destination"])}
        accounts = await self._directory.by_ids(self._shard, ids, connection)
        programs = {n: await self._directory.program_by_number(n, connection) for n in {r["program"] for r in found}}
        return [
            {
                "transaction": f"{programs[row['program']].name}/transactions/{row['id']}",
                "kind": Kind(row["kind"]).name,
                "record_time": row["record_time"].isoformat(),
                "postings": [_posting(posting, accounts) for posting in postings[row["id"]]],
            }
            for row in found
        ]

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


def _posting(row: Any, accounts: dict[int, Account]) -> dict[str, str | int | None]:
    return {
        "source": accounts[row["source"]].name,
        "destination": accounts[row["destination"]].name,
        "amount": row["amount"],
        "source_version": row["source_version"],
        "destination_version": row["destination_version"],
    }
