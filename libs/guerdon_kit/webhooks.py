"""Signed webhooks as Standard Webhooks has them: symmetrical secrets, HMAC-SHA256, signatures of version 1.

What is signed is `id.timestamp.body`. While a secret is being replaced, a message carries a signature by each of the
two, and is believed by either. See https://www.standardwebhooks.com, whose example is among the tests.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from guerdon_kit.errors import DomainError, Status

TOLERANCE = timedelta(minutes=5)
"""How far the time of a message may be from ours."""
_PREFIX = "whsec_"
_SECRET_BYTES = 32


class WebhookNotBelieved(DomainError):
    """No signature of the webhook is by whom it is to be from, or its time is more than five minutes off."""

    reason = "WEBHOOK_NOT_BELIEVED"
    status = Status.INVALID_ARGUMENT
    message = "The webhook's signature does not fit, or its time is too far from now."


def new_secret() -> str:
    """A secret, as both sides write it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")


def headers(secrets_: Sequence[str], message_id: str, time: datetime, body: bytes) -> dict[str, str]:
    """The headers of a message, signed with each of the secrets."""
    timestamp = str(int(time.timestamp()))
    signatures = " ".join(_signature(secret, message_id, timestamp, body) for secret in secrets_)
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signatures}


def check(
    secrets_: Sequence[str], message_id: str, timestamp: str, signatures: str, body: bytes, now: datetime
) -> None:
    """Checks that one of the signatures is by one of the secrets, and that the message is of now.

    Raises:
        WebhookNotBelieved: no.
    """
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise WebhookNotBelieved
    if abs(int(timestamp) - now.timestamp()) > TOLERANCE.total_seconds():
        raise WebhookNotBelieved
    right = [_signature(secret, message_id, timestamp, body).encode() for secret in secrets_]
    given = [signature.encode() for signature in signatures.split(" ")]
    if not any(hmac.compare_digest(one, other) for one in right for other in given):
        raise WebhookNotBelieved


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("no secret of Standard Webhooks") from error  # and not which: it is one
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, sha256).digest()).decode("ascii")
