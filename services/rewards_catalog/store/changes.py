"""Who changed what: one row for each write beside `Redeem`, in the transaction of its effect."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from guerdon_kit.postgres import Connection
from rewards_catalog.domain.providers import Provider
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.domain.reward import Reward
from rewards_catalog.domain.support import GoodwillLimit
from rewards_catalog.store import queries


class Change(StrEnum):
    """What was done."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    ACTIVATED = "ACTIVATED"
    PAUSED = "PAUSED"
    ARCHIVED = "ARCHIVED"
    STOCK_ADDED = "STOCK_ADDED"
    CODES_ADDED = "CODES_ADDED"
    CODES_GENERATED = "CODES_GENERATED"
    HANDED_OVER = "HANDED_OVER"
    PAID = "PAID"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"
    SECRET_ROTATED = "SECRET_ROTATED"  # noqa: S105  # the name of a change
    DECIDED = "DECIDED"
    LIMIT_SET = "LIMIT_SET"


async def note(
    connection: Connection,
    subject: Reward | Redemption | Provider | GoodwillLimit,
    change: Change,
    *,
    actor: str,
    time: datetime,
    amount: int = 0,
) -> None:
    """Notes what `actor` did; `amount` is how many pieces, codes or points, or which version."""
    await queries.insert_change(
        connection,
        program=subject.program,
        subject=subject.name,
        change=change,
        amount=amount,
        actor=actor,
        time=time,
    )
