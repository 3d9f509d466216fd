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

TOLERANCE = timedelta(minutes=5)
"""How far the time of a message may be from ours."""
_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """A secret, as both sides write it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")


def headers(secrets_: Sequence[str], message_id: str, time: datetime, body: bytes) -> dict[str, str]:
    """The headers of a message, signed with each of the secrets."""
    timestamp = str(int(time.timestamp()))
    signatures = " ".join(_signature(secret, message_id, timestamp, body) for secret in secrets_)
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signatures}


def is_from(
    secrets_: Sequence[str], message_id: str, timestamp: str, signatures: str, body: bytes, now: datetime
) -> bool:
    """Whether one of the signatures is by one of the secrets, and the message of now."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return False
    if abs(int(timestamp) - now.timestamp()) > TOLERANCE.total_seconds():
        return False
    right = [_signature(secret, message_id, timestamp, body).encode() for secret in secrets_]
    given = [signature.encode() for signature in signatures.split(" ")]
    return any(hmac.compare_digest(one, other) for one in right for other in given)


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("no secret of Standard Webhooks") from error  # and not which: it is one
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, sha256).digest()).decode("ascii")
