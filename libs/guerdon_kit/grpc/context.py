"""What a servicer method is told about the call it serves. Not `grpc.aio.ServicerContext`: the same servicers must
be able to run under another host.
"""

from __future__ import annotations

import time
from collections.abc import Set
from dataclasses import dataclass, field

from google.protobuf.message import Message

from guerdon_kit.auth import Caller


@dataclass(slots=True)
class CallContext:
    """One call: who, what, until when."""

    caller: Caller
    method: str
    """Such as `guerdon.ledger.v1.LedgerService/PostTransaction`."""
    deadline: float
    """When the caller stops waiting, by `time.monotonic()`."""
    request_id: str = ""
    tenants: frozenset[str] = frozenset()
    """The tenants whose resources the request names; the caller owns them all."""
    names: Set[str] = frozenset()
    """The resource names in the request, each once: what a batch can be read by."""
    request: Message | None = None
    """The request, or the latest of a stream, for the log of what went wrong."""
    replayed: bool = False
    fields: dict[str, str | int] = field(default_factory=dict)
    """What this call adds to its line in the log."""

    def mark_replayed(self) -> None:
        """Says that the answer is that of an earlier request with the same id."""
        self.replayed = True

    def remaining_s(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()
