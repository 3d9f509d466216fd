"""Whom endpoints belong to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from guerdon_kit.postgres import Connection


@dataclass(frozen=True, slots=True)
class Owners:
    """The owners of one service's endpoints."""

    collection: str
    """What their names begin with, such as `partners`."""
    disabled_type: str
    """The type of the event that tells that an endpoint wants no more webhooks."""
    lock: Callable[[Connection, str], Awaitable[object]]
    """Keeps others from setting the endpoint of the owner of that id until the transaction ends; raises NotFound where
    there is no such owner.
    """

    def name(self, owner_id: str) -> str:
        """The owner's resource name."""
        return f"{self.collection}/{owner_id}"
