"""What is done together, and what one of a group does to the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import pytest

from guerdon_kit.errors import NotFound, Unavailable
from guerdon_kit.gathering import GROUP_MAX, Gathering, Waiting, take

Ask = tuple[int, str]


def asked(request: int, name: str) -> Waiting[Ask, str]:
    return Waiting((request, name), asyncio.get_running_loop().create_future())


def taken(waiting: deque[Waiting[Ask, str]]) -> list[Waiting[Ask, str]]:
    return take(waiting, lambda ask: ask, GROUP_MAX)


async def test_all_that_wait_are_taken_in_their_order_up_to_a_bound() -> None:
    waiting = deque(asked(n, f"p{n}") for n in range(GROUP_MAX + 7))
    all_ = list(waiting)
    assert taken(waiting) == all_[:GROUP_MAX]
    assert taken(waiting) == all_[GROUP_MAX:]
    assert not waiting


async def test_the_same_name_again_is_of_a_later_group() -> None:
    first, other = asked(1, "p1"), asked(2, "p2")
    request_again, name_again, third_time = asked(1, "p3"), asked(3, "p1"), asked(3, "p1")
    last = asked(4, "p4")
    waiting = deque([first, request_again, name_again, third_time, other, last])
    assert taken(waiting) == [first, other, last]
    assert taken(waiting) == [request_again, name_again]
    assert taken(waiting) == [third_time]


async def test_who_has_left_costs_nothing() -> None:
    stays, left = asked(1, "p1"), asked(2, "p2")
    left.answer.cancel()
    waiting = deque([left, stays])
    assert taken(waiting) == [stays]
    assert not waiting


class Work:
    """Answers each ask with itself, refuses what is negative, and breaks on a 0 as a whole."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.away = False
        self.begun = asyncio.Event()

    async def __call__(self, _key: str, asks: Sequence[int]) -> list[int | Exception]:
        self.groups.append(list(asks))
        self.begun.set()
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable
        if 0 in asks:
            raise ZeroDivisionError
        return [NotFound("things/1") if ask < 0 else ask for ask in asks]


async def test_what_comes_while_a_group_is_done_is_the_next_group() -> None:
    work = Work()
    gathering = Gathering(work, lambda ask: [ask])
    assert await asyncio.gather(*(gathering.do("k", n) for n in range(1, 6))) == [1, 2, 3, 4, 5]
    assert work.groups == [[1, 2, 3, 4, 5]]
    work.begun.clear()
    first = asyncio.create_task(gathering.do("k", 1))
    await work.begun.wait()
    assert await asyncio.gather(first, *(gathering.do("k", n) for n in (2, 3))) == [1, 2, 3]
    assert work.groups[1:] == [[1], [2, 3]]


async def test_different_keys_are_never_done_together() -> None:
    work = Work()
    gathering = Gathering(work, lambda ask: [ask])
    await asyncio.gather(gathering.do("a", 1), gathering.do("b", 2))
    assert sorted(work.groups) == [[1], [2]]


async def test_one_that_is_refused_or_breaks_does_not_harm_the_others() -> None:
    gathering = Gathering(Work(), lambda ask: [ask])
    answers = await asyncio.gather(*(gathering.do("k", n) for n in (1, -1, 0, 2)), return_exceptions=True)
    assert [answers[0], answers[3]] == [1, 2]
    assert isinstance(answers[1], NotFound)
    assert isinstance(answers[2], ZeroDivisionError)


async def test_where_postgresql_is_away_all_are_told_at_once() -> None:
    work = Work()
    work.away = True
    gathering = Gathering(work, lambda ask: [ask])
    answers = await asyncio.gather(*(gathering.do("k", n) for n in (1, 2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    assert work.groups == [[1, 2]]
    work.away = False
    assert await gathering.do("k", 3) == 3


async def test_a_group_is_done_though_its_caller_leaves() -> None:
    work = Work()
    gathering = Gathering(work, lambda ask: [ask])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gathering.do("k", 1), timeout=0)
    assert await gathering.do("k", 2) == 2
