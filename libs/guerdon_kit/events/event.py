"""What happened, as a service writes it, and as CloudEvents 1.0 carries it.

In a stream an event is in binary mode: each attribute is a field of the entry, `data` is JSON.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

_TYPE = re.compile(r"guerdon\.[a-z]+\.v[0-9]+\.[a-z][a-z0-9_]{0,62}")
_MOST_NAME = 256
_MOST_DATA = 65_536

FIELDS = (
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "partitionkey",
    "datacontenttype",
    "data",
)
"""The fields of an entry, in the order in which `CloudEvent.values` gives them."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, to be published in the transaction that made it so.

    Raises:
        ValueError: the type is not like `guerdon.membership.v1.tier_upgraded`, a name is longer than 256
            characters, the time has no zone, or the data is more than 64 KiB of JSON.
    """

    type: str
    """What kind of thing, such as `guerdon.membership.v1.tier_upgraded`."""
    subject: str
    """The resource it happened to, by name."""
    key: str
    """Events of one key stay in order. The writer must hold a lock that all writers of the key take."""
    time: datetime
    """When it happened, by the service's clock."""
    data: Mapping[str, Any]
    """What a consumer needs, as JSON. Points are integers; no secret, no personal data."""
    encoded: str = field(init=False, repr=False, compare=False)
    """`data` as JSON: its length is checked here, so it is encoded here and not again when it is written."""

    def __post_init__(self) -> None:
        if not _TYPE.fullmatch(self.type):
            raise ValueError(f"not the type of an event: {self.type!r}")
        if not 0 < len(self.subject) <= _MOST_NAME or not 0 < len(self.key) <= _MOST_NAME:
            raise ValueError("subject and key of an event have 1 to 256 characters")
        if self.time.tzinfo is None:
            raise ValueError("the time of an event needs a zone")
        object.__setattr__(self, "encoded", encode_data(self.data))
        if len(self.encoded) > _MOST_DATA:
            raise ValueError("the data of an event is at most 64 KiB of JSON")


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """An event as consumers get it."""

    id: UUID
    """The same each time the event is delivered: what a consumer knows duplicates by."""
    source: str
    """The service, such as `//guerdon.dev/membership`."""
    type: str
    subject: str
    key: str
    time: datetime
    data: Mapping[str, Any]

    def values(self) -> tuple[str, ...]:
        """The values of an entry, in the order of `FIELDS`."""
        return (
            "1.0",
            str(self.id),
            self.source,
            self.type,
            self.subject,
            self.time.isoformat(),
            self.key,
            "application/json",
            encode_data(self.data),
        )

    @classmethod
    def from_entry(cls, entry: Mapping[str, str]) -> Self:
        """Reads an entry of a stream.

        Raises:
            ValueError: an attribute is missing or malformed.
        """
        try:
            data = json.loads(entry["data"])
            if entry["specversion"] != "1.0" or not isinstance(data, dict):
                raise ValueError("not a CloudEvent 1.0 with an object as data")
            return cls(
                id=UUID(entry["id"]),
                source=entry["source"],
                type=entry["type"],
                subject=entry["subject"],
                key=entry["partitionkey"],
                time=datetime.fromisoformat(entry["time"]),
                data=data,
            )
        except KeyError as missing:
            raise ValueError(f"the event has no attribute {missing}") from None


# One encoder for all: `json.dumps` with settings of its own would make one for each event of an import.
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def encode_data(data: Mapping[str, Any]) -> str:
    """JSON without spaces."""
    return _encoder.encode(data)
