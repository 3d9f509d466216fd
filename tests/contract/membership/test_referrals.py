"""Referrals: both sides are rewarded once, and whatever brings nothing says why."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, RefusedError, was_replayed
from guerdon.membership.v1 import referral_pb2 as pb
from tests.contract.membership.friends import (
    OPEN,
    QUALIFIED,
    REFUSED,
    TAKEN_BACK,
    claim,
    code_of,
    friends_of,
    join,
    set_terms,
)
from tests.contract.membership.people import close, erase
from tests.contract.membership.world import Shop, World, row, when

MILESTONES = [pb.ReferralTerms.Milestone(friends=n, points=points) for n, points in ((2, 1000), (3, 5000))]


def now() -> Timestamp:
    """The services' now: claims are made then, and purchases have to follow."""
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp


@pytest.fixture
async def shop(world: World) -> Shop:
    """Ada may refer friends. Nobody gets a welcome bonus, and there are no tiers: $10 earn 10."""
    made = await world.shop(welcome_points=0, tiers=[])
    await made.enroll("ada")
    await set_terms(made)
    return made


async def points(shop: Shop, *member_ids: str) -> list[int]:
    """What members have in the ledger."""
    return [(await shop.balance(one)).posted for one in member_ids]


async def test_terms_are_read_as_they_were_set_and_change_by_versions(shop: Shop) -> None:
    changed = await set_terms(shop, "change", minimum_spend=20_00, milestones=MILESTONES, address_limit=9)
    assert (changed.version, changed.address_warning, changed.address_limit) == (2, 2, 9)
    assert list(changed.milestones) == MILESTONES
    request = pb.GetReferralTermsRequest(name=f"{shop.program}/referralTerms")
    assert (await shop.membership.membership.GetReferralTerms(request)).referral_terms == changed
    await set_terms(shop, "change", minimum_spend=20_00, milestones=MILESTONES, address_limit=9)
    assert (await set_terms(shop, milestones=MILESTONES)).version == 3
    with pytest.raises(InvalidRequestError) as refused:
        await set_terms(shop, minimum_spend=-1, milestones=MILESTONES[::-1])
    assert [one.field for one in refused.value.violations] == [
        "referral_terms.minimum_spend",
        "referral_terms.milestones[1].friends",
    ]


async def test_a_member_has_one_code_for_good_also_when_it_is_asked_for_at_once(shop: Shop) -> None:
    codes = await asyncio.gather(*(code_of(shop, "ada") for _ in range(6)))
    assert len(set(codes)) == 1
    await shop.enroll("ben")
    assert await code_of(shop, "ben") != codes[0]
    with pytest.raises(NotFoundError):
        await code_of(shop, "nobody")


async def test_both_sides_are_rewarded_once_after_the_friends_first_purchase(shop: Shop) -> None:
    code = await code_of(shop, "ada")
    joined = await join(shop, "ben", f" {code[:4]}-{code[4:].lower()}", request_id="join")
    assert (joined.referral.state, joined.referral.advocate) == (OPEN, f"{shop.program}/members/ada")
    assert await points(shop, "ada", "ben") == [0, 0]
    buying = [shop.buy(f"p{n}", "ben", 10_00, now()) for n in range(4)] + [shop.buy("p0", "ben", 10_00, now())]
    await asyncio.gather(*buying, return_exceptions=True)
    await shop.buy("p9", "ben", 10_00, now())
    assert (await points(shop, "ada", "ben")) == [100, 25 + 50]
    assert max(await shop.statement("ben")) == (25, "Referred by a friend")
    again = await join(shop, "ben", f" {code[:4]}-{code[4:].lower()}", request_id="join")
    assert again.referral.state == QUALIFIED
    friends = await friends_of(shop, "ada")
    assert (friends["ben"].advocate_points, friends["ben"].friend_points) == (100, 25)
    assert friends["ben"].purchase.startswith(f"{shop.program}/purchases/p")


async def test_a_purchase_below_the_minimum_does_not_qualify_and_a_later_one_may(shop: Shop) -> None:
    await set_terms(shop, minimum_spend=20_00)
    await join(shop, "ben", await code_of(shop, "ada"))
    await set_terms(shop, advocate_points=1, friend_points=1)
    await shop.buy("small", "ben", 19_99, now())
    assert (await friends_of(shop, "ada"))["ben"].state == OPEN
    await shop.buy("large", "ben", 20_00, now())
    assert await points(shop, "ada", "ben") == [100, 19 + 20 + 25], "by the terms under which it was claimed"


