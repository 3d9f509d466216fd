"""What the service and a provider write to each other: JSON in the form that Standard Webhooks recommends.

An order is a message of ours. Its answer, and what a provider says later, are messages of the provider's, in one form:

    {"type": "fulfilment.issued", "data": {"redemption": "programs/…", "code": "…"}}
    {"type": "fulfilment.refused", "data": {"redemption": "programs/…", "reason": "…"}}
    {"type": "fulfilment.accepted", "data": {"redemption": "programs/…"}}

The types differ from that of an order, so that an order which is sent back says nothing.
"""

from __future__ import annotations

import json
from typing import Any

from guerdon_kit.errors import InvalidField
from rewards_catalog.domain.fulfilment import Issued, Order, Outcome, Refused, Undecided

MAX_BODY = 65_536


def order_body(order: Order) -> bytes:
    """The message that orders: the same however often it is asked."""
    data: dict[str, Any] = {
        "redemption": order.redemption,
        "reward": order.reward,
        "reward_version": order.reward_version,
        "title": order.title,
        "account": order.account,
        "points": order.points,
    }
    if order.value is not None:
        data["value"] = {"minor_units": order.value.minor_units, "currency_code": order.value.currency}
    message = {"type": "fulfilment.requested", "timestamp": order.create_time.isoformat(), "data": data}
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def read_message(body: bytes) -> tuple[str, Outcome]:
    """The name of the redemption that a provider's message is about, and what it says; texts are unchecked.

    Raises:
        InvalidField: it is no such message.
    """
    try:
        if len(body) > MAX_BODY:
            raise ValueError
        message = json.loads(body)
        data = message["data"]
        match message["type"]:
            case "fulfilment.issued":
                return _text(data, "redemption"), Issued(_text(data, "code") if "code" in data else "")
            case "fulfilment.refused":
                return _text(data, "redemption"), Refused(_text(data, "reason"))
            case "fulfilment.accepted":
                return _text(data, "redemption"), Undecided()
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise InvalidField.of("body", "must be a message about a fulfilment")


def _text(data: dict[str, Any], field: str) -> str:
    text = data[field]
    if not isinstance(text, str):
        raise TypeError
    return text
