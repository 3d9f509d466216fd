"""Segments are asked of what is known of a member now."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.membership.v1 import offer_pb2, profile_pb2
from guerdon.membership.v1 import segment_pb2 as pb
from guerdon_kit.testing import wait_until
from tests.contract.membership.people import close, enroll, merge
from tests.contract.membership.sent import make as make_offer
from tests.contract.membership.sent import received, send_to_segment, sending
from tests.contract.membership.world import Shop, World, row, when


@pytest.fixture
async def shop(world: World) -> Shop:
    """A program with tiers that counts purchases."""
    return await world.shop(purchase_statistics=True)


def make(shop: Shop, segment_id: str, condition: str, request_id: str = "") -> Any:
    """Makes a segment."""
    segment = pb.Segment(name=f"{shop.program}/segments/{segment_id}", condition=condition)
    return shop.membership.membership.CreateSegment(
        pb.CreateSegmentRequest(segment=segment, request_id=request_id or new_request_id())
    )


async def segments_of(shop: Shop, member_id: str) -> list[str]:
    """The ids of the segments that a member is in."""
    request = pb.ListMemberSegmentsRequest(parent=f"{shop.program}/members/{member_id}")
    answer = await shop.membership.membership.ListMemberSegments(request)
    return [name.removeprefix(f"{shop.program}/segments/") for name in answer.segments]


def this_year() -> Timestamp:
    """A moment of this year that has come."""
    return when(datetime.now().astimezone().year, 1, 2, 12)


async def test_a_segment_is_read_as_it_was_made_changed_listed_and_archived(shop: Shop) -> None:
    calls = shop.membership.membership
    made = make(shop, "vip", "member.tier == 'gold'", "make")
    segment = (await made).segment
    assert (segment.condition, segment.archived) == ("member.tier == 'gold'", False)
    again = make(shop, "vip", "member.tier == 'gold'", "make")
    assert await again == await made
    assert await was_replayed(again)
    segment.condition, segment.display_name = "member.tier != ''", "In a tier"
    changed = await calls.UpdateSegment(pb.UpdateSegmentRequest(segment=segment, request_id=new_request_id()))
    assert changed.segment.condition == "member.tier != ''"
    other = (await make(shop, "new", "member.days < 30")).segment
    page = await calls.ListSegments(pb.ListSegmentsRequest(parent=shop.program, page_size=1))
    rest = await calls.ListSegments(pb.ListSegmentsRequest(parent=shop.program, page_token=page.next_page_token))
    assert [*page.segments, *rest.segments] == [other, changed.segment]
    archive = pb.ArchiveSegmentRequest(name=segment.name, request_id=new_request_id())
    assert (await calls.ArchiveSegment(archive)).segment.archived
    assert (await calls.GetSegment(pb.GetSegmentRequest(name=segment.name))).segment.archived
    with pytest.raises(RefusedError) as refused:
        await calls.UpdateSegment(pb.UpdateSegmentRequest(segment=segment, request_id=new_request_id()))
    assert refused.value.reason == "SEGMENT_ARCHIVED"
    with pytest.raises(GuerdonError) as taken:
        await make(shop, "new", "true")
    assert taken.value.reason == "ALREADY_EXISTS"
    with pytest.raises(NotFoundError):
        await calls.GetSegment(pb.GetSegmentRequest(name=f"{shop.program}/segments/none"))


async def test_a_condition_that_does_not_compile_is_refused_with_the_place_and_nothing_is_made(world: World) -> None:
    shop = await world.shop()
    for condition, said in (("member.tier == 5", "1:13"), ("purchases.count > 1", "purchase_statistics")):
        with pytest.raises(InvalidRequestError) as refused:
            await make(shop, "wrong", condition)
        [violation] = refused.value.violations
        assert violation.field == "segment.condition"
        assert said in violation.description
    assert not (await shop.membership.membership.ListSegments(pb.ListSegmentsRequest(parent=shop.program))).segments


async def test_a_member_is_in_a_segment_from_the_purchase_that_leads_there_until_the_return_that_leads_out(
    shop: Shop,
) -> None:
    await enroll(shop, "ada", profile_pb2.Profile(email="ada@example.com", region_code="US"))
    for segment_id, condition in {
        "a-silver": "member.tier == 'silver'",
        "b-spent": "purchases.year_spend >= 10000 && purchases.count == 3",
        "c-near": "profile.region_code == 'US' && profile.has_email",
        "d-gone": "purchases.days_since_last > 400",
        "e-nobody": "member.days > 1000",
    }.items():
        await make(shop, segment_id, condition)
    assert await segments_of(shop, "ada") == ["c-near"]
    buying = [shop.buy(f"p{n}", "ada", cents, this_year()) for n, cents in enumerate((40_00, 30_00, 30_00))]
    await asyncio.gather(*buying, *(shop.buy("p0", "ada", 40_00, this_year()) for _ in range(3)))
    assert await segments_of(shop, "ada") == ["a-silver", "b-spent", "c-near"]
    await shop.bring_back("r1", "p1", 10_00)
    assert await segments_of(shop, "ada") == ["c-near"]
    await shop.enroll("old")
    await shop.buy("long-ago", "old", 10_00, when(2020, 1, 1))
    assert await segments_of(shop, "old") == ["d-gone"]
    await shop.buy("back", "old", 10_00, this_year())
    assert await segments_of(shop, "old") == []


async def test_what_was_bought_follows_a_merge_and_who_has_left_is_in_no_segment(shop: Shop) -> None:
    await make(shop, "twice", "purchases.count == 2 && purchases.spend == 3000")
    for member_id in ("ada", "ben", "cleo"):
        await shop.enroll(member_id)
    await shop.buy("p1", "ada", 10_00)
    await shop.buy("p2", "ben", 20_00)
    await merge(shop, "ada", "ben")
    assert await segments_of(shop, "ben") == await segments_of(shop, "ada") == ["twice"]
    await shop.bring_back("r1", "p1", 10_00)
    assert await segments_of(shop, "ben") == []
    await shop.spend("cleo", 50)
    await close(shop, "cleo")
    with pytest.raises(RefusedError) as left:
        await segments_of(shop, "cleo")
    assert left.value.reason == "MEMBER_CLOSED"
    with pytest.raises(NotFoundError):
        await segments_of(shop, "nobody")


async def test_an_offer_is_sent_to_each_member_of_a_segment_once_and_to_nobody_else(shop: Shop) -> None:
    people = [f"m{number:03}" for number in range(230)]
    rows = [row(f"p-{one}", one, 10_00 + 10_00 * (number % 2)) for number, one in enumerate(people)]
    await shop.import_([shop.chunk(1, rows)])
    await make(shop, "spenders", "purchases.spend >= 2000")
    await make_offer(shop)
    sent = send_to_segment(shop, "spenders", request_id="send")
    name = (await sent).sending.name
    assert (await send_to_segment(shop, "spenders", request_id="send")).sending.name == name

    async def done() -> bool:
        return (await sending(shop, name)).state == offer_pb2.OfferSending.STATE_SENT

    await wait_until(done)
    assert (await sending(shop, name)).sent_count == 115
    assert [len(await received(shop, one)) for one in (people[0], people[1], people[-2], people[-1])] == [0, 1, 0, 1]
    with pytest.raises(NotFoundError):
        await sending(shop, name + "0")
    archive = pb.ArchiveSegmentRequest(name=f"{shop.program}/segments/spenders", request_id=new_request_id())
    await shop.membership.membership.ArchiveSegment(archive)
    with pytest.raises(RefusedError) as refused:
        await send_to_segment(shop, "spenders")
    assert refused.value.reason == "SEGMENT_ARCHIVED"
