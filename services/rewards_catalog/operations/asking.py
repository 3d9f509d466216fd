"""What every write of the catalog is told about its caller."""

from __future__ import annotations

from dataclasses import dataclass

from guerdon_kit.idempotency import Fingerprint


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks: the request, whom it is booked to, and until when (`time.monotonic()`)."""

    fingerprint: Fingerprint
    actor: str
    until: float
