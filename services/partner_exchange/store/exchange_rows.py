"""Exchanges as rows, and rows as exchanges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

import asyncpg

from guerdon_kit.locked import Locked
from partner_exchange.domain.exchanges import Commitment, Exchange, Leg, Refusal, State
from partner_exchange.store.bonus_usage import bonus_count


@dataclass(frozen=True, slots=True)
class Received:
    """A new exchange, RECEIVED, or POSTING where what the ledger is asked is fixed already."""

    exchange: Exchange
    asked: str | None
    """The remote partner that is asked first, if any."""
    due_time: datetime
    """When recovery takes it up if it is not at its end."""
    sources: Sequence[Leg]
    """Of a POSTING one, the debited points by their expiry, for a part that goes back."""


def columns(received: Received) -> dict[str, Any]:
    """The row of a new exchange; one that is POSTING is first asked for when it is created."""
    exchange = received.exchange
    return {
        "exchange": exchange.exchange_id,
        "coalition": exchange.coalition_id,
        "version": exchange.book_version,
        "sender": exchange.sender,
        "receiver": exchange.receiver,
        "source_account": exchange.source_account_id,
        "destination_account": exchange.destination_account_id,
        "debited": exchange.debited,
        "received": exchange.received,
        "bonus": exchange.bonus,
        "price_numerator": exchange.agreed_price.numerator,
        "price_denominator": exchange.agreed_price.denominator,
        "fee": exchange.fee,
        "cash_fee": exchange.cash_fee,
        "promotion": exchange.promotion_id,
        "funder": exchange.funder,
        "promoted": exchange.promoted,
        "asked": received.asked,
        "authorization_reference": exchange.authorization_reference or None,
        "bonus_period": exchange.bonus_count.period.value if exchange.bonus_count else None,
        "bonus_begin_date": exchange.bonus_count.begin.isoformat() if exchange.bonus_count else None,
        "actor": exchange.actor,
        "create_time": exchange.create_time.isoformat(),
        "due_time": received.due_time.isoformat(),
        "state": exchange.state.value,
        "legs": legs_to_keep(exchange.legs) or None,
        "sources": legs_to_keep(received.sources) or None,
        "locked": kept_locked(exchange.locked),
        "ask_times": [exchange.create_time.isoformat()] if exchange.state is State.POSTING else None,
    }


def exchange_of(row: asyncpg.Record) -> Exchange:
    """The exchange of a row."""
    return Exchange(
        exchange_id=row["exchange"],
        coalition_id=row["coalition"],
        book_version=row["version"],
        sender=row["sender"],
        receiver=row["receiver"],
        source_account_id=row["source_account"],
        destination_account_id=row["destination_account"],
        debited=row["debited"],
        received=row["received"],
        bonus=row["bonus"],
        agreed_price=Fraction(row["price_numerator"], row["price_denominator"]),
        fee=row["fee"],
        cash_fee=row["cash_fee"],
        promotion_id=row["promotion"],
        funder=row["funder"],
        promoted=row["promoted"],
        bonus_count=bonus_count(row["bonus_period"], row["bonus_begin_date"]),
        authorization_reference=row["authorization_reference"] or "",
        actor=row["actor"],
        create_time=row["create_time"],
        returned=row["returned"],
        state=State(row["state"]),
        legs=legs_of(row["legs"]),
        locked=_locked(row["locked"]),
        state_time=row["state_time"],
        reservation=row["reservation"],
        credit=row["credit"],
        unanswered=row["unanswered"],
        needs_operator=row["needs_operator"],
        refusal=None if row["refusal_reason"] is None else Refusal(row["refusal_reason"], row["refusal_metadata"]),
        commitment=None if row["commit_time"] is None else Commitment(row["transaction"] or "", row["commit_time"]),
    )


def legs_to_keep(legs: Sequence[Leg]) -> list[dict[str, Any]]:
    """Legs as JSON."""
    return [{"points": leg.points, "expire_time": _text(leg.expire_time)} for leg in legs]


def legs_of(kept: list[dict[str, Any]] | None) -> tuple[Leg, ...]:
    """Legs from JSON."""
    return tuple(
        Leg(leg["points"], None if leg["expire_time"] is None else datetime.fromisoformat(leg["expire_time"]))
        for leg in kept or ()
    )


def _locked(kept: dict[str, Any] | None) -> Locked | None:
    if kept is None:
        return None
    until = kept["valid_until"]
    return Locked(kept["points"], kept["account_version"], None if until is None else datetime.fromisoformat(until))


def kept_locked(locked: Locked | None) -> dict[str, Any] | None:
    """What was found to be locked, as it is kept."""
    if locked is None:
        return None
    return {
        "points": locked.points,
        "account_version": locked.account_version,
        "valid_until": _text(locked.valid_until),
    }


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