async def test_where_signing_up_qualifies_enrolling_rewards_both_and_claiming_later_is_refused(shop: Shop) -> None:
    await set_terms(shop, qualifying_event=pb.QUALIFYING_EVENT_SIGN_UP)
    code = await code_of(shop, "ada")
    answers = await asyncio.gather(*(join(shop, "ben", code) for _ in range(5)))
    assert {one.referral.state for one in answers} == {QUALIFIED}
    assert await points(shop, "ada", "ben") == [100, 25]
    await shop.enroll("cleo")
    refused = (await claim(shop, "cleo", code)).referral
    assert (refused.state, refused.refusal) == (REFUSED, pb.Referral.REFUSAL_ALREADY_ENROLLED)


async def test_an_import_qualifies_too_and_milestones_come_once_however_friends_buy_at_once(shop: Shop) -> None:
    await set_terms(shop, milestones=MILESTONES)
    code = await code_of(shop, "ada")
    await asyncio.gather(*(join(shop, f"f{n}", code) for n in range(6)))
    rows = [row(f"i{n}", f"f{n}", 10_00, now()) for n in range(3)]
    await asyncio.gather(
        shop.import_([shop.chunk(1, rows)]), *(shop.buy(f"p{n}", f"f{n}", 10_00, now()) for n in range(3, 6))
    )
    assert await points(shop, "ada", "f0", "f5") == [6 * 100 + 1000 + 5000, 35, 35]
    friends = await friends_of(shop, "ada", page_size=4)
    assert len(friends) == 6
    assert sorted(one.milestone for one in friends.values()) == [0, 0, 0, 0, 2, 3]
    request = pb.GetReferralCodeRequest(name=f"{shop.program}/members/ada")
    assert (await shop.membership.membership.GetReferralCode(request)).friend_count == 6


async def test_what_rests_on_a_returned_purchase_is_taken_back_also_a_milestone(shop: Shop) -> None:
    await set_terms(shop, minimum_spend=5_00, milestones=MILESTONES)
    code = await code_of(shop, "ada")
    for n in range(3):
        await join(shop, f"f{n}", code)
        await shop.buy(f"p{n}", f"f{n}", 10_00, now())
    assert await points(shop, "ada", "f0") == [300 + 6000, 35]
    await shop.bring_back("r1", "p0", 5_00)
    assert await points(shop, "ada", "f0") == [300 + 6000, 30], "what is left still qualifies"
    await asyncio.gather(*(shop.bring_back("r2", "p0", 1) for _ in range(3)))
    assert await points(shop, "ada", "f0") == [200 + 1000, 4]
    assert (await friends_of(shop, "ada"))["f0"].state == TAKEN_BACK
    await shop.buy("again", "f0", 10_00, now())
    assert await points(shop, "ada", "f0") == [200 + 1000, 14], "it does not qualify again"
    await join(shop, "f3", code)
    await shop.buy("p3", "f3", 10_00, now())
    assert await points(shop, "ada") == [300 + 6000], "the third friend of those that are left"


async def test_nobody_refers_themselves_or_those_who_referred_them(shop: Shop) -> None:
    code = await code_of(shop, "ada")
    own = (await claim(shop, "ada", code)).referral
    assert (own.state, own.refusal) == (REFUSED, pb.Referral.REFUSAL_SELF_REFERRAL)
    await join(shop, "ben", code)
    back = (await claim(shop, "ada", await code_of(shop, "ben"))).referral
    assert back.refusal == pb.Referral.REFUSAL_SELF_REFERRAL
    assert (await friends_of(shop, "ada"))["ada"].state == REFUSED


async def test_a_friend_is_brought_once_and_before_the_first_order(shop: Shop) -> None:
    code = await code_of(shop, "ada")
    await shop.enroll("ben")
    await join(shop, "cleo", await code_of(shop, "ben"))
    other = (await claim(shop, "cleo", code)).referral
    assert (other.state, other.refusal) == (REFUSED, pb.Referral.REFUSAL_ALREADY_REFERRED)
    await shop.buy("p1", "ben", 10_00, now())
    assert (await claim(shop, "ben", code)).referral.refusal == pb.Referral.REFUSAL_NOT_FIRST_ORDER
    await join(shop, "dora", code)
    await shop.buy("old", "dora", 10_00, when(2026, 1, 5))  # an offline till tells of an order before the claim
    late = (await friends_of(shop, "ada"))["dora"]
    assert (late.state, late.refusal) == (REFUSED, pb.Referral.REFUSAL_NOT_FIRST_ORDER)
    await shop.buy("p2", "dora", 10_00, now())
    assert await points(shop, "ada", "dora") == [0, 20]


