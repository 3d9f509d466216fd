"""Coalitions, partners and their keys, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from partner_exchange.domain.lifecycle import PartnerState, Standing
from partner_exchange.domain.partners import Coalition, Partner, Profile, PublicKey, RegisteredKey
from partner_exchange.store import queries


async def insert_coalition(connection: Connection, coalition: Coalition, actor: str) -> bool:
    """Whether its id was free."""
    return bool(
        await queries.insert_coalition(
            connection,
            coalition=coalition.coalition_id,
            display_name=coalition.display_name,
            currency=coalition.currency,
            time_zone=coalition.time_zone,
            actor=actor,
            create_time=coalition.create_time,
            rate_move_numerator=coalition.rate_move_max.numerator,
            rate_move_denominator=coalition.rate_move_max.denominator,
        )
    )


async def coalition(connection: Connection, coalition_id: str) -> Coalition:
    """The coalition of that id.

    Raises:
        NotFound: there is none.
    """
    return _coalition(await queries.find_coalition(connection, coalition=coalition_id), coalition_id)


async def lock_coalition(connection: Connection, coalition_id: str) -> Coalition:
    """The coalition, in which nobody else publishes a book or takes in a partner until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    return _coalition(await queries.lock_coalition(connection, coalition=coalition_id), coalition_id)


async def insert(connection: Connection, partner: Partner, actor: str) -> bool:
    """Whether its id, and its program in the coalition, were free."""
    profile = partner.profile
    return bool(
        await queries.insert_partner(
            connection,
            partner=profile.partner_id,
            coalition=profile.coalition_id,
            display_name=profile.display_name,
            program=profile.program_id or None,
            unit=profile.unit_id or None,
            target=profile.target or None,
            price_numerator=profile.agreed_price.numerator,
            price_denominator=profile.agreed_price.denominator,
            received_lifetime_days=profile.received_lifetime_days,
            state=partner.state.value,
            actor=actor,
            create_time=partner.create_time,
        )
    )


async def find(connection: Connection, partner_ids: Sequence[str]) -> dict[str, Partner]:
    """The partners of those ids, as far as they exist, without their keys."""
    rows = queries.find_partners(connection, partners=list(partner_ids))
    return {row["partner"]: _partner(row) async for row in rows}


async def of_coalition(connection: Connection, coalition_id: str) -> dict[str, Partner]:
    """All partners of a coalition by their ids, without their keys."""
    rows = queries.partners_of_coalition(connection, coalition=coalition_id)
    return {row["partner"]: _partner(row) async for row in rows}


async def get(connection: Connection, partner_id: str) -> Partner:
    """The partner with its keys.

    Raises:
        NotFound: there is none.
    """
    found = await find(connection, [partner_id])
    if partner_id not in found:
        raise NotFound(f"partners/{partner_id}")
    return replace(found[partner_id], keys=await keys(connection, partner_id))


async def lock(connection: Connection, partner_id: str) -> Partner:
    """The partner with its keys, which nobody else changes until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    row = await queries.lock_partner(connection, partner=partner_id)
    if row is None:
        raise NotFound(f"partners/{partner_id}")
    return replace(_partner(row), keys=await keys(connection, partner_id))


async def hold(connection: Connection, partner_ids: Sequence[str]) -> dict[str, Partner]:
    """As `find`; none of them moves on its way until the transaction ends."""
    rows = queries.hold_partners(connection, partners=list(partner_ids))
    return {row["partner"]: _partner(row) async for row in rows}


async def keys(connection: Connection, partner_id: str) -> tuple[RegisteredKey, ...]:
    """A partner's keys, newest first, retired ones included."""
    rows = queries.keys_of_partner(connection, partner=partner_id)
    return tuple(
        [
            RegisteredKey(PublicKey(row["key"], row["algorithm"], row["jwk"]), row["create_time"], row["retire_time"])
            async for row in rows
        ]
    )


async def insert_key(connection: Connection, partner_id: str, key: PublicKey, create_time: datetime) -> bool:
    """Whether the partner has not used the key's id before."""
    return bool(
        await queries.insert_key(
            connection,
            partner=partner_id,
            key=key.key_id,
            algorithm=key.algorithm,
            jwk=key.jwk,
            create_time=create_time,
        )
    )


async def retire_key(connection: Connection, partner_id: str, key_id: str, retire_time: datetime) -> None:
    """Retires the key, unless it is retired already."""
    await queries.retire_key(connection, partner=partner_id, key=key_id, retire_time=retire_time)


async def stand(connection: Connection, partner_id: str, standing: Standing) -> None:
    """Moves the partner on its way."""
    await queries.set_standing(
        connection,
        partner=partner_id,
        state=standing.state.value,
        resumed=None if standing.resumed is None else standing.resumed.value,
        leave_time=standing.leave_time,
    )


def _coalition(row: asyncpg.Record | None, coalition_id: str) -> Coalition:
    if row is None:
        raise NotFound(f"coalitions/{coalition_id}")
    move = Fraction(row["rate_move_numerator"], row["rate_move_denominator"])
    return Coalition(row["coalition"], row["display_name"], row["currency"], row["time_zone"], row["create_time"], move)


def _partner(row: asyncpg.Record) -> Partner:
    profile = Profile(
        partner_id=row["partner"],
        coalition_id=row["coalition"],
        display_name=row["display_name"],
        program_id=row["program"] or "",
        unit_id=row["unit"] or "",
        target=row["target"] or "",
        agreed_price=Fraction(row["price_numerator"], row["price_denominator"]),
        received_lifetime_days=row["received_lifetime_days"],
    )
    return Partner(
        profile,
        PartnerState(row["state"]),
        row["create_time"],
        resumed=None if row["resumed"] is None else PartnerState(row["resumed"]),
        leave_time=row["leave_time"],
    )
