"""Which purchases are recorded together."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast

from guerdon_kit.idempotency import Fingerprint
from membership.domain.rows import Row
from membership.operations.gathering import GROUP_MAX, _Asked, take


def asked(request: int, purchase: str) -> _Asked:
    fingerprint = Fingerprint(request.to_bytes(16, "big"), b"", b"", cast("Any", None))
    row = cast("Row", type("Bought", (), {"purchase_id": purchase})())
    return _Asked(cast("Any", None), row, fingerprint, asyncio.get_running_loop().create_future())


async def test_all_that_wait_are_taken_in_their_order_up_to_a_bound() -> None:
    waiting = deque(asked(n, f"p{n}") for n in range(GROUP_MAX + 7))
    all_ = list(waiting)
    assert take(waiting) == all_[:GROUP_MAX]
    assert take(waiting) == all_[GROUP_MAX:]
    assert not waiting


async def test_the_same_request_or_purchase_again_is_of_a_later_group() -> None:
    first, other = asked(1, "p1"), asked(2, "p2")
    request_again, purchase_again, third_time = asked(1, "p3"), asked(3, "p1"), asked(3, "p1")
    last = asked(4, "p4")
    waiting = deque([first, request_again, purchase_again, third_time, other, last])
    assert take(waiting) == [first, other, last]
    assert take(waiting) == [request_again, purchase_again]
    assert take(waiting) == [third_time]


async def test_who_has_left_costs_nothing() -> None:
    stays, left = asked(1, "p1"), asked(2, "p2")
    left.answer.cancel()
    waiting = deque([left, stays])
    assert take(waiting) == [stays]
    assert not waiting