async def test_who_left_and_comes_back_as_a_friend_is_known_by_the_contact_in_any_spelling(shop: Shop) -> None:
    code = await code_of(shop, "ada")
    await join(shop, "ben", code, email="b.en@gmail.com", phone="+14155550177")
    await close(shop, "ben")
    back = (await join(shop, "ben-2", code, email="BEN+new@googlemail.com")).referral
    assert (back.state, back.refusal) == (REFUSED, pb.Referral.REFUSAL_SAME_CONTACT)
    by_phone = (await join(shop, "ben-3", code, phone="(415) 555-0177", region_code="US")).referral
    assert by_phone.refusal == pb.Referral.REFUSAL_SAME_CONTACT
    assert (await join(shop, "eve", code, email="ben@example.com")).referral.state == OPEN
    with pytest.raises(RefusedError) as taken:
        await join(shop, "eve-2", code, email="Ben+2@Example.com")
    assert taken.value.reason == "CONTACT_TAKEN"


async def test_many_from_one_address_in_a_week_are_warned_of_and_then_refused(shop: Shop, world: World) -> None:
    code, address = await code_of(shop, "ada"), "203.0.113.77"
    for one in [f"f{n}" for n in range(8)]:
        await shop.enroll(one)
    answers = [
        answer.referral for answer in await asyncio.gather(*(claim(shop, f"f{n}", code, address) for n in range(8)))
    ]
    states = sorted((one.state, one.address_warned) for one in answers)
    assert states == [(OPEN, False)] * 2 + [(OPEN, True)] * 3 + [(REFUSED, False)] * 3
    refusals = {one.refusal for one in answers if one.state == REFUSED}
    assert refusals == {pb.Referral.REFUSAL_TOO_MANY_FROM_ADDRESS}
    assert (await join(shop, "far", code, "198.51.100.1")).referral.state == OPEN
    database = await asyncpg.connect(world.membership.database.owner_url)
    await database.execute(
        "update referral_addresses set claim_times = array(select t - interval '7 days' from unnest(claim_times) t)"
    )
    await database.close()
    again = next(one.friend.rpartition("/")[2] for one in answers if one.state == REFUSED)
    assert (await claim(shop, again, code, address)).referral.state == OPEN, "a week later"


async def test_a_claim_again_changes_nothing_and_a_code_nobody_has_is_refused(shop: Shop) -> None:
    code = await code_of(shop, "ada")
    await shop.enroll("ben")
    first = (await claim(shop, "ben", code, request_id="one")).referral
    again = claim(shop, "ben", code, request_id="one")
    assert (await again).referral == first
    assert await was_replayed(again)
    assert (await claim(shop, "ben", code)).referral == first
    for unknown in ("ABCDEF23", "nonsense"):
        with pytest.raises(GuerdonError) as refused:
            await join(shop, "cleo", unknown)
        assert refused.value.reason == "REFERRAL_CODE_UNKNOWN"
    with pytest.raises(NotFoundError):
        await shop.balance("cleo")
    await set_terms(shop, closed=True)
    with pytest.raises(RefusedError) as closed:
        await join(shop, "cleo", code)
    assert closed.value.reason == "REFERRALS_CLOSED"
    await shop.buy("p1", "ben", 10_00, now())
    assert await points(shop, "ada", "ben") == [100, 35], "those that are open still qualify"


async def test_erasing_a_friend_leaves_no_contact_to_compare_with(shop: Shop) -> None:
    code = await code_of(shop, "ada")
    await join(shop, "ben", code, email="ben@secret.example", address="203.0.113.9", request_id="join")
    await close(shop, "ben")
    await erase(shop, "ben")
    assert (await join(shop, "ben-2", code, email="ben@secret.example")).referral.state == OPEN
    await erase(shop, "ada")
    with pytest.raises(GuerdonError) as gone:
        await join(shop, "cleo", code)
    assert gone.value.reason == "REFERRAL_CODE_UNKNOWN"
