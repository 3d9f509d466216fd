"""A partner's events, as a stream that goes on where the last one ended."""

from __future__ import annotations

import asyncio
import time

import pytest

from guerdon import GuerdonError, InvalidRequestError, NotFoundError
from guerdon.exchange.v1 import webhooks_pb2 as pb
from guerdon_kit import pages
from guerdon_kit.testing import wait_until
from partner_exchange.operations.event_streams import SHARE
from tests.contract.partner_exchange.hooks import JOINED, RESUMED, SUSPENDED, events, streamed, suspend_and_resume
from tests.contract.partner_exchange.world import Brand, Coalition

METHOD = "guerdon.exchange.v1.CoalitionService/StreamEvents"


async def test_a_stream_begins_with_what_is_kept_and_goes_on_from_its_cursor(coalition: Coalition) -> None:
    brand, other = await coalition.brand(), await coalition.brand()
    await suspend_and_resume(coalition, brand)
    await suspend_and_resume(coalition, other)
    first = await streamed(brand, 4)
    assert [event.type for answer in first for event in answer.events] == [*JOINED, SUSPENDED, RESUMED]
    cursor = first[-1].cursor
    [nothing] = await streamed(brand, 0, cursor)  # it says at once that it is alive
    assert not nothing.events
    await suspend_and_resume(coalition, brand)
    for resumed in (cursor, nothing.cursor):
        later = await streamed(brand, 2, resumed)
        assert [event.type for answer in later for event in answer.events] == [SUSPENDED, RESUMED]
    told = await events(brand, 4)
    assert len({event.event_id for event in told}) == 4
    assert all(brand.name.encode() in event.payload for event in told)


async def test_what_happens_while_a_stream_is_open_is_told_by_it(coalition: Coalition) -> None:
    brand = await coalition.brand()
    cursor = (await streamed(brand, 2))[-1].cursor
    call = brand.own.coalition.StreamEvents(pb.StreamEventsRequest(parent=brand.name, cursor=cursor))
    assert not (await anext(aiter(call))).events
    await coalition.move(brand, suspend=True)
    async with asyncio.timeout(10):  # sooner than it would look, or speak, by itself
        async for answer in call:
            assert [event.type for event in answer.events] == [SUSPENDED]
            break
    call.cancel()


async def test_one_partner_cannot_have_all_streams(coalition: Coalition) -> None:
    brand, other = await coalition.brand(), await coalition.brand()
    request = pb.StreamEventsRequest(parent=brand.name)
    calls = [brand.own.coalition.StreamEvents(request) for _ in range(SHARE)]
    for call in calls:
        await anext(aiter(call))
    with pytest.raises(GuerdonError) as refused:
        await anext(aiter(brand.own.coalition.StreamEvents(request)))
    assert refused.value.reason == "OVERLOADED"
    await streamed(other, 0)
    for call in calls:
        call.cancel()

    async def free_again() -> bool:
        try:
            return bool(await streamed(brand, 0))
        except GuerdonError:
            return False

    await wait_until(free_again)


async def test_a_cursor_is_good_for_its_stream_and_as_long_as_what_follows_it_is_kept(coalition: Coalition) -> None:
    brand, other = await coalition.brand(), await coalition.brand()
    cursor = (await streamed(brand, 0))[-1].cursor
    for wrong in ("nonsense", pages.write_token((METHOD, brand.name), (1,))):
        with pytest.raises(InvalidRequestError):
            await streamed(brand, 0, wrong)
    with pytest.raises(InvalidRequestError):
        await streamed(other, 0, cursor)
    month_ago = int(time.time()) - 30 * 86_400
    with pytest.raises(GuerdonError) as refused:
        await streamed(brand, 0, pages.write_token((METHOD, brand.name), (0, month_ago)))
    assert (refused.value.reason, refused.value.metadata["days"]) == ("CURSOR_EXPIRED", "30")


async def test_a_partners_events_are_nobody_elses(coalition: Coalition) -> None:
    brand, other = await coalition.brand(), await coalition.brand()
    with pytest.raises(NotFoundError):
        async for _ in other.own.coalition.StreamEvents(pb.StreamEventsRequest(parent=brand.name)):
            pass
    stranger = Brand("partners/nobody", brand.program, coalition, brand.key, coalition.operator)
    with pytest.raises(NotFoundError):
        await streamed(stranger, 0)
