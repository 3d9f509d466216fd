"""Webhooks: what they say, when they are sent again, and what an answer says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

OVERLAP = timedelta(hours=24)
"""How long the secret before signs beside a new one."""
REPLAY_MAX = 10_000
"""How many events one request has sent again."""

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long after each attempt the next one is made: the schedule that the specification of Standard Webhooks proposes,
ten attempts over three days and a quarter.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

_GONE = 410


class EndpointState(Enum):
    """Whether webhooks are sent to an endpoint."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class DisableReason(Enum):
    """Why none are."""

    GONE = "GONE"
    BY_OWNER = "BY_OWNER"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an owner takes webhooks."""

    owner: str
    url: str
    state: EndpointState
    disable_reason: DisableReason | None
    set_time: datetime
    secret_create_time: datetime


class DeliveryState(Enum):
    """What became of a webhook."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class Failure(Enum):
    """Why an attempt came to nothing."""

    STATUS = "STATUS"
    NO_ANSWER = "NO_ANSWER"
    ADDRESS_REFUSED = "ADDRESS_REFUSED"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of an event to its owner; `number` counts from 1, since it was last asked for."""

    owner: str
    event: int
    number: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to."""

    status: int | None
    """The HTTP status; None: none was answered."""
    failure: Failure | None

    @classmethod
    def of(cls, status: int) -> Outcome:
        """What an answer says: 2xx takes the webhook, nothing else does."""
        return cls(status, None if 200 <= status < 300 else Failure.STATUS)

    @property
    def gone(self) -> bool:
        """Whether the endpoint wants no more webhooks."""
        return self.status == _GONE

    def state_after(self, attempt: int) -> DeliveryState:
        """The state of the delivery after its `attempt`th attempt."""
        if self.failure is None:
            return DeliveryState.DELIVERED
        return DeliveryState.PENDING if attempt <= len(DELAYS) else DeliveryState.FAILED


def next_time(attempt: int, now: datetime, spread: float) -> datetime:
    """When a delivery is tried again whose `attempt`th attempt failed just now; `spread`, from 0 to 1, puts it off by
    up to a tenth, so that what failed together is not sent together.
    """
    return now + DELAYS[attempt - 1] * (1 + spread / 10)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to an endpoint, as its owner reads it."""

    event: int
    event_id: str
    type: str
    event_time: datetime
    state: DeliveryState
    attempts: int
    last_time: datetime | None
    last_status: int | None
    last_failure: str | None
    due_time: datetime | None


def payload(type_: str, time: datetime, data: Mapping[str, Any]) -> str:
    """The body of a webhook, as Standard Webhooks recommends it: the type, when it happened, and what."""
    said = {"type": type_, "timestamp": time.astimezone(UTC).isoformat(timespec="microseconds"), "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
