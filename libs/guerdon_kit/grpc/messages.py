"""Times and exact numbers as messages, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.type.v1 import rational_pb2
from guerdon_kit.errors import InvalidField

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_S = (datetime(2, 1, 1, tzinfo=UTC) - _EPOCH).days * 86_400
_LATEST_S = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH).days * 86_400


def timestamp(time: datetime) -> Timestamp:
    """An aware time as a message; several times quicker than `FromDatetime`, which has zones to think of."""
    passed = time - _EPOCH
    return Timestamp(seconds=passed.days * 86400 + passed.seconds, nanos=passed.microseconds * 1000)


def set_timestamp(message: Timestamp, time: datetime) -> None:
    """Sets a message that lies in another one to an aware time."""
    passed = time - _EPOCH
    message.seconds = passed.days * 86400 + passed.seconds
    message.nanos = passed.microseconds * 1000


def instant(message: Timestamp, field: str) -> datetime:
    """A message as a time in UTC, to the microsecond.

    Raises:
        InvalidField: it is none between the years 2 and 9998.
    """
    seconds, nanos = message.seconds, message.nanos
    if not (_EARLIEST_S <= seconds < _LATEST_S and 0 <= nanos < 1_000_000_000):
        raise InvalidField.of(field, "must be a time between the years 2 and 9998")
    return _EPOCH + timedelta(0, seconds, nanos // 1000)  # by name they take twice as long


def rational(number: Fraction) -> rational_pb2.Rational:
    """An exact number as a message."""
    return rational_pb2.Rational(numerator=number.numerator, denominator=number.denominator)
