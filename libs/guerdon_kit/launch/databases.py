"""The databases of services: made and migrated before the services start."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from guerdon_kit.postgres import migrate
from guerdon_kit.postgres.provision import ServiceDatabase, provision
from guerdon_kit.secret_store import Secrets

T = TypeVar("T")


def in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in an event loop of its own: the caller may be inside another."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


async def prepare_databases(
    admin_url: str, services: Iterable[str], secrets: Secrets
) -> dict[str, tuple[ServiceDatabase, list[str]]]:
    """Each service's database, up to date, and the migrations that were applied now.

    Raises MigrationRefused, and asyncpg's errors.
    """
    databases = {service: await provision(admin_url, service, secrets) for service in services}
    applied = await asyncio.gather(*(_migrate(service, database) for service, database in databases.items()))
    return {service: (database, done) for (service, database), done in zip(databases.items(), applied, strict=True)}


async def _migrate(service: str, database: ServiceDatabase) -> list[str]:
    try:
        return await migrate.apply(database.owner_url, service, database.runtime_role)
    except Exception as problem:
        problem.add_note(f"while migrating the database of {service}")
        raise
