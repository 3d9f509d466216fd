"""What partners are told of what happens: whom an event concerns, and in which words.

Nobody is told of what is not in the table here: an event that another service reads is not by that a partner's to see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from guerdon_kit.webhooks.rules import payload
from partner_exchange.domain.lifecycle import Move

Data = Mapping[str, Any]
PREFIX = "guerdon.exchange.v1."
_PARTNER = "partners/"


@dataclass(frozen=True, slots=True)
class PartnerEvent:
    """An event as one partner is told of it."""

    id: int
    """Its place among all that partners are told."""
    event_id: str
    type: str
    time: datetime
    payload: str
    """The body of its webhook."""


def told(type_: str, subject: str, time: datetime, data: Data) -> dict[str, str]:
    """Whom an event concerns, by the partner's id, with the payload that it is told by."""
    audience = _AUDIENCES.get(type_)
    if audience is None:
        return {}
    return {partner: payload(type_, time, words) for partner, words in audience(subject, data).items()}


def _sides(_subject: str, data: Data) -> dict[str, Data]:
    """Both partners of an exchange, or of a corridor. Each is told its resources' names as it reads them."""
    return {side.removeprefix(_PARTNER): _as_read_by(side, data) for side in (data["sender"], data["receiver"])}


def _parties(_subject: str, data: Data) -> dict[str, Data]:
    """Both partners of a dispute."""
    return {side.removeprefix(_PARTNER): _as_read_by(side, data) for side in (data["opener"], data["respondent"])}


def _as_read_by(side: str, data: Data) -> Data:
    named = ("exchange", "dispute", "reversal")
    return {**data, **{word: "/".join([side, *data[word].split("/")[2:]]) for word in named if word in data}}


def _linked(subject: str, data: Data) -> dict[str, Data]:
    """Both partners of a link. Each is told its name as it reads it."""
    link_id = subject.rpartition("/")[2]
    return {
        side.removeprefix(_PARTNER): {**data, "member_link": f"{side}/memberLinks/{link_id}"} for side in data["sides"]
    }


def _itself(subject: str, data: Data) -> dict[str, Data]:
    """The partner whose resource it happened to."""
    partner = "/".join(subject.split("/")[:2])
    return {partner.removeprefix(_PARTNER): {"partner": partner, **data}}


_AUDIENCES: dict[str, Callable[[str, Data], dict[str, Data]]] = {
    PREFIX + name: audience
    for audience, names in {
        _linked: ("member_linked", "member_unlinked"),
        _sides: (
            "exchange_committed",
            "exchange_aborted",
            "exchange_reversed",
            "reversal_aborted",
            "corridor_paused",
            "corridor_resumed",
        ),
        _parties: ("dispute_opened", "dispute_answered", "dispute_withdrawn", "dispute_resolved"),
        _itself: (*(move.value for move in Move), "partner_updated", "limits_set", "webhook_endpoint_disabled"),
    }.items()
    for name in names
}
COALITION_WIDE = frozenset(
    PREFIX + name
    for name in ("rate_book_published", "rate_book_withdrawn", "link_policy_updated", "settled", "settlement_aborted")
)
"""The types of the events that every partner of the coalition, whose key they have, is told of in the same words."""
TYPES = COALITION_WIDE | _AUDIENCES.keys()
"""The types of the events that partners are told of."""
