"""What all methods do with their call."""

from __future__ import annotations

from google.protobuf.message import Message

from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.idempotency import Fingerprint
from rewards_catalog.operations.asking import Asking


def asking(call: CallContext, request: Message, program: str, within: str = "") -> Asking:
    """Who asks; `request` is a write. Its id is the caller's own in the program, or in a resource of it, `within`."""
    fingerprint = Fingerprint.of(call, request, within or f"programs/{program}")
    return Asking(fingerprint, call.caller.actor, call.deadline)


def mark(call: CallContext, replayed: bool) -> None:
    """Tells the caller where the answer is that of an earlier request."""
    if replayed:
        call.mark_replayed()


def require_same_program(program: str, other: str, field: str) -> None:
    """Raises InvalidField, naming the field, unless both programs are the same."""
    if other != program:
        raise InvalidField.of(field, f"must be of programs/{program}")
