"""Messages as a log may have them: without what their contract marks `sensitive`."""

from __future__ import annotations

from itertools import islice
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from guerdon.options.v1 import options_pb2

SCRUBBED = "…"
ITEMS_MAX = 10
"""How many items of a repeated field or a map are kept: a line is read by people."""
TEXT_MAX = 200
"""How many characters or bytes of a value are kept, likewise."""


def scrub(message: Message) -> dict[str, Any]:
    """A message as a dictionary, with every field that its contract marks `sensitive` replaced."""
    return {field.name: _scrubbed(field, value) for field, value in message.ListFields()}


def _scrubbed(field: FieldDescriptor, value: Any) -> Any:
    if field.GetOptions().Extensions[options_pb2.sensitive]:
        return SCRUBBED
    if field.message_type is None:
        return [_short(item) for item in value[:ITEMS_MAX]] if field.is_repeated else _short(value)
    if field.message_type.GetOptions().map_entry:
        return {
            _short(key): scrub(item) if isinstance(item, Message) else _short(item)
            for key, item in islice(value.items(), ITEMS_MAX)
        }
    return [scrub(item) for item in value[:ITEMS_MAX]] if field.is_repeated else scrub(value)


def _short(value: Any) -> Any:
    return value[:TEXT_MAX] if isinstance(value, str | bytes) else value
