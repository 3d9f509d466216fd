"""Only so much is under way to each provider at once."""

from __future__ import annotations

import asyncio

from rewards_catalog.operations.lanes import Lanes


async def test_no_more_than_there_is_room_for_is_under_way_to_one_and_others_are_not_kept() -> None:
    lanes, under_way, most = Lanes(), 0, 0
    others, full = asyncio.Event(), asyncio.Event()

    async def order() -> bool:
        nonlocal under_way, most
        async with lanes.one("slow", 2, 30.0) as room:
            under_way += 1
            most = max(most, under_way)
            if under_way == 2:
                full.set()
            await others.wait()
            under_way -= 1
            return room

    orders = [asyncio.create_task(order()) for _ in range(7)]
    await full.wait()
    async with lanes.one("quick", 1, 30.0) as room:
        assert room
    async with lanes.one("slow", 2, 0.01) as room:
        assert not room
    others.set()
    assert await asyncio.gather(*orders) == [True] * 7
    assert most == 2
    async with lanes.one("slow", 1, 0.01) as room:
        assert room, "all have left"


async def test_who_fails_or_is_called_off_leaves_its_room() -> None:
    lanes = Lanes()
    for _ in range(2):
        try:
            async with lanes.one("a", 1, 0.01) as room:
                assert room
                raise asyncio.CancelledError
        except asyncio.CancelledError:
            pass
