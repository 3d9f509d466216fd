"""Reads balances as they were at a record time, and as they stood before an effective time.

Both are read backwards. A member's running balances say what a version left, and halving finds the version of a time.
System accounts have no versions: what was recorded since is taken off what they have now. Either way only what came
after the earlier of the two times is read besides, for nothing happens after it is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guerdon_kit.postgres import Connection, Database, load_queries
from ledger.domain.model import NEVER, Account, AccountKind, Program
from ledger.store.long_reads import LongRead, long_read

queries = load_queries("ledger")

_TICK = timedelta(microseconds=1)
_BEFORE_ALL = "1:1:"
"""A snapshot that sees nothing: where a shard has no checkpoint yet."""


@dataclass(frozen=True, slots=True)
class At:
    """Which postings count."""

    effective_end_time: datetime = NEVER
    """Those that happened before it."""
    record_time: datetime = NEVER
    """And were recorded by then."""

    @property
    def since(self) -> datetime:
        """Whatever does not count was recorded at this time or later: nothing happens after it is recorded."""
        later = NEVER if self.record_time == NEVER else self.record_time + _TICK
        return min(self.effective_end_time, later)


@dataclass(frozen=True, slots=True)
class SystemBalance:
    """A system account and its balance, which nothing bounds."""

    id: int
    unit: int
    kind: AccountKind
    name: str
    posted: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """What a program's accounts have, unit by unit together nothing: the system accounts, and all members by unit."""

    system: Sequence[SystemBalance]
    members: dict[int, int]


@dataclass(frozen=True, slots=True)
class _Since:
    """What does not count of a system account's balance, and how much of that is against members."""

    amount: int
    of_member: int


class HistoryReader:
    """Reads balances at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def member(self, account: Account, at: At) -> tuple[int, int]:
        """The posted balance of a member account, and its version at the record time.

        No snapshot is needed: what a version left never changes.
        """
        async with self._database.acquire() as connection:
            version = await _version_at(connection, account, at.record_time)
            posted = await queries.posted_at(connection, shard=account.shard, account=account.id, version=version) or 0
            if at.effective_end_time < NEVER:
                earlier = await _version_at(connection, account, at.effective_end_time - _TICK)
                posted -= await queries.member_sum_since(
                    connection,
                    shard=account.shard,
                    account=account.id,
                    after=earlier,
                    upto=version,
                    effective_end_time=at.effective_end_time,
                )
            return posted, version

    async def system(self, account: Account, at: At) -> int:
        """The balance of a system account."""
        async with long_read(self._database) as reading:
            now = int(await queries.system_balance(reading, shard=account.shard, account=account.id))
            since = await _since(reading, account.shard, [account.id], at)
        return now - since[account.id].amount if account.id in since else now

    async def trial(self, program: Program, at: At, limit: int) -> TrialBalance:
        """A program's accounts, of one snapshot; at most so many system accounts."""
        async with long_read(self._database) as reading:
            snapshot = await queries.checkpoint_since(reading, shard=program.shard)
            found = queries.system_balances(
                reading, shard=program.shard, program=program.number, since=snapshot or _BEFORE_ALL, limit=limit
            )
            system = [
                SystemBalance(row["id"], row["unit"], AccountKind(row["kind"]), row["name"], int(row["posted"]))
                async for row in found
            ]
            sums = queries.member_sums(reading, shard=program.shard, program=program.number)
            members = {one.unit: 0 for one in system} | {row["unit"]: int(row["posted"]) async for row in sums}
            since = await _since(reading, program.shard, [one.id for one in system], at)
        for one in system:
            members[one.unit] += since[one.id].of_member if one.id in since else 0
        return TrialBalance([_without(one, since) for one in system], members)


async def _version_at(connection: Connection, account: Account, record_time: datetime) -> int:
    version: int = await queries.version_at(
        connection, shard=account.shard, account=account.id, record_time=record_time
    )
    return version


async def _since(reading: LongRead, shard: int, accounts: Iterable[int], at: At) -> dict[int, _Since]:
    if at.since == NEVER:
        return {}
    first = await queries.first_since(reading, shard=shard, since=at.since)
    if first is None:
        return {}
    found = queries.system_sums_since(
        reading,
        shard=shard,
        first=first,
        effective_end_time=at.effective_end_time,
        record_time=at.record_time,
        accounts=list(accounts),
    )
    return {row["account"]: _Since(int(row["amount"]), int(row["of_member"])) async for row in found}


def _without(one: SystemBalance, since: dict[int, _Since]) -> SystemBalance:
    if one.id not in since:
        return one
    return SystemBalance(one.id, one.unit, one.kind, one.name, one.posted - since[one.id].amount)
