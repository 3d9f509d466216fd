"""A reward's life: its versions, its states, its window, and what a redemption keeps of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from guerdon.type.v1.cash_pb2 import Cash
from guerdon.type.v1.rational_pb2 import Rational
from tests.contract.rewards_catalog.world import Shop, World

KINDS: dict[str, Any] = {
    "gift_card": res.GiftCard(value=Cash(minor_units=2500, currency_code="EUR")),
    "merchandise": res.Merchandise(sku="MUG-1"),
    "experience": res.Experience(location="Backstage", event_time=Timestamp(seconds=1_800_000_000, nanos=1000)),
    "fixed_discount": res.FixedDiscount(
        value=Cash(minor_units=500, currency_code="EUR"), min_purchase=Cash(minor_units=2000, currency_code="EUR")
    ),
    "percent_discount": res.PercentDiscount(
        fraction=Rational(numerator=1, denominator=8), max_discount=Cash(minor_units=900, currency_code="EUR")
    ),
    "free_shipping": res.FreeShipping(method="standard"),
    "donation": res.Donation(beneficiary="Sea Watch"),
    "tier_benefit": res.TierBenefit(benefit="lounge", days=30),
}


def at(time: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


async def get(shop: Shop, reward: str, version: int = 0) -> res.Reward:
    request = pb.GetRewardRequest(name=reward, version=version)
    return (await shop.catalog.rewards.GetReward(request)).reward


async def refusal_of(shop: Shop, reward: str, account: str, version: int = 0) -> str:
    request = pb.RedeemRequest(reward=reward, account=account, reward_version=version, request_id=new_request_id())
    with pytest.raises(RefusedError) as refused:
        await shop.catalog.rewards.Redeem(request)
    return refused.value.reason


async def test_a_reward_of_each_kind_reads_as_it_was_made(shop: Shop) -> None:
    for kind, details in KINDS.items():
        name = await shop.reward(kind.replace("_", "-"), stock=1, **{kind: details})
        read = await get(shop, name)
        assert read.WhichOneof("kind") == kind
        assert getattr(read, kind) == details


async def test_everything_that_is_said_of_a_reward_is_kept(shop: Shop) -> None:
    said: dict[str, Any] = {
        "description": "Blue.",
        "localizations": {"de": res.RewardTexts(title="Tasse", description="Blau.")},
        "image_uri": "https://example.com/mug.png",
        "category": "kitchen",
        "terms": "One for each household.",
        "limit_per_period": res.PeriodLimit(period=res.PERIOD_WEEK, limit=2),
        "limit_in_all": 7,
        "start_time": Timestamp(seconds=1_700_000_000),
        "end_time": Timestamp(seconds=4_000_000_000),
    }
    read = await get(shop, await shop.reward(stock=1, **said))
    assert (read.version, read.redeemed_count) == (1, 0)
    for field, value in said.items():
        assert getattr(read, field) == value


async def test_a_change_makes_the_next_version_and_what_was_redeemed_keeps_the_one_before(shop: Shop) -> None:
    mug, member = await shop.reward(price=100, stock=3, terms="No returns."), await shop.member(1000)
    before = await shop.redeem(mug, member)
    changed = await shop.update(mug, title="Big mug", price=120, terms="Returns welcome.", limit_per_account=2)
    assert (changed.version, changed.title, changed.price) == (2, "Big mug", 120)
    after = await shop.redeem(mug, member)
    assert (after.reward_version, after.price, after.title) == (2, 120, "Big mug")
    kept = await shop.redemption(before.name)
    assert (kept.reward_version, kept.price, kept.title) == (1, 100, "Mug")
    first = await get(shop, mug, 1)
    assert (first.version, first.price, first.terms, first.available) == (1, 100, "No returns.", 1)
    with pytest.raises(NotFoundError):
        await get(shop, mug, 3)


async def test_a_change_of_nothing_makes_no_version_and_the_same_request_none_more(shop: Shop) -> None:
    mug = await shop.reward(price=100, stock=1)
    assert (await shop.update(mug, price=100)).version == 1
    request = pb.UpdateRewardRequest(
        reward=res.Reward(name=mug, price=90), update_mask=FieldMask(paths=["price"]), request_id="cheaper"
    )
    await shop.catalog.rewards.UpdateReward(request)
    call = shop.catalog.rewards.UpdateReward(request)
    assert (await call).reward.version == 2
    assert await was_replayed(call)


async def test_a_field_that_the_mask_names_and_the_request_does_not_is_cleared(shop: Shop) -> None:
    limit = res.PeriodLimit(period=res.PERIOD_DAY, limit=1)
    mug = await shop.reward(stock=1, end_time=Timestamp(seconds=4_000_000_000), limit_per_period=limit, limit=3)
    cleared = await shop.update(mug, "end_time", "limit_per_period")
    assert not cleared.HasField("end_time")
    assert not cleared.HasField("limit_per_period")
    assert cleared.limit_per_account == 3


@pytest.mark.parametrize(
    ("paths", "changes", "field"),
    [
        (["fulfilment"], {}, "update_mask"),
        (["unit"], {}, "update_mask"),
        ([], {"gift_card": KINDS["gift_card"]}, "update_mask"),
        (["title"], {}, "reward.title"),
        ([], {"price": -1}, "reward.price"),
        ([], {"limit_per_period": res.PeriodLimit(limit=1)}, "reward.limit_per_period.period"),
        ([], {"end_time": Timestamp(seconds=1)}, "reward.end_time"),
    ],
)
async def test_a_change_out_of_bounds_is_named_and_changes_nothing(
    shop: Shop, paths: list[str], changes: dict[str, Any], field: str
) -> None:
    mug = await shop.reward(stock=1, start_time=Timestamp(seconds=1_000_000_000))
    with pytest.raises(InvalidRequestError) as refused:
        await shop.update(mug, *paths, **changes)
    assert [violation.field for violation in refused.value.violations] == [field]
    assert (await get(shop, mug)).version == 1


async def test_a_member_is_not_charged_another_price_than_it_was_shown(shop: Shop) -> None:
    mug, member = await shop.reward(price=100, stock=2), await shop.member(200)
    await shop.update(mug, price=150)
    assert await refusal_of(shop, mug, member, version=1) == "REWARD_CHANGED"
    assert (await shop.balance(member)).available == 200
    assert await shop.redemptions() == []


async def test_an_archived_reward_is_over_and_what_was_redeemed_is_finished(shop: Shop) -> None:
    mug, member = await shop.reward(stock=2), await shop.member(300)
    kept, returned = await shop.redeem(mug, member), await shop.redeem(mug, member)
    assert (await shop.archive(mug)).state == res.REWARD_STATE_ARCHIVED
    assert (await shop.archive(mug)).state == res.REWARD_STATE_ARCHIVED
    assert await refusal_of(shop, mug, member) == "REWARD_NOT_ACTIVE"
    activate = pb.ActivateRewardRequest(name=mug, request_id=new_request_id())
    pause = pb.PauseRewardRequest(name=mug, request_id=new_request_id())
    add = pb.AddStockRequest(reward=mug, amount=1, request_id=new_request_id())
    rewards = shop.catalog.rewards
    for change in (
        rewards.ActivateReward(activate),
        rewards.PauseReward(pause),
        rewards.AddStock(add),
        shop.update(mug, price=1),
    ):
        with pytest.raises(RefusedError) as refused:
            await change
        assert refused.value.reason == "REWARD_STATE_CONFLICT"
    assert (await shop.fulfil(kept.name)).state == res.REDEMPTION_STATE_FULFILLED
    assert (await shop.cancel(returned.name)).state == res.REDEMPTION_STATE_REFUNDED


async def test_a_reward_is_seen_and_redeemed_within_its_window_only(shop: Shop) -> None:
    now, hour = datetime.now(UTC), timedelta(hours=1)
    member = await shop.member(300)
    early = await shop.reward("early", stock=1, start_time=at(now + hour))
    late = await shop.reward("late", stock=1, end_time=at(now - hour))
    open_ = await shop.reward("open", stock=1, start_time=at(now - hour), end_time=at(now + hour))
    assert await refusal_of(shop, early, member) == "REWARD_NOT_STARTED"
    assert await refusal_of(shop, late, member) == "REWARD_ENDED"
    assert (await shop.redeem(open_, member)).reward == open_
    listed = await shop.catalog.rewards.ListRewards(pb.ListRewardsRequest(parent=shop.program, account=member))
    assert [offer.reward.name for offer in listed.offers] == [open_]


async def test_the_database_lets_nobody_change_a_version_or_a_reward_without_the_next_one(
    shop: Shop, world: World
) -> None:
    mug = await shop.reward(price=100, stock=1)
    program = shop.program.removeprefix("programs/")
    owner = await asyncpg.connect(world.catalog.database.owner_url)
    runtime = await asyncpg.connect(world.catalog.database.runtime_url)
    try:
        for change in ("price = 1", "price = 1, version = version + 2", "version = version + 1, unit = 'stamps'"):
            with pytest.raises(asyncpg.RaiseError):
                await owner.execute(f"update rewards set {change} where program = $1", program)
        for change in ("update reward_versions set price = 1", "delete from reward_versions"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await runtime.execute(change)
    finally:
        await owner.close()
        await runtime.close()
    assert (await get(shop, mug, 1)).price == 100
