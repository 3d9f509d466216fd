"""Velocity over the service: what passes a limit is flagged, held where the program says so, and released or rejected
by somebody, once.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import InvalidRequestError, NotFoundError, PermissionDeniedError, RefusedError, new_request_id
from guerdon.membership.v1 import basket_pb2, given_reward_pb2, merging_pb2, purchase_pb2, times_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import velocity_pb2 as v
from guerdon_kit.testing import wait_until
from tests.contract.membership.test_rules import make
from tests.contract.membership.world import Shop, World, row, when

Flag = purchase_pb2.AwardFlag
MONTH = v.VelocityLimit.PERIOD_MONTH
"""A test that runs as a month ends may count in two: the limits are passed far within one."""


def limit(subject: v.VelocityLimit.Subject.ValueType, **most: int) -> v.VelocityLimit:
    return v.VelocityLimit(subject=subject, period=MONTH, **most)


OF_MEMBER = limit(v.VelocityLimit.SUBJECT_MEMBER, max_purchases=2)
OF_CASHIER = limit(v.VelocityLimit.SUBJECT_CASHIER, max_points=100)
OF_TERMINAL = limit(v.VelocityLimit.SUBJECT_TERMINAL, max_purchases=2)


async def watch(shop: Shop, *limits: v.VelocityLimit, hold: bool = False) -> v.VelocityPolicy:
    policy = v.VelocityPolicy(name=f"{shop.program}/velocityPolicy", limits=limits, hold_flagged=hold)
    request = v.SetVelocityPolicyRequest(velocity_policy=policy, request_id=new_request_id())
    return (await shop.membership.membership.SetVelocityPolicy(request)).velocity_policy


async def buy(
    shop: Shop,
    purchase_id: str,
    cents: int,
    *,
    of: str = "ada",
    at: Timestamp | None = None,
    cashier: str = "",
    terminal: str = "",
) -> purchase_pb2.Purchase:
    purchase = shop.purchase(purchase_id, of, cents, at)
    line = basket_pb2.BasketLine(line_id="l", quantity=1, unit_price=cents)
    purchase.basket.CopyFrom(basket_pb2.Basket(lines=[line], cashier=cashier, terminal=terminal))
    request = pb.RecordPurchaseRequest(purchase=purchase, request_id=new_request_id())
    return (await shop.membership.membership.RecordPurchase(request)).purchase


async def release(shop: Shop, purchase_id: str, request_id: str = "") -> purchase_pb2.Purchase:
    request = v.ReleaseAwardRequest(
        name=f"{shop.program}/purchases/{purchase_id}", reason="seen", request_id=request_id or new_request_id()
    )
    return (await shop.membership.membership.ReleaseAward(request)).purchase


async def reject(shop: Shop, purchase_id: str) -> purchase_pb2.Purchase:
    request = v.RejectAwardRequest(
        name=f"{shop.program}/purchases/{purchase_id}", reason="a ring", request_id=new_request_id()
    )
    return (await shop.membership.membership.RejectAward(request)).purchase


async def held(shop: Shop, size: int = 0) -> list[str]:
    """The ids of the purchases whose awards are held, read page by page."""
    found: list[str] = []
    request = v.ListHeldAwardsRequest(parent=shop.program, page_size=size)
    while True:
        page = await shop.membership.membership.ListHeldAwards(request)
        found += [one.name.rpartition("/")[2] for one in page.purchases]
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def has(shop: Shop, member_id: str = "ada") -> tuple[int, int]:
    """What a member can spend, and what is still pending."""
    balance = await shop.balance(member_id)
    return balance.available, balance.pending


async def test_what_passes_a_limit_is_flagged_with_its_numbers_and_given_all_the_same(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    await shop.enroll("bob")
    assert not (await buy(shop, "p0", 10_00, cashier="eve", terminal="t1")).HasField("flag")
    policy = await watch(shop, OF_MEMBER, OF_CASHIER, OF_TERMINAL)
    assert (list(policy.limits), policy.hold_flagged) == ([OF_MEMBER, OF_CASHIER, OF_TERMINAL], False)
    assert not (await buy(shop, "p1", 60_00, cashier="eve", terminal="t1")).HasField("flag")
    by_cashier = await buy(shop, "p2", 41_00, of="bob", cashier="eve", terminal="t1")
    [passed] = by_cashier.flag.passed
    assert (passed.subject, passed.value, passed.period) == ("cashier", "eve", "month")
    assert (passed.purchases, passed.max_purchases, passed.points, passed.max_points) == (2, 0, 101, 100)
    assert by_cashier.flag.state == Flag.STATE_FLAGGED
    assert not (await buy(shop, "p3", 10_00)).HasField("flag"), "nobody said who, and where"
    last = await buy(shop, "p4", 10_00, terminal="t1")
    assert [(one.subject, one.value, one.purchases) for one in last.flag.passed] == [
        ("member", f"{shop.program}/members/ada", 3),
        ("terminal", "t1", 3),
    ]
    read = await shop.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=last.name))
    assert read.purchase == last
    assert (await has(shop), await has(shop, "bob"), await held(shop)) == ((90, 0), (41, 0), [])
    [imported] = await shop.import_([shop.chunk(1, [row("p5", "ada", 9_00), row("p6", "ada", 9_00)])])
    assert imported.recorded_count == 2
    got = await shop.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=f"{shop.program}/purchases/p6"))
    assert not got.purchase.HasField("flag")
    await watch(shop)
    assert not (await buy(shop, "p7", 10_00)).HasField("flag")


async def test_a_held_award_is_pending_until_it_is_released_or_rejected_once(world: World) -> None:
    shop = await world.shop(welcome_points=0)
    await shop.enroll("ada")
    await make(shop, "later", bonus_points=7, availability=times_pb2.Availability(after_days=300))
    ahead = when(2026, 1, 5, 12)
    await watch(shop, OF_MEMBER, hold=True)
    for number in (1, 2, 3, 4, 5):
        await buy(shop, f"p{number}", 50_00, at=ahead)
    assert await held(shop, 2) == ["p3", "p4", "p5"]
    available, pending = await has(shop)
    assert (available, pending >= 150) == (100, True)
    await shop.bring_back("r1", "p3", 20_00)
    assert await has(shop) == (available, pending - 25), "silver by then: 62 were earned, 37 are kept"
    request_id = new_request_id()
    released = await release(shop, "p3", request_id)
    assert (released.flag.state, released.flag.reason) == (Flag.STATE_RELEASED, "seen")
    assert released.flag.decided_by
    assert released.flag.HasField("decide_time")
    kept = released.rating.base_points + released.rating.tier_points - released.returned_points
    assert await has(shop) == (100 + kept, pending - 25 - kept)
    assert await release(shop, "p3", request_id) == released
    for decide in (release, reject):
        with pytest.raises(RefusedError) as refused:
            await decide(shop, "p3")
        assert (refused.value.reason, refused.value.metadata["state"]) == ("AWARD_NOT_HELD", "RELEASED")
    before = (await shop.progress("ada")).progress.counted
    rejected = await reject(shop, "p4")
    earned = rejected.rating.base_points + rejected.rating.tier_points
    assert (rejected.flag.state, rejected.returned_points) == (Flag.STATE_REJECTED, earned)
    assert (await shop.progress("ada")).progress.counted == before - earned
    assert await has(shop) == (100 + kept, pending - 25 - kept - earned)
    taken = await shop.bring_back("r2", "p4", 50_00)
    assert (taken.goods_return.points, await held(shop)) == (0, ["p5"])
    merge = merging_pb2.MergeMembersRequest(
        name=f"{shop.program}/members/ada", into=f"{shop.program}/members/bob", request_id=new_request_id()
    )
    await shop.enroll("bob")
    with pytest.raises(RefusedError) as refused:
        await shop.membership.membership.MergeMembers(merge)
    assert (refused.value.reason, refused.value.metadata["awards"]) == ("AWARDS_HELD", "1")
    await release(shop, "p5")
    await shop.membership.membership.MergeMembers(merge)


async def test_all_tranches_of_an_award_are_held_together(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    month = times_pb2.ExpiryPolicy(months=1)
    made = await make(shop, "soon", bonus_points=30, expiry_policy=month)
    await watch(shop, limit(v.VelocityLimit.SUBJECT_MEMBER, max_points=1), hold=True)
    for number in (1, 2):
        bought = await buy(shop, f"p{number}", 10_00, at=Timestamp(seconds=made.effective_time.seconds + 60))
        assert (len(bought.rating.tranches), bought.flag.state) == (2, Flag.STATE_HELD)
    assert await has(shop) == (0, 80)
    await release(shop, "p1")
    assert await has(shop) == (40, 40)
    await reject(shop, "p2")
    assert await has(shop) == (40, 0)


async def test_of_purchases_at_once_exactly_those_above_the_limit_are_flagged(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await watch(shop, limit(v.VelocityLimit.SUBJECT_TERMINAL, max_purchases=5), hold=True)
    who = [f"m{number}" for number in range(12)]
    await asyncio.gather(*(shop.enroll(one) for one in who))
    bought = await asyncio.gather(*(buy(shop, f"p-{one}", 10_00, of=one, terminal="t1") for one in who))
    counted = sorted(one.flag.passed[0].purchases for one in bought if one.HasField("flag"))
    assert counted == [6, 7, 8, 9, 10, 11, 12]
    assert len(await held(shop)) == 7


async def test_what_cannot_be_watched_or_decided_is_refused(world: World) -> None:
    shop, late = await world.shop(), await world.shop(late_days=3)
    wrong: list[tuple[Shop, list[v.VelocityLimit], bool, str]] = [
        (shop, [OF_MEMBER, OF_MEMBER], False, "limits"),
        (shop, [limit(v.VelocityLimit.SUBJECT_MEMBER)], False, "limits[0].max_purchases"),
        (shop, [limit(v.VelocityLimit.SUBJECT_MEMBER, max_points=-1)], False, "limits[0].max_points"),
        (shop, [limit(v.VelocityLimit.SUBJECT_UNSPECIFIED, max_points=1)], False, "limits[0].subject"),
        (shop, [v.VelocityLimit(subject=v.VelocityLimit.SUBJECT_MEMBER)], False, "limits[0].period"),
        (late, [OF_MEMBER], True, "hold_flagged"),
    ]
    for of, limits, hold, field in wrong:
        with pytest.raises(InvalidRequestError) as why:
            await watch(of, *limits, hold=hold)
        assert [one.field for one in why.value.violations] == [f"velocity_policy.{field}"]
    assert not (
        await shop.membership.membership.GetVelocityPolicy(
            v.GetVelocityPolicyRequest(name=f"{shop.program}/velocityPolicy")
        )
    ).velocity_policy.limits
    await shop.enroll("ada")
    await buy(shop, "p1", 10_00)
    with pytest.raises(RefusedError) as refused:
        await release(shop, "p1")
    assert refused.value.metadata["state"] == "none"
    with pytest.raises(NotFoundError):
        await reject(shop, "p2")
    request: dict[str, Any] = {"name": f"{shop.program}/purchases/p1", "request_id": new_request_id()}
    with pytest.raises(InvalidRequestError):
        await shop.membership.membership.ReleaseAward(v.ReleaseAwardRequest(**request, reason="r" * 201))
    clerk = world.client(world.membership, world.identity.token(scopes=["membership.awards.release"]))
    with pytest.raises(PermissionDeniedError):
        await clerk.membership.RejectAward(v.RejectAwardRequest(**request, reason="no"))


async def test_of_an_import_only_what_happened_in_the_period_of_now_counts_and_is_held(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await watch(shop, OF_MEMBER, hold=True)
    now = Timestamp()
    now.GetCurrentTime()
    history = [row(f"old-{n}", "ada", 1_00, when(2026, 1, 5, n)) for n in range(5)]
    batch = [row(f"p{n}", "ada", 1_00, now) for n in (1, 2, 3)]
    [imported] = await shop.import_([shop.chunk(1, [*history, *batch])])
    assert imported.recorded_count == 8
    assert await held(shop) == ["p3"]
    assert await has(shop) == (7, 1)
    assert (await buy(shop, "p4", 1_00)).flag.passed[0].purchases == 4
    await release(shop, "p3")
    assert await has(shop) == (8, 1)


async def test_an_award_of_a_reward_alone_is_held_too_and_it_is_not_given_once_that_is_rejected(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    await watch(shop, OF_MEMBER, hold=True)
    soon = Timestamp()
    soon.FromDatetime(datetime.now(UTC) + timedelta(minutes=1))
    for purchase_id in ("p1", "p2"):
        await shop.buy(purchase_id, "ada", 50, soon)
    await make(shop, "sample", reward=f"{shop.program}/rewards/sample")
    bought = (await shop.buy("p3", "ada", 50, soon)).purchase
    assert (bought.rating.base_points, len(bought.given_rewards), await held(shop)) == (0, 1, ["p3"])
    assert (await reject(shop, "p3")).flag.state == Flag.STATE_REJECTED

    async def decided() -> given_reward_pb2.GivenReward | None:
        request = pb.GetPurchaseRequest(name=bought.name)
        [one] = (await shop.membership.membership.GetPurchase(request)).purchase.given_rewards
        return one if one.reason else None

    given = await wait_until(decided)
    assert given is not None
    assert (given.state, given.reason) == (given_reward_pb2.GivenReward.STATE_REFUSED, "AWARD_REJECTED")
