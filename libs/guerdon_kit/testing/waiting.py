"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")
POLL_INTERVAL_S = 0.02


@overload
async def wait_until(condition: Callable[[], Awaitable[T]], timeout_s: float = 5.0) -> T: ...


@overload
async def wait_until(condition: Callable[[], T], timeout_s: float = 5.0) -> T: ...


async def wait_until(condition: Callable[[], Any], timeout_s: float = 5.0) -> Any:
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
