"""What an import has taken in is booked once, though nobody asks again."""

from __future__ import annotations

import asyncio

import pytest

from guerdon import GuerdonError
from guerdon_kit.postgres.provision import connected
from guerdon_kit.testing import wait_until
from tests.contract.recognition.test_imports import imported, row
from tests.contract.recognition.world import Employer, World


@pytest.mark.crash
async def test_a_chunk_that_was_taken_in_is_booked_once_though_nobody_asks_again(world: World) -> None:
    employer = await world.employer()
    rows = [row(f"k-{number}", "ann", ["ben", "cleo"], 3) for number in range(20)]
    world.ledger.process.kill()
    importing = asyncio.create_task(imported(employer, rows))
    await wait_until(lambda: _taken_in(world, employer))
    world.recognition.process.kill()
    with pytest.raises(GuerdonError):
        await importing
    world.ledger.process.start()
    world.recognition.process.start()
    await wait_until(lambda: _all_seen(employer, len(rows)))
    [again] = await imported(employer, rows)
    assert (again.imported_count, again.already_imported_count, len(again.errors)) == (0, 20, 0)
    assert [await employer.earned(one) for one in ("ben", "cleo")] == [60, 60]


async def _taken_in(world: World, employer: Employer) -> bool:
    organisation = employer.name.partition("/")[2]
    async with connected(world.recognition.database.owner_url) as connection:
        found = await connection.fetchval("select count(*) from import_chunks where organisation = $1", organisation)
    return bool(found)


async def _all_seen(employer: Employer, rows: int) -> bool:
    try:
        return len((await employer.feed()).recognitions) == rows
    except GuerdonError:
        return False
