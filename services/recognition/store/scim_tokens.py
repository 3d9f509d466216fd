"""SCIM tokens, as rows."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.scim_tokens import ScimToken
from recognition.store import queries


async def insert(connection: Connection, token: ScimToken, hashed: bytes, actor: str) -> None:
    """Adds a token by the hash of its secret."""
    await queries.insert_scim_token(
        connection,
        organisation=token.organisation,
        token=token.id,
        display_name=token.display_name,
        secret_hash=hashed,
        issuer=token.issuer,
        actor=actor,
        create_time=token.create_time,
    )


async def count(connection: Connection, organisation: str) -> int:
    """How many tokens are not revoked."""
    number: int = await queries.count_scim_tokens(connection, organisation=organisation)
    return number


async def find(connection: Connection, organisation: str, token: str) -> ScimToken | None:
    """The token of that id."""
    row = await queries.find_scim_token(connection, organisation=organisation, token=token)
    return None if row is None else _token(row)


async def find_by_secret(connection: Connection, hashed: bytes) -> ScimToken | None:
    """The token with such a secret, if it is not revoked."""
    row = await queries.find_scim_token_by_secret(connection, secret_hash=hashed)
    return None if row is None else _token(row)


async def list_after(connection: Connection, organisation: str, after: str, most: int) -> list[ScimToken]:
    """At most so many tokens whose ids come after `after`, by id."""
    rows = queries.list_scim_tokens(connection, organisation=organisation, after=after, most=most)
    return [_token(row) async for row in rows]


async def revoke(connection: Connection, organisation: str, token: str, revoke_time: datetime) -> None:
    """Revokes a token; one that is revoked stays as it is."""
    await queries.revoke_scim_token(connection, organisation=organisation, token=token, revoke_time=revoke_time)


def _token(row: asyncpg.Record) -> ScimToken:
    return ScimToken(
        row["organisation"],
        row["token"],
        row["display_name"],
        row["issuer"],
        row["create_time"],
        row["revoke_time"],
    )
