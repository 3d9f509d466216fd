"""Personal offers: each received is judged on its own, completed once, and its award held against returns."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.membership.v1 import offer_pb2 as pb
from guerdon.type.v1 import rational_pb2
from tests.contract.membership.people import close, merge
from tests.contract.membership.sent import (
    COMPLETED,
    END,
    NOW,
    OFFERED,
    ONE_PURCHASE,
    OVER,
    RUNNING,
    START,
    TOTAL_SPEND,
    VISITS,
    accept,
    make,
    now,
    received,
    report,
    send,
    stamp,
)
from tests.contract.membership.world import Shop, World, row, usd

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
async def shop(world: World) -> Shop:
    """Ada and Ben are members. Nobody gets a welcome bonus, there are no tiers, and $10 earn 10."""
    made = await world.shop(welcome_points=0, tiers=[])
    await made.enroll("ada")
    await made.enroll("ben")
    return made


async def points(shop: Shop, *member_ids: str) -> list[int]:
    """What members have in the ledger."""
    return [(await shop.balance(one)).posted for one in member_ids]


async def test_an_offer_is_read_as_it_was_made_listed_and_archived(shop: Shop) -> None:
    made = [
        await make(shop, f"o{n}", f"make-{n}", **goal) for n, goal in enumerate((ONE_PURCHASE, TOTAL_SPEND, VISITS))
    ]
    again = make(shop, "o0", "make-0", **ONE_PURCHASE)
    assert await again == made[0]
    assert made[1].total_spend.amount == usd(50_00)
    got = await shop.membership.membership.GetOffer(pb.GetOfferRequest(name=made[2].name))
    assert got.offer == made[2]
    first = await shop.membership.membership.ListOffers(pb.ListOffersRequest(parent=shop.program, page_size=2))
    rest = await shop.membership.membership.ListOffers(
        pb.ListOffersRequest(parent=shop.program, page_size=2, page_token=first.next_page_token)
    )
    assert [*first.offers, *rest.offers] == made
    archive = pb.ArchiveOfferRequest(name=made[0].name, request_id=new_request_id())
    assert (await shop.membership.membership.ArchiveOffer(archive)).offer.archived
    with pytest.raises(RefusedError) as refused:
        await send(shop, "ada", offer_id="o0")
    assert refused.value.reason == "OFFER_ARCHIVED"


async def test_what_cannot_be_an_offer_or_be_sent_is_refused_and_nobody_gets_it(shop: Shop) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await make(shop, points=-1, holdout_share=rational_pb2.Rational(numerator=1, denominator=1))
    assert [one.field for one in refused.value.violations] == ["offer.points", "offer.holdout_share"]
    with pytest.raises(InvalidRequestError):
        await make(shop, visits=pb.Offer.Visits())
    await make(shop)
    with pytest.raises(GuerdonError) as taken:
        await make(shop)
    assert taken.value.reason == "ALREADY_EXISTS"
    with pytest.raises(NotFoundError):
        await send(shop, "ada", offer_id="none")
    with pytest.raises(NotFoundError):
        await send(shop, "ada", "nobody")
    for start, end in ((START, NOW - timedelta(hours=1)), (END, START), (START, START + timedelta(days=367))):
        with pytest.raises(InvalidRequestError):
            await send(shop, "ada", start=start, end=end)
    with pytest.raises(InvalidRequestError):
        await send(shop)
    await close(shop, "ben")
    with pytest.raises(RefusedError) as closed:
        await send(shop, "ada", "ben")
    assert closed.value.reason == "MEMBER_CLOSED"
    assert await received(shop, "ada") == []


async def test_a_purchase_completes_it_once_however_many_come_at_once_and_sent_again_it_is_another(shop: Shop) -> None:
    await make(shop)
    sending = send(shop, "ada", "ben", "ada", request_id="send")
    assert (await sending).sending.sent_count == 2
    again = send(shop, "ada", "ben", "ada", request_id="send")
    assert await again == await sending
    assert await was_replayed(again)
    buying = [shop.buy(f"p{n}", "ada", 20_00, stamp(NOW)) for n in range(4)]
    await asyncio.gather(*buying, *(shop.buy("p0", "ada", 20_00, stamp(NOW)) for _ in range(2)))
    assert await points(shop, "ada", "ben") == [4 * 20 + 100, 0]
    assert (100, "Offer spring completed") in await shop.statement("ada")
    await asyncio.gather(*(send(shop, "ada") for _ in range(2)))
    await shop.buy("p5", "ada", 20_00, stamp(NOW))
    assert await points(shop, "ada") == [5 * 20 + 300]
    assert [one.state for one in await received(shop, "ada", page_size=2)] == [COMPLETED] * 3
    assert [one.state for one in await received(shop, "ben")] == [RUNNING]
    told = await report(shop)
    assert (told.sent_count, told.completed_count, told.awarded_points) == (4, 3, 300)


async def test_one_purchase_counts_for_several_from_the_first_moment_of_the_validity_to_the_last(shop: Shop) -> None:
    await make(shop, "one", **ONE_PURCHASE)
    await make(shop, "all", **TOTAL_SPEND)
    await make(shop, "visits", **VISITS)
    start, end = now() - timedelta(hours=2), now() + timedelta(minutes=2)
    for offer_id in ("one", "all", "visits"):
        await send(shop, "ada", offer_id=offer_id, start=start, end=end)
    rows = [
        row("before", "ada", 99_00, stamp(start - MICROSECOND)),
        row("after", "ada", 99_00, stamp(end + MICROSECOND)),
    ]
    await shop.import_([shop.chunk(1, rows)])
    assert [one.progress for one in await received(shop, "ada")] == [0, 0, 0]
    rows = [row("last", "ada", 25_00, stamp(end)), row("first", "ada", 19_99, stamp(start))]
    await shop.import_([shop.chunk(3, rows)])
    visits, total, one = await received(shop, "ada")
    assert [(it.state, it.progress, it.target) for it in (one, total, visits)] == [
        (COMPLETED, 1, 1),
        (RUNNING, 44_99, 50_00),
        (RUNNING, 2, 3),
    ]
    assert one.complete_time == stamp(end)
    await shop.buy("third", "ada", 5_01, stamp(start + MICROSECOND))
    assert {it.state for it in await received(shop, "ada")} == {COMPLETED}
    assert await points(shop, "ada") == [99 + 99 + 25 + 19 + 5 + 300]


async def test_what_needs_acceptance_counts_from_then_on_and_after_its_end_it_is_too_late(shop: Shop) -> None:
    await make(shop, acceptance_required=True)
    soon = datetime.now(NOW.tzinfo) + timedelta(milliseconds=400)
    await send(shop, "ada")
    await send(shop, "ben", end=soon)
    await shop.buy("p1", "ada", 20_00, stamp(NOW))
    [offered] = await received(shop, "ada")
    assert (offered.state, offered.progress, offered.HasField("accept_time")) == (OFFERED, 0, False)
    accepted = accept(shop, offered.name, "accept")
    assert (await accepted).personal_offer.state == RUNNING
    assert (await accept(shop, offered.name)).personal_offer == (await accepted).personal_offer
    assert await was_replayed(accept(shop, offered.name, "accept"))
    await shop.buy("p2", "ada", 20_00, stamp(NOW))
    assert await points(shop, "ada") == [40 + 100]
    [late] = await received(shop, "ben")
    while late.state != OVER:
        [late] = await received(shop, "ben")
    with pytest.raises(RefusedError) as refused:
        await accept(shop, late.name)
    assert refused.value.reason == "OFFER_OVER"
    with pytest.raises(NotFoundError):
        await accept(shop, f"{shop.program}/personalOffers/1-{2**40}")
    with pytest.raises(InvalidRequestError):
        await accept(shop, f"{shop.program}/personalOffers/x")
    assert (await report(shop)).accepted_count == 1


async def test_a_return_that_leaves_too_little_takes_the_award_back_and_what_makes_up_for_it_brings_it_again(
    shop: Shop,
) -> None:
    await make(shop, "all", **TOTAL_SPEND)
    await make(shop, "visits", visits=pb.Offer.Visits(count=2, minimum_spend=usd(10_00)))
    await send(shop, "ada", offer_id="all")
    await send(shop, "ada", offer_id="visits")
    await shop.buy("p1", "ada", 30_00, stamp(NOW))
    await shop.buy("p2", "ada", 25_00, stamp(NOW))
    assert await points(shop, "ada") == [55 + 200]
    await shop.bring_back("r1", "p2", 5_00)
    assert await points(shop, "ada") == [50 + 200]
    await shop.bring_back("r2", "p2", 1)
    assert await points(shop, "ada") == [49 + 100], "$49.99 in two visits of $10"
    assert [(one.state, one.progress) for one in await received(shop, "ada")] == [(COMPLETED, 2), (RUNNING, 49_99)]
    await shop.bring_back("r3", "p2", 10_00)
    assert await points(shop, "ada") == [39]
    await shop.buy("p3", "ada", 10_01, stamp(NOW))
    assert await points(shop, "ada") == [39 + 10 + 200]
    await shop.bring_back("r4", "p1", 30_00)
    assert await points(shop, "ada") == [19]


async def test_who_is_held_out_gets_nothing_and_stays_so_and_the_report_tells_of_both_groups(shop: Shop) -> None:
    await make(shop, holdout_share=rational_pb2.Rational(numerator=1, denominator=2), **TOTAL_SPEND)
    people = [f"m{n}" for n in range(24)]
    await shop.import_([shop.chunk(1, [row(f"old-{one}", one, 1_00) for one in people])])
    first = (await send(shop, *people)).sending
    assert first.sent_count + first.held_out_count == len(people)
    assert 0 < first.held_out_count < len(people)
    assert (await send(shop, *people)).sending.held_out_count == first.held_out_count
    has = {one: len(await received(shop, one)) for one in people}
    assert set(has.values()) == {0, 2}
    await shop.import_([shop.chunk(99, [row(f"new-{one}", one, 50_00, stamp(NOW)) for one in people])])
    assert await points(shop, *people) == [51 + 100 * has[one] for one in people]
    told = await report(shop)
    assert (told.sent_count, told.completed_count) == (2 * first.sent_count,) * 2
    assert (told.held_out_count, told.held_out_completed_count) == (2 * first.held_out_count,) * 2
    assert told.awarded_points == 200 * first.sent_count


async def test_what_a_member_received_follows_a_merge_and_the_old_name_accepts_it(shop: Shop) -> None:
    await make(shop, acceptance_required=True)
    await send(shop, "ada")
    [one] = await received(shop, "ada")
    await merge(shop, "ada", "ben")
    assert (await accept(shop, one.name)).personal_offer.member == f"{shop.program}/members/ben"
    await send(shop, "ada", "ben")
    assert len(await received(shop, "ben")) == 2, "sent once to one person"
    await shop.buy("p1", "ada", 20_00, stamp(NOW))
    assert await points(shop, "ben") == [20 + 100]
