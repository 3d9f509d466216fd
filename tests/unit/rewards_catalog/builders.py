"""Rewards and redemptions to test the rules with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rewards_catalog.domain.audience import Groups
from rewards_catalog.domain.limits import Limits
from rewards_catalog.domain.redemption import Redemption, State
from rewards_catalog.domain.refund_terms import RefundTerms
from rewards_catalog.domain.reward import Fulfilment, Reward
from rewards_catalog.domain.states import RewardState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_reward(**changes: Any) -> Reward:
    """An active stock reward at 100 points with 5 pieces, apart from the changes."""
    fields: dict[str, Any] = {
        "program": "acme",
        "id": "mug",
        "version": 1,
        "title": "Mug",
        "description": "",
        "localizations": {},
        "image_uri": "",
        "category": "",
        "terms": "",
        "kind": None,
        "unit": "points",
        "price": 100,
        "cash": None,
        "points_range": None,
        "audience": Groups(),
        "fulfilment": Fulfilment.STOCK,
        "provider": "",
        "limits": Limits(),
        "refund": RefundTerms(),
        "start_time": None,
        "end_time": None,
        "time_zone": "Europe/London",
        "state": RewardState.ACTIVE,
        "available": 5,
        "redeemed": 0,
        "create_time": NOW,
        "update_time": NOW,
    }
    return Reward(**{**fields, **changes})


def a_redemption(**changes: Any) -> Redemption:
    """A pending redemption of that reward, apart from the changes."""
    fields: dict[str, Any] = {
        "program": "acme",
        "id": "rd-1",
        "reward": "mug",
        "reward_version": 1,
        "account": "programs/acme/accounts/m-1",
        "title": "Mug",
        "unit": "points",
        "price": 100,
        "cash": None,
        "value": None,
        "payment": "",
        "payment_end_time": None,
        "fulfilment": Fulfilment.STOCK,
        "state": State.PENDING,
        "failure": None,
        "hold": "",
        "hold_expire_time": NOW,
        "locked": None,
        "transaction": "",
        "wallet": "",
        "credit": "",
        "transfer": None,
        "refund_transaction": "",
        "refunding": 0,
        "refunded": 0,
        "refunds": 0,
        "fulfil_time": None,
        "asks": 0,
        "ask_time": None,
        "actor": "issuer|shop",
        "request_key": b"k" * 16,
        "create_time": NOW,
        "update_time": NOW,
    }
    return Redemption(**{**fields, **changes})
