"""Providers in the database, and their secrets, which are kept sealed as codes are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from guerdon_kit.errors import AlreadyExists, NotFound
from guerdon_kit.postgres import Connection
from rewards_catalog.domain.codes import SealedCode
from rewards_catalog.domain.providers import OVERLAP, Provider, ProviderKind
from rewards_catalog.store import queries


async def insert(connection: Connection, provider: Provider, *, actor: str) -> None:
    """Keeps a new provider.

    Raises:
        AlreadyExists: the program has one of this id.
    """
    inserted = await queries.insert_provider(
        connection,
        program=provider.program,
        id=provider.id,
        kind=provider.kind,
        url=provider.url,
        max_orders=provider.max_orders,
        actor=actor,
        create_time=provider.create_time,
    )
    if not inserted:
        raise AlreadyExists(provider.name)


async def get(connection: Connection, program: str, provider: str) -> Provider:
    """The provider.

    Raises:
        NotFound: there is none.
    """
    row = await queries.find_provider(connection, program=program, id=provider)
    if row is None:
        raise NotFound(f"programs/{program}/providers/{provider}")
    return _provider(row)


async def lock(connection: Connection, program: str, provider: str) -> None:
    """Keeps others from changing the provider or its secrets until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    if await queries.lock_provider(connection, program=program, id=provider) is None:
        raise NotFound(f"programs/{program}/providers/{provider}")


async def update(connection: Connection, provider: Provider) -> None:
    """Writes what can be changed of a provider that is locked."""
    await queries.update_provider(
        connection, program=provider.program, id=provider.id, url=provider.url, max_orders=provider.max_orders
    )


async def after(connection: Connection, program: str, provider: str, most: int) -> list[Provider]:
    """The program's providers by their ids, after one."""
    return [
        _provider(row) async for row in queries.list_providers(connection, program=program, after=provider, most=most)
    ]


async def add_secret(connection: Connection, program: str, provider: str, sealed: SealedCode, now: datetime) -> int:
    """Makes a secret the current one of a provider that is locked, or new, and answers which version it is."""
    key = {"program": program, "provider": provider}
    await queries.end_secrets(connection, **key, end_time=now + OVERLAP, now=now)
    version: int = await queries.last_secret_version(connection, **key) + 1
    await queries.insert_secret(
        connection,
        **key,
        version=version,
        digest=sealed.digest,
        key_id=sealed.key_id,
        sealed=sealed.sealed,
        create_time=now,
    )
    return version


async def secrets(connection: Connection, program: str, provider: str, now: datetime) -> Mapping[int, SealedCode]:
    """The secrets that sign now, by their versions, the current one first."""
    rows = queries.list_secrets(connection, program=program, provider=provider, now=now)
    return {row["version"]: SealedCode(row["digest"], row["key_id"], row["sealed"]) async for row in rows}


def _provider(row: asyncpg.Record) -> Provider:
    return Provider(**{**dict(row), "kind": ProviderKind(row["kind"])})
