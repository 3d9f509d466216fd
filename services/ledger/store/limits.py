"""Reads, under lock, and writes back what is left of the accounts with a credit limit that a batch moves points of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from guerdon_kit.postgres import Connection, load_queries
from ledger.domain.limits import Slice, Slices
from ledger.domain.model import Account

queries = load_queries("ledger")


async def lock(connection: Connection, accounts: Iterable[Account]) -> Slices:
    """Locks what is left of these accounts, shard by shard in ascending order."""
    by_shard: dict[int, dict[int, Account]] = {}
    for account in accounts:
        by_shard.setdefault(account.shard, {})[account.id] = account
    found: Slices = {}
    for shard, mine in sorted(by_shard.items()):
        found |= dict.fromkeys(mine)
        async for row in queries.lock_slices(connection, shard=shard, accounts=list(mine)):
            if row["credit_limit"] is not None:
                account = mine[row["account"]]
                found[account.id] = Slice(account, row["credit_limit"], int(row["available"]))
    return found


async def write(connection: Connection, before: Mapping[int, Slice | None], after: Mapping[int, Slice | None]) -> None:
    """Writes back what has changed since `lock`."""
    changed: dict[int, list[Slice]] = {}
    for account, left in after.items():
        if left is not None and left != before[account]:
            changed.setdefault(left.account.shard, []).append(left)
    for shard, mine in sorted(changed.items()):
        await queries.update_slices(
            connection,
            shard=shard,
            accounts=[left.account.id for left in mine],
            available=[Decimal(left.available) for left in mine],
        )
