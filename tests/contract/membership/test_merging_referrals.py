"""What a person has once, and what is counted, after two enrolments became one membership."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.membership.v1 import member_file_pb2, profile_pb2, rule_pb2
from guerdon.membership.v1 import referral_pb2 as pb
from guerdon_kit.testing import wait_until
from tests.contract.ledger.world import findings
from tests.contract.membership.friends import QUALIFIED, TAKEN_BACK, claim, code_of, friends_of, join, set_terms
from tests.contract.membership.people import enroll, file, import_, merge, name
from tests.contract.membership.test_rules import make
from tests.contract.membership.world import Shop, World, when

MILESTONES = [pb.ReferralTerms.Milestone(friends=n, points=points) for n, points in ((1, 10), (2, 1000), (3, 5000))]


def now() -> Timestamp:
    """The services' now: claims are made then, and purchases have to follow."""
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp


@pytest.fixture
async def shop(world: World) -> Shop:
    """A program without welcome bonus and tiers, in which members refer friends."""
    made = await world.shop(welcome_points=0, tiers=[])
    await set_terms(made)
    return made


async def have(shop: Shop, **expected: int) -> None:
    """Waits until members have so many points."""
    found: dict[str, int] = {}

    async def arrived() -> bool:
        found.update({one: (await shop.balance(one)).posted for one in expected})
        return found == expected

    try:
        await wait_until(arrived)
    except TimeoutError:
        assert found == expected


async def friend_count(shop: Shop, member_id: str) -> int:
    request = pb.GetReferralCodeRequest(name=name(shop, member_id))
    return (await shop.membership.membership.GetReferralCode(request)).friend_count


async def test_an_open_referral_of_a_merged_friend_qualifies_and_is_taken_back_as_any_other(
    shop: Shop, world: World
) -> None:
    await shop.enroll("ada")
    await join(shop, "old", await code_of(shop, "ada"))
    await shop.enroll("new")
    await merge(shop, "old", "new")
    await shop.buy("p1", "new", 10_00, now())
    await have(shop, ada=100, new=35)
    assert (await friends_of(shop, "ada"))["new"].state == QUALIFIED
    await shop.enroll("ada2")
    await merge(shop, "ada", "ada2")
    await have(shop, ada2=100)
    assert list(await friends_of(shop, "ada2")) == ["new"]
    await shop.bring_back("r1", "p1", 10_00)
    await have(shop, ada=0, ada2=0, new=0)
    assert (await friends_of(shop, "ada"))["new"].state == TAKEN_BACK
    assert await friend_count(shop, "ada") == 0
    assert await findings(world.client(world.ledger)) == []


async def test_the_codes_of_both_are_taken_and_the_friends_of_both_are_counted(shop: Shop) -> None:
    await set_terms(shop, milestones=MILESTONES)
    codes = []
    for advocate in ("a1", "a2"):
        await shop.enroll(advocate)
        codes.append(await code_of(shop, advocate))
        await join(shop, f"f-{advocate}", codes[-1])
        await shop.buy(f"p-{advocate}", f"f-{advocate}", 10_00, now())
    await have(shop, a1=110, a2=110)
    await merge(shop, "a1", "a2")
    await have(shop, a1=0, a2=200 + 10 + 1000)  # the first milestone once, the second together
    assert [await code_of(shop, one) for one in ("a1", "a2")] == [codes[1]] * 2
    assert await friend_count(shop, "a1") == 2
    assert sorted(one.milestone for one in (await friends_of(shop, "a2", page_size=1)).values()) == [1, 2]
    await join(shop, "f3", codes[0])
    await shop.buy("p3", "f3", 10_00, now())
    await have(shop, a2=300 + 6010)
    assert (await friends_of(shop, "a1"))["f3"].advocate == name(shop, "a2")
    own = (await claim(shop, "a1", codes[1])).referral
    assert (own.refusal, own.friend) == (pb.Referral.REFUSAL_SELF_REFERRAL, name(shop, "a2"))


async def test_who_was_brought_twice_or_by_oneself_was_not(shop: Shop) -> None:
    for advocate in ("ada", "ben"):
        await shop.enroll(advocate)
        await join(shop, f"by-{advocate}", await code_of(shop, advocate))
        await shop.buy(f"p-{advocate}", f"by-{advocate}", 10_00, now())
    await have(shop, **{"ada": 100, "ben": 100, "by-ben": 35})
    await merge(shop, "by-ben", "by-ada")
    await have(shop, **{"ada": 100, "ben": 0, "by-ben": 0, "by-ada": 45})
    assert (await friends_of(shop, "ben"))["by-ada"].state == TAKEN_BACK

    async def followed() -> bool:
        return not (await merge(shop, "by-ben", "by-ada")).moving

    await wait_until(followed)  # the points are there before it is written that nothing is left
    await merge(shop, "ada", "by-ada")
    await have(shop, **{"ada": 0, "by-ada": 20})
    assert await friend_count(shop, "by-ada") == 0
    cleo = await code_of(shop, "by-ada")
    await join(shop, "dora", cleo)
    await shop.enroll("dora2")
    await shop.buy("before", "dora2", 10_00, when(2026, 1, 5, 12))
    await merge(shop, "dora2", "dora")
    assert (await friends_of(shop, "by-ada"))["dora"].refusal == pb.Referral.REFUSAL_NOT_FIRST_ORDER


async def test_one_welcome_for_a_person_in_whatever_order_enrolments_are_merged(world: World) -> None:
    for order in (("a", "b"), ("c", "b")), (("b", "a"), ("a", "c")), (("c", "a"), ("a", "b")), (("b", "c"), ("a", "b")):
        shop = await world.shop(welcome_points=50, tiers=[])
        await shop.enroll("a")
        await shop.enroll("c")
        await import_(shop, [file(shop, [member_file_pb2.MemberRow(member_id="b")])])
        for member, into in order:
            assert not (await merge(shop, member, into)).moving
        survivor = (await enroll(shop, "a", profile_pb2.Profile())).member.name.rpartition("/")[2]
        await have(shop, **{survivor: 50})


async def test_what_rules_have_given_is_counted_together_against_their_caps(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await make(shop, "five", bonus_points=5, caps=[rule_pb2.Cap(period=rule_pb2.Cap.PERIOD_DAY, points=12)])
    day = now()
    for member_id in ("old", "new"):
        await shop.enroll(member_id)
        assert (await shop.buy(f"p-{member_id}", member_id, 1_00, day)).purchase.rating.rule_points == 5
    await merge(shop, "old", "new")
    assert [(await shop.buy(f"p{n}", "new", 1_00, day)).purchase.rating.rule_points for n in range(2)] == [2, 0]
