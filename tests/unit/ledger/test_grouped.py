"""Reads in groups: few of many for many of one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from ledger.operations.company import QUIET_TURNS
from ledger.operations.grouped import GROUP_MAX, Grouped


class Reads:
    """Reads numbers as their doubles, and remembers what was asked for at once."""

    def __init__(self, *, fails: bool = False) -> None:
        self.groups: list[list[int]] = []
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self._fails = fails

    async def __call__(self, keys: list[int]) -> Mapping[int, int]:
        self.groups.append(keys)
        self.begun.set()
        await self.go.wait()
        if self._fails:
            raise OSError("away")
        return {key: 2 * key for key in keys}


async def asked_after(turns: int, grouped: Grouped[int, int], key: int) -> int:
    for _ in range(turns):
        await asyncio.sleep(0)
    return await grouped.get(key)


async def test_what_comes_one_after_another_is_read_at_once() -> None:
    reads = Reads()
    grouped = Grouped(reads)
    apart = [asked_after(QUIET_TURNS // 2 * number, grouped, number) for number in range(5)]
    assert await asyncio.gather(*apart) == [0, 2, 4, 6, 8]
    assert reads.groups == [[0, 1, 2, 3, 4]]


async def test_what_comes_while_one_read_is_out_is_of_the_next() -> None:
    reads = Reads()
    reads.go.clear()
    grouped = Grouped(reads)
    first = asyncio.create_task(grouped.get(1))
    await reads.begun.wait()
    later = [asyncio.create_task(grouped.get(key)) for key in (1, 2, 2)]
    await asyncio.sleep(0)
    reads.go.set()
    assert await asyncio.gather(first, *later) == [2, 2, 4, 4]
    assert reads.groups == [[1], [1, 2]]  # nobody is answered with what was read before it was asked for


async def test_those_who_never_stop_coming_do_not_keep_a_read_from_going_out() -> None:
    reads = Reads()
    grouped = Grouped(reads)
    coming = [asyncio.create_task(grouped.get(0))]
    while not reads.groups:
        coming.append(asyncio.create_task(grouped.get(len(coming))))
        await asyncio.sleep(0)
    await asyncio.gather(*coming)
    assert 1 < len(reads.groups[0]) <= GROUP_MAX


async def test_a_failed_read_fails_those_who_asked_and_no_others() -> None:
    failing = Reads(fails=True)
    grouped = Grouped(failing)
    assert [
        type(answer) for answer in await asyncio.gather(grouped.get(1), grouped.get(2), return_exceptions=True)
    ] == [
        OSError,
        OSError,
    ]
    with pytest.raises(OSError, match="away"):
        await grouped.get(1)
    assert failing.groups == [[1, 2], [1]]
