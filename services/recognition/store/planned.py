"""Lists that are asked for with different filters, each read by the index that serves the filters that there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from guerdon_kit.postgres import Connection


@asynccontextmanager
async def for_values(connection: Connection) -> AsyncIterator[None]:
    """A transaction whose statements are planned for the values that they come with. One plan for all values would read
    along one index whatever is asked for.
    """
    async with connection.transaction():
        await connection.execute("set local plan_cache_mode = force_custom_plan")
        yield
