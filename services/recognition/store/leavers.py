"""Leavers, what becomes of what they earned, and what was taken off them, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

import asyncpg

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from recognition.domain.countries import CountryValue
from recognition.domain.leavers import KEPT, LeaverMode, LeaverTerms, Leaving, Settlement, SettlementState
from recognition.domain.payouts import Answer
from recognition.store import queries

SETTLEMENTS_MAX = 100
"""How many settlements of one leaving are read."""


class Key(NamedTuple):
    """Which leaving."""

    organisation: str
    person: str
    leave_time: datetime


async def set_policy(
    connection: Connection, organisation: str, terms: LeaverTerms, actor: str, update_time: datetime
) -> None:
    """Writes what holds for those who leave from now on."""
    await queries.set_leaver_policy(
        connection,
        organisation=organisation,
        mode=terms.mode.value,
        days=terms.days,
        actor=actor,
        update_time=update_time,
    )


async def find_policy(connection: Connection, organisation: str) -> LeaverTerms:
    """What holds for those who leave now."""
    row = await queries.find_leaver_policy(connection, organisation=organisation)
    return KEPT if row is None else _terms(row)


async def claim(connection: Connection, now: datetime, lease_time: datetime, most: int) -> list[Claim[Key]]:
    """At most so many that are due to be looked at, kept from other workers until `lease_time`."""
    rows = queries.claim_leavings(connection, now=now, lease_time=lease_time, most=most)
    return [Claim(Key(row["organisation"], row["person"], row["leave_time"]), row["attempts"]) async for row in rows]


async def put_off(connection: Connection, key: Key, look_time: datetime) -> None:
    """Has it wait."""
    await queries.put_off_leaving(connection, **key._asdict(), look_time=look_time)


async def look_again(connection: Connection, key: Key, look_time: datetime | None) -> None:
    """Says when it is looked at next; None: never."""
    await queries.look_at_leaving_again(connection, **key._asdict(), look_time=look_time)


async def find(connection: Connection, key: Key) -> Leaving:
    """The leaving of that key: none is ever deleted."""
    return _leaving(await queries.find_leaving(connection, **key._asdict()))


async def list_before(
    connection: Connection,
    organisation: str,
    *,
    person: str | None,
    since: datetime | None,
    before_time: datetime,
    before: str,
    most: int,
) -> list[Leaving]:
    """At most so many that were before that place, latest first: if set only of a person, and only those of which
    something was settled `since` then.
    """
    rows = queries.list_leavings(
        connection,
        organisation=organisation,
        person=person,
        since=since,
        before_time=before_time,
        before=before,
        most=most,
    )
    return [_leaving(row) async for row in rows]


async def take_in(connection: Connection, leaving: Leaving, settlement: Settlement, create_time: datetime) -> bool:
    """Whether it is taken in: no other one of the person is PENDING."""
    worth = settlement.worth
    inserted = await queries.insert_leaver_settlement(
        connection,
        organisation=leaving.organisation,
        settlement=settlement.id,
        person=leaving.person,
        leave_time=leaving.leave_time,
        mode=settlement.mode.value,
        amount=settlement.amount,
        country=settlement.country,
        minor_units=settlement.minor_units,
        numerator=None if worth is None else worth.minor_units.numerator,
        denominator=None if worth is None else worth.minor_units.denominator,
        currency_code="" if worth is None else worth.currency_code,
        create_time=create_time,
    )
    return inserted is not None


async def find_pending(connection: Connection, organisation: str, person: str) -> Settlement | None:
    """The person's settlement that is PENDING."""
    row = await queries.find_pending_settlement(connection, organisation=organisation, person=person)
    return None if row is None else _settlement(row)


async def settle(
    connection: Connection, organisation: str, settlement: str, answer: Answer, settle_time: datetime
) -> bool:
    """Writes down what the ledger answered, unless somebody has; whether it is written by this."""
    settled = await queries.settle_leaver(
        connection,
        organisation=organisation,
        settlement=settlement,
        state=SettlementState.POSTED.value if answer.transaction else SettlementState.REFUSED.value,
        transaction=answer.transaction,
        refusal=answer.refusal,
        settle_time=settle_time,
    )
    return settled is not None


async def settlements(connection: Connection, organisation: str, leavings: Sequence[Leaving]) -> list[list[Settlement]]:
    """The latest that are POSTED of each of these leavings, in their order; earliest first."""
    rows = queries.list_leaver_settlements(
        connection,
        organisation=organisation,
        people=[leaving.person for leaving in leavings],
        leave_times=[leaving.leave_time for leaving in leavings],
        most=SETTLEMENTS_MAX,
    )
    found: dict[tuple[str, datetime], list[Settlement]] = {}
    async for row in rows:
        found.setdefault((row["person"], row["leave_time"]), []).append(_settlement(row))
    return [found.get((leaving.person, leaving.leave_time), []) for leaving in leavings]


def _terms(row: asyncpg.Record) -> LeaverTerms:
    return LeaverTerms(LeaverMode(row["mode"]), row["days"])


def _leaving(row: asyncpg.Record) -> Leaving:
    return Leaving(
        organisation=row["organisation"],
        person=row["person"],
        display_name=row["display_name"],
        leave_time=row["leave_time"],
        return_time=row["return_time"],
        terms=_terms(row),
        time_zone=row["time_zone"],
        rewards_account_id=row["rewards_account"],
        country=row["country"],
    )


def _settlement(row: asyncpg.Record) -> Settlement:
    worth = None
    if row["numerator"] is not None:
        worth = CountryValue(row["country"], row["currency_code"], Fraction(row["numerator"], row["denominator"]))
    return Settlement(
        id=row["settlement"],
        mode=LeaverMode(row["mode"]),
        amount=row["amount"],
        country=row["country"],
        worth=worth,
        transaction=row["transaction"],
        settle_time=row["settle_time"],
    )
