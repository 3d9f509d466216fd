"""Webhooks are signed and believed as Standard Webhooks says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from guerdon_kit.webhooks import signing

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIME = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_is_signed_as_in_the_published_example() -> None:
    """The example of the libraries of Standard Webhooks (https://www.standardwebhooks.com)."""
    assert signing.headers([SECRET], ID, TIME, BODY) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_a_message_is_signed_with_both_secrets_and_believed_by_either() -> None:
    new = signing.new_secret()
    both = signing.headers([new, SECRET], ID, TIME, BODY)["webhook-signature"]
    assert both.split(" ")[1] == SIGNATURE
    for known in (new, SECRET):
        assert signing.is_from([known], ID, "1614265330", both, BODY, TIME)
    assert signing.is_from([new, SECRET], ID, "1614265330", f"v1a,other {SIGNATURE}", BODY, TIME)


@pytest.mark.parametrize(
    ("message_id", "timestamp", "signatures", "body"),
    [
        (ID, "1614265330", SIGNATURE, BODY + b" "),
        ("msg_other", "1614265330", SIGNATURE, BODY),
        (ID, "1614265331", SIGNATURE, BODY),
        (ID, "1614265330", SIGNATURE.replace("v1,", "v2,"), BODY),
        (ID, "1614265330", "", BODY),
        (ID, "1614265330", "v1,é", BODY),
        (ID, "", SIGNATURE, BODY),
        (ID, "-1", SIGNATURE, BODY),
        (ID, "9" * 13, SIGNATURE, BODY),
        (ID, "9" * 12, SIGNATURE, BODY),
    ],
)
def test_nothing_else_is_believed(message_id: str, timestamp: str, signatures: str, body: bytes) -> None:
    assert not signing.is_from([SECRET], message_id, timestamp, signatures, body, TIME)


@pytest.mark.parametrize(("off", "believed"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_a_message_is_believed_within_five_minutes(off: int, believed: bool) -> None:
    now = TIME + timedelta(seconds=off)
    assert signing.is_from([SECRET], ID, "1614265330", SIGNATURE, BODY, now) is believed
