"""Limits of partners by versions, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from itertools import groupby
from zoneinfo import ZoneInfo

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from partner_exchange.domain.limits import Cap, Limits, Period, Scope, Velocity, Version
from partner_exchange.store import queries

_MINUTE = timedelta(minutes=1)


async def in_force(connection: Connection, partner_id: str, receiver: str | None = None) -> tuple[Version, ZoneInfo]:
    """A partner's newest limits, of pairs only those with `receiver` where one is given, and its coalition's time zone.

    Raises:
        NotFound: there is no such partner.
    """
    rows = [row async for row in queries.limits_in_force(connection, partner=partner_id, receiver=receiver)]
    if not rows:
        raise NotFound(f"partners/{partner_id}")
    return _version(rows), ZoneInfo(rows[0]["time_zone"])


async def newest(connection: Connection, partner_id: str, before_version: int, most: int) -> list[Version]:
    """Up to `most` versions of a partner's limits before the given one, newest first."""
    rows = [
        row
        async for row in queries.list_limits(connection, partner=partner_id, before_version=before_version, most=most)
    ]
    return [_version(list(of_one)) for _, of_one in groupby(rows, key=lambda row: row["version"])]


async def insert(connection: Connection, partner_id: str, version: Version) -> None:
    """Keeps the next version."""
    limits = version.limits
    velocity = limits.velocity
    await queries.insert_limits(
        connection,
        partner=partner_id,
        version=version.number,
        velocity_exchanges=velocity.exchanges if velocity else None,
        velocity_minutes=velocity.within // _MINUTE if velocity else None,
        net_debit_cap=limits.net_debit_cap,
        collateral=limits.collateral,
        cover_numerator=limits.cover_ratio.numerator,
        cover_denominator=limits.cover_ratio.denominator,
        actor=version.actor,
        reason=version.reason,
        create_time=version.create_time,
    )
    await queries.insert_caps(
        connection,
        partner=partner_id,
        version=version.number,
        scopes=[scope.value for scope, _, _ in limits.caps],
        receivers=[receiver for _, receiver, _ in limits.caps],
        periods=[period.value for _, _, period in limits.caps],
        points=[cap.points for cap in limits.caps.values()],
        exchanges=[cap.exchanges for cap in limits.caps.values()],
    )


def _version(rows: Sequence[asyncpg.Record]) -> Version:
    first = rows[0]
    if first["version"] is None:
        return Version(Limits(), 0)
    velocity = None
    if first["velocity_exchanges"] is not None:
        velocity = Velocity(first["velocity_exchanges"], first["velocity_minutes"] * _MINUTE)
    limits = Limits(
        caps={
            (Scope(row["scope"]), row["receiver"], Period(row["period"])): Cap(row["points"], row["exchanges"])
            for row in rows
            if row["scope"] is not None
        },
        velocity=velocity,
        net_debit_cap=first["net_debit_cap"],
        collateral=first["collateral"],
        cover_ratio=Fraction(first["cover_numerator"], first["cover_denominator"]),
    )
    return Version(limits, first["version"], first["actor"], first["reason"], first["create_time"])
