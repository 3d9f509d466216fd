"""Points that can be spent on goods and not become cash, over the service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import PermissionDeniedError, new_request_id
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import merging_pb2, rule_pb2, times_pb2
from guerdon.membership.v1 import velocity_pb2 as v
from guerdon.type.v1.rational_pb2 import Rational
from tests.contract.membership.test_purchase_events import tell
from tests.contract.membership.test_rules import make
from tests.contract.membership.world import Shop, World, row

DAY_S = 86_400


def days_ago(days: int) -> Timestamp:
    return Timestamp(seconds=int((datetime.now(UTC) - timedelta(days=days)).timestamp()))


async def locked(shop: Shop, account: str = "m-ada") -> pb.GetLockedPointsResponse:
    """What is locked of an account."""
    request = pb.GetLockedPointsRequest(account=f"{shop.program}/accounts/{account}")
    return await shop.membership.membership.GetLockedPoints(request)


async def test_what_purchases_gave_is_locked_until_their_window_closes_less_what_came_back(world: World) -> None:
    shop = await world.shop(welcome_points=50, tiers=[], return_window_days=30)
    await shop.enroll("ada")
    assert await locked(shop) == pb.GetLockedPointsResponse(account_version=1)
    bought = days_ago(3)
    await shop.buy("p1", "ada", 100_00, bought)
    await shop.buy("p0", "ada", 70_00, days_ago(31))
    [imported] = await shop.import_([shop.chunk(1, [row("p2", "ada", 9_00, days_ago(1)), row("q", "ben", 8_00)])])
    assert (imported.recorded_count, imported.pending_count) == (2, 0)
    found = await locked(shop)
    assert (found.locked_points, found.HasField("valid_until")) == (109, False)
    assert abs(found.next_unlock_time.seconds - bought.seconds - 30 * DAY_S) <= 3_600  # by the local clock
    balance = await shop.balance("ada")
    assert (found.account_version, balance.available) == (balance.version, 229)

    await shop.bring_back("r1", "p1", 30_00)
    await shop.spend("ada", 150)  # on goods: what is left has to cover what can still come back
    found, balance = await locked(shop), await shop.balance("ada")
    assert (found.locked_points, found.account_version, balance.available) == (79, balance.version, 49)
    shown = await shop.progress("ada")
    assert (shown.available_points, shown.locked_points, shown.next_unlock_time) == (49, 49, found.next_unlock_time)
    await shop.bring_back("r2", "p1", 70_00)
    assert (await locked(shop)).locked_points == 9


async def test_nothing_is_locked_where_the_program_says_so_or_nobody_could_tell(world: World) -> None:
    nothing = pb.GetLockedPointsResponse()
    for changes in ({"return_window_days": 30, "never_locked": True}, {}):
        shop = await world.shop(tiers=[], **changes)
        await shop.enroll("ada")
        await shop.buy("p1", "ada", 100_00, days_ago(1))
        assert await locked(shop) == nothing
    assert await locked(await world.books()) == nothing
    shop = await world.shop(return_window_days=30)
    # Whoever it is, and whatever comes in, comes in at another version.
    assert (
        await locked(shop, "m-nobody") == await locked(shop, "wallet") == pb.GetLockedPointsResponse(account_version=0)
    )
    clerk = world.client(world.membership, world.identity.token(scopes=["membership.members.read"]))
    with pytest.raises(PermissionDeniedError):
        await clerk.membership.GetLockedPoints(pb.GetLockedPointsRequest(account=f"{shop.program}/accounts/m-ada"))


async def test_what_is_pending_is_not_there_to_be_locked_and_until_when_is_told(world: World) -> None:
    week = times_pb2.Availability(after_days=7)
    shop = await world.shop(welcome_points=0, tiers=[], return_window_days=30, availability=week)
    await shop.enroll("ada")
    await make(shop, "twice", multiplier=Rational(numerator=2, denominator=1), availability=times_pb2.Availability())
    await shop.buy("p1", "ada", 60_00, days_ago(10))  # before the rule that gives twice
    bought = Timestamp(seconds=days_ago(0).seconds + 60)
    await shop.buy("p2", "ada", 100_00, bought)
    found, balance = await locked(shop), await shop.balance("ada")
    assert (balance.available, balance.pending) == (160, 100)
    assert found.locked_points == 160
    assert abs(found.valid_until.seconds - bought.seconds - 7 * DAY_S) <= 3_600


async def test_a_held_award_is_locked_once_it_is_released_and_a_rejected_one_never(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[], return_window_days=30)
    await shop.enroll("ada")
    per_day = v.VelocityLimit(
        subject=v.VelocityLimit.SUBJECT_MEMBER, period=v.VelocityLimit.PERIOD_DAY, max_purchases=1
    )
    policy = v.VelocityPolicy(name=f"{shop.program}/velocityPolicy", limits=[per_day], hold_flagged=True)
    request = v.SetVelocityPolicyRequest(velocity_policy=policy, request_id=new_request_id())
    await shop.membership.membership.SetVelocityPolicy(request)
    for number in (1, 2, 3):
        await shop.buy(f"p{number}", "ada", number * 100, days_ago(0))
    assert (await locked(shop)).locked_points == 1
    names = [f"{shop.program}/purchases/p{number}" for number in (2, 3)]
    await shop.membership.membership.ReleaseAward(
        v.ReleaseAwardRequest(name=names[0], reason="seen", request_id=new_request_id())
    )
    await shop.membership.membership.RejectAward(
        v.RejectAwardRequest(name=names[1], reason="a ring", request_id=new_request_id())
    )
    found, balance = await locked(shop), await shop.balance("ada")
    assert (found.locked_points, balance.available, found.account_version) == (3, 3, balance.version)


async def test_points_that_wait_for_an_event_are_locked_once_it_is_told(world: World) -> None:
    delivered = times_pb2.Availability(on_event=times_pb2.OnEvent(event="delivered", wait_days=20))
    shop = await world.shop(welcome_points=0, tiers=[], return_window_days=30, availability=delivered)
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 100_00, days_ago(1))
    assert (await locked(shop)).locked_points == 0
    await tell(shop, "e1", "p1")
    found, balance = await locked(shop), await shop.balance("ada")
    assert (found.locked_points, balance.available, found.account_version) == (100, 100, balance.version)


async def test_awards_for_counts_and_what_a_merged_member_bought_are_locked_too(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[], return_window_days=30)
    await shop.enroll("ada")
    await shop.enroll("old")
    count = rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=2, repeats=True)
    await make(shop, "second", count=count, bonus_points=500)
    soon = Timestamp(seconds=days_ago(0).seconds + 60)
    for number in (1, 2):
        await shop.buy(f"p{number}", "ada", 10_00, soon)
    await shop.buy("q1", "old", 7_00, soon)
    assert (await locked(shop)).locked_points == 520
    await shop.bring_back("r1", "p1", 10_00)  # so that the count is not reached any more
    assert (await locked(shop)).locked_points == 10
    merge = merging_pb2.MergeMembersRequest(
        name=f"{shop.program}/members/old", into=f"{shop.program}/members/ada", request_id=new_request_id()
    )
    await shop.membership.membership.MergeMembers(merge)
    assert (await locked(shop)).locked_points == 17
