"""Providers, by one interface: they are given an order, and say what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.egress import Egress, EgressRefused, NoAnswer
from guerdon_kit.errors import InvalidField
from guerdon_kit.webhooks import signing
from rewards_catalog.domain.fulfilment import Order, Outcome, Undecided, check_outcome
from rewards_catalog.domain.provider_messages import order_body, read_message
from rewards_catalog.domain.sandbox import sandbox

_log = structlog.get_logger(__name__)
_OK = 200


class Issuer(Protocol):
    """A provider that can be asked."""

    async def issue(self, order: Order, timeout_s: float) -> Outcome:
        """What becomes of the order. Asked again with the same id, it issues nothing more."""


class SandboxIssuer:
    """The provider that is none."""

    async def issue(self, order: Order, timeout_s: float) -> Outcome:
        return sandbox(order)


@dataclass(frozen=True)
class HttpIssuer:
    """A provider that takes signed webhooks. Only what it says itself counts: any other answer decides nothing."""

    egress: Egress
    clock: Clock
    url: str
    secrets: Sequence[str]

    async def issue(self, order: Order, timeout_s: float) -> Outcome:
        body = order_body(order)
        headers = signing.headers(self.secrets, order.id, self.clock.now(), body)
        try:
            answer = await self.egress.post(self.url, body, {**headers, "content-type": "application/json"}, timeout_s)
            if answer.status != _OK:
                raise NoAnswer(f"status {answer.status}")
            about, outcome = read_message(answer.body)
            if about != order.redemption:
                raise NoAnswer("the answer is about something else")
            if not isinstance(outcome, Undecided):
                check_outcome(outcome)
        except (EgressRefused, NoAnswer) as error:
            return _undecided(order, str(error))
        except InvalidField as error:
            return _undecided(order, error.violations[0].description)  # never the answer itself: it may hold a code
        return outcome


def _undecided(order: Order, why: str) -> Undecided:
    _log.warning("provider_did_not_decide", redemption=order.redemption, asks=order.asks + 1, why=why)
    return Undecided()
