"""The moments at which a process could be killed."""

from __future__ import annotations

from collections.abc import Callable

Reached = Callable[[str], None]
"""Is told each moment that a process could be killed at: after a state was committed, and after a side answered.
Crash tests end the process there; otherwise it does nothing."""


def nowhere(moment: str) -> None:
    """Nothing happens at any moment."""
