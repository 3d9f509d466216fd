"""The journal as a source of the relay: what was posted is told from the postings themselves, not from a copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from guerdon_kit.events.event import CloudEvent
from guerdon_kit.events.relay import Relayed
from guerdon_kit.postgres import Connection, load_queries
from ledger.domain.model import Account, Kind, Program
from ledger.store.directory import Directory

queries = load_queries("ledger")

_EVENT_IDS = 0x6C65646765728000 << 64
"""What event ids begin with: a transaction's event has the same id however often it is sent."""


class Journal:
    """One shard's transactions as events `guerdon.ledger.v1.transaction_posted`, each keyed by its program.

    A batch draws its ids when it holds the locks of its accounts, so that of two changes of one account the later
    has the higher id: the order of ids is the order of every account's changes.
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
        found = [
            row
            async for row in queries.journal_page(
                connection, shard=self._shard, since=since, until=until, after=after, most=most
            )
        ]
        if not found:
            return []
        first, last = found[0]["id"], found[-1]["id"] + found[-1]["postings"]
        postings: dict[int, list[Any]] = {row["id"]: [] for row in found}
        async for row in queries.journal_postings(connection, shard=self._shard, first=first, last=last):
            of = postings.get(row["id"] - row["ordinal"])
            if of is not None:
                of.append(row)
        ids = {id_ for of in postings.values() for row in of for id_ in (row["source"], row["destination"])}
        accounts = await self._directory.by_ids(self._shard, ids, connection)
        programs = {n: await self._directory.program_by_number(n, connection) for n in {r["program"] for r in found}}
        return [_event(row, programs[row["program"]], postings[row["id"]], accounts) for row in found]


def _event(row: Any, program: Program, postings: Sequence[Any], accounts: dict[int, Account]) -> Relayed:
    event = CloudEvent(
        id=UUID(int=_EVENT_IDS | row["id"]),
        source="//guerdon.dev/ledger",
        type="guerdon.ledger.v1.transaction_posted",
        subject=f"{program.name}/transactions/{row['id']}",
        key=program.name,
        time=row["record_time"],
        data={"kind": Kind(row["kind"]).name, "postings": [_posting(posting, accounts) for posting in postings]},
    )
    return Relayed(row["id"], event)


def _posting(row: Any, accounts: dict[int, Account]) -> dict[str, str | int | None]:
    return {
        "source": accounts[row["source"]].name,
        "destination": accounts[row["destination"]].name,
        "amount": row["amount"],
        "source_version": row["source_version"],
        "destination_version": row["destination_version"],
    }
