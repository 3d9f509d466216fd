"""Purchases of nobody known: what a member has to say of one to claim it, how often, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant
from guerdon_kit.errors import DomainError
from membership.domain.baskets import Basket
from membership.domain.errors import ClaimLocked, ClaimTooLate
from membership.domain.program import Program

WRONG_CLAIMS_MAX = 5
"""How often a purchase may be claimed with a wrong amount or day, by whomever: then nobody can claim it any more."""


@dataclass(frozen=True, slots=True)
class GuestPurchase:
    """A purchase that is no member's; the amount in minor units."""

    purchase_id: str
    event_time: datetime
    record_time: datetime
    amount: int
    wrong_claims: int
    basket: Basket | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What the receipt says."""

    amount: int
    day: date
    """In the program's time zone."""


def claim_end_time(program: Program, event_time: datetime) -> datetime:
    """When a purchase can no longer be claimed: `claim_days` whole days after its own."""
    zone = ZoneInfo(program.time_zone)
    return first_instant(event_time.astimezone(zone).date() + timedelta(days=program.settings.claim_days + 1), zone)


def refusal(program: Program, guest: GuestPurchase, now: datetime) -> DomainError | None:
    """Why a purchase cannot be claimed, whatever is said of it."""
    name = f"{program.name}/purchases/{guest.purchase_id}"
    if guest.wrong_claims >= WRONG_CLAIMS_MAX:
        return ClaimLocked(name)
    end_time = claim_end_time(program, guest.event_time)
    return ClaimTooLate(name, end_time.isoformat()) if now >= end_time else None


def proves(program: Program, guest: GuestPurchase, proof: Proof) -> bool:
    """Whether it says what the receipt says."""
    day = guest.event_time.astimezone(ZoneInfo(program.time_zone)).date()
    return (proof.amount, proof.day) == (guest.amount, day)
