"""What is told of a dispute: that something happened to it, and not what anybody said."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.events import Event
from partner_exchange.domain.disputes import Dispute


def dispute_event(kind: str, dispute: Dispute, now: datetime) -> Event:
    """An event of both partners of a dispute."""
    data: dict[str, str | int] = {
        "dispute": dispute.name,
        "exchange": f"partners/{dispute.opener}/exchanges/{dispute.exchange_id}",
        "opener": f"partners/{dispute.opener}",
        "respondent": f"partners/{dispute.respondent}",
    }
    return Event(f"guerdon.exchange.v1.{kind}", dispute.name, dispute.name, now, data)
