"""A program that issues more than int64 holds troubles nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import asyncpg
import pytest

from guerdon_kit.postgres import Database
from guerdon_kit.postgres.provision import ServiceDatabase
from ledger.domain.errors import BalanceOverflow
from ledger.domain.model import Account, AccountKind, Program
from ledger.jobs import checkpoints
from ledger.store.balances import BalanceReader

_FILL = """
insert into postings (shard, id, ordinal, source, destination, amount, destination_version, destination_posted)
select 0, 100 + n, 0, 1, 3, 9007199254740992, n, 9007199254740992 from generate_series(1, 1025) as n
union all
select 0, 5000, 0, 2, 4, 10, 1, 10
"""
BEYOND, OTHER = (
    Account(0, id_, Program(id_, f"p{id_}", "UTC", 0), 1, AccountKind.ISSUANCE, f"programs/p{id_}/accounts/i", at)
    for id_, at in ((1, datetime(2026, 1, 1, tzinfo=UTC)), (2, datetime(2026, 1, 1, tzinfo=UTC)))
)


async def test_a_sum_beyond_int64_is_refused_by_name_and_the_others_checkpoints_move_on(
    database: Callable[[str], ServiceDatabase],
) -> None:
    made = database("ledger")
    owner = await asyncpg.connect(made.owner_url)
    await owner.execute(_FILL)
    ledger = await Database.open(made.runtime_url, name="test")
    reader = BalanceReader(ledger)
    for _ in ("from the postings", "from the checkpoint"):
        with pytest.raises(BalanceOverflow):
            await reader.read_system(BEYOND)
        assert (await reader.read_system(OTHER)).posted == -10
        await checkpoints.move(ledger, 0)
    assert await owner.fetchval("select posted from checkpoints where account = 2") == -10
    await owner.close()
    await ledger.close()
