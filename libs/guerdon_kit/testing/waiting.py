"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")
POLL_INTERVAL_S = 0.02
PATIENCE_S = 30.0
"""What takes milliseconds may take this long on a machine that has more to do; only a failure waits for so long."""


@overload
async def wait_until(condition: Callable[[], Awaitable[T]], timeout_s: float = PATIENCE_S) -> T: ...


@overload
async def wait_until(condition: Callable[[], T], timeout_s: float = PATIENCE_S) -> T: ...


async def wait_until(condition: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
    """Ask until the answer, awaited where need be, is true, and return it.

    An exception of `condition` is its caller's. Raises TimeoutError with the last answer.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        result = await answer if inspect.isawaitable(answer) else answer
        if result:
            return result
        if time.monotonic() >= deadline:
            raise TimeoutError(f"not so within {timeout_s} s; last answer: {result!r}")
        await asyncio.sleep(POLL_INTERVAL_S)
