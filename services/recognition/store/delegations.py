"""Delegations, as rows."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.delegations import Delegation, WantedDelegations
from recognition.store import planned, queries
from recognition.store.positions import Position


async def insert(connection: Connection, delegation: Delegation, actor: str) -> None:
    """Writes a new delegation."""
    await queries.insert_delegation(
        connection,
        organisation=delegation.organisation,
        delegation=delegation.id,
        approver=delegation.approver,
        delegate=delegation.delegate,
        start_time=delegation.start_time,
        end_time=delegation.end_time,
        actor=actor,
        create_time=delegation.create_time,
    )


async def find(connection: Connection, organisation: str, delegation: str) -> Delegation | None:
    """The delegation of that id."""
    row = await queries.find_delegation(connection, organisation=organisation, delegation=delegation)
    return None if row is None else _delegation(row)


async def list_wanted(
    connection: Connection, organisation: str, wanted: WantedDelegations, position: Position
) -> list[Delegation]:
    """Those that are wanted, the one made last first."""
    async with planned.for_values(connection):
        rows = queries.list_delegations(
            connection,
            organisation=organisation,
            viewer=wanted.viewer,
            approver=wanted.approver,
            delegate=wanted.delegate,
            not_ended_at=wanted.not_ended_at,
            **position.parameters,
        )
        return [_delegation(row) async for row in rows]


async def end(connection: Connection, organisation: str, delegation: str, now: datetime) -> None:
    """Ends one at `now`, or with its start; one that has ended stays as it is."""
    await queries.end_delegation(connection, organisation=organisation, delegation=delegation, now=now)


async def delegators(connection: Connection, organisation: str, delegate: str, now: datetime) -> list[str]:
    """Who has named this person for `now`, earliest first; the first hundred."""
    rows = queries.delegators(connection, organisation=organisation, delegate=delegate, now=now)
    return [row["approver"] async for row in rows]


def _delegation(row: asyncpg.Record) -> Delegation:
    return Delegation(
        organisation=row["organisation"],
        id=row["delegation"],
        approver=row["approver"],
        delegate=row["delegate"],
        start_time=row["start_time"],
        end_time=row["end_time"],
        create_time=row["create_time"],
    )
