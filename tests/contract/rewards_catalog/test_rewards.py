"""Making rewards, filling them up, and showing them to those who would redeem them."""

from __future__ import annotations

from typing import Any

import pytest

from guerdon import (
    GuerdonError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RefusedError,
    new_request_id,
    was_replayed,
)
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from tests.contract.rewards_catalog.world import Shop, World


def a_mug(shop: Shop, request_id: str = "", **changes: Any) -> pb.CreateRewardRequest:
    fields: dict[str, Any] = {
        "name": f"{shop.program}/rewards/mug",
        "title": "Mug",
        "unit": f"{shop.program}/units/points",
        "price": 100,
        "fulfilment": res.FULFILMENT_STOCK,
    }
    reward = res.Reward(**{**fields, **changes})
    return pb.CreateRewardRequest(reward=reward, stock=5, request_id=request_id or new_request_id())


async def test_a_reward_begins_as_a_draft_or_active_and_reads_as_it_was_made(shop: Shop) -> None:
    made = (await shop.catalog.rewards.CreateReward(a_mug(shop, description="Blue."))).reward
    assert (made.title, made.description, made.price, made.available) == ("Mug", "Blue.", 100, 5)
    assert made.state == res.REWARD_STATE_DRAFT
    read = await shop.catalog.rewards.GetReward(pb.GetRewardRequest(name=made.name))
    assert read.reward == made
    active = await shop.reward("cup", activate=True)
    assert (await shop.catalog.rewards.GetReward(pb.GetRewardRequest(name=active))).reward.state == (
        res.REWARD_STATE_ACTIVE
    )


async def test_the_same_request_again_is_answered_as_a_replay_and_makes_nothing_more(shop: Shop) -> None:
    request = a_mug(shop, "make-mug")
    first = await shop.catalog.rewards.CreateReward(request)
    call = shop.catalog.rewards.CreateReward(request)
    assert await call == first
    assert await was_replayed(call)


async def test_the_same_id_with_another_body_names_the_fields_that_differ(shop: Shop) -> None:
    await shop.catalog.rewards.CreateReward(a_mug(shop, "make-mug"))
    with pytest.raises(InvalidRequestError) as refused:
        await shop.catalog.rewards.CreateReward(a_mug(shop, "make-mug", title="Cup"))
    assert (refused.value.reason, refused.value.metadata["fields"]) == ("REQUEST_ID_REUSED", "reward")


async def test_a_name_that_is_taken_is_refused(shop: Shop) -> None:
    await shop.catalog.rewards.CreateReward(a_mug(shop))
    with pytest.raises(GuerdonError) as refused:
        await shop.catalog.rewards.CreateReward(a_mug(shop))
    assert refused.value.reason == "ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": "x" * 201}, "reward.title"),
        ({"title": "a\0b"}, "reward.title"),
        ({"description": "\0"}, "reward.description"),
        ({"price": -1}, "reward.price"),
        ({"price": 2**53 + 1}, "reward.price"),
        ({"limit_per_account": -1}, "reward.limit_per_account"),
        ({"fulfilment": 77}, "reward.fulfilment"),
        ({"fulfilment": res.FULFILMENT_UNLIMITED}, "stock"),
    ],
)
async def test_a_field_out_of_bounds_is_named(shop: Shop, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await shop.catalog.rewards.CreateReward(a_mug(shop, **changes))
    assert [violation.field for violation in refused.value.violations] == [field]


async def test_a_unit_that_the_program_does_not_have_is_refused(shop: Shop, world: World) -> None:
    other = await world.shop()
    for unit in (f"{shop.program}/units/stamps", f"{shop.program}/units/{'s' * 63}", f"{other.program}/units/points"):
        with pytest.raises(InvalidRequestError) as refused:
            await shop.catalog.rewards.CreateReward(a_mug(shop, unit=unit))
        assert [violation.field for violation in refused.value.violations] == ["reward.unit"]


async def test_a_reward_is_activated_and_paused_but_a_draft_is_not_paused(shop: Shop) -> None:
    name = await shop.reward(activate=False)

    async def pause() -> res.Reward:
        request = pb.PauseRewardRequest(name=name, request_id=new_request_id())
        return (await shop.catalog.rewards.PauseReward(request)).reward

    with pytest.raises(RefusedError) as refused:
        await pause()
    assert refused.value.reason == "REWARD_STATE_CONFLICT"
    activated = await shop.catalog.rewards.ActivateReward(
        pb.ActivateRewardRequest(name=name, request_id=new_request_id())
    )
    assert activated.reward.state == res.REWARD_STATE_ACTIVE
    assert (await pause()).state == res.REWARD_STATE_PAUSED


async def test_pieces_are_added_once_for_each_request_and_only_to_a_stock(shop: Shop) -> None:
    mug = await shop.reward("mug", stock=1)
    request = pb.AddStockRequest(reward=mug, amount=4, request_id="four-more")
    assert (await shop.catalog.rewards.AddStock(request)).reward.available == 5
    assert (await shop.catalog.rewards.AddStock(request)).reward.available == 5
    call = await shop.reward("call", unlimited=True)
    with pytest.raises(RefusedError) as refused:
        await shop.catalog.rewards.AddStock(pb.AddStockRequest(reward=call, amount=1, request_id="one-more"))
    assert refused.value.reason == "WRONG_FULFILMENT"
    with pytest.raises(InvalidRequestError):
        await shop.catalog.rewards.AddStock(pb.AddStockRequest(reward=mug, amount=10**9 + 1, request_id="too-many"))


async def test_a_member_sees_what_it_can_afford_and_how_many_points_are_to_go(shop: Shop) -> None:
    member = await shop.member(380)
    await shop.reward("mug", price=100, stock=1)
    await shop.reward("hat", price=500, stock=1)
    await shop.reward("draft", price=50, stock=1, activate=False)
    await shop.make_unit("stamps")
    await shop.reward("sticker", price=1, stock=1, unit="stamps")
    answer = await shop.catalog.rewards.ListRewards(pb.ListRewardsRequest(parent=shop.program, account=member))
    assert answer.available_points == 380
    assert [(offer.reward.title, offer.affordable, offer.points_to_go) for offer in answer.offers] == [
        ("Mug", True, 0),
        ("Hat", False, 120),
    ]
    assert not answer.next_page_token


async def test_pages_follow_each_other_without_gap_or_repeat_and_a_token_fits_its_list_only(shop: Shop) -> None:
    member, other = await shop.member(), await shop.member()
    made = [await shop.reward(f"r{number}", price=100 + number // 2, stock=1) for number in range(5)]
    seen: list[str] = []
    token = ""
    while True:
        request = pb.ListRewardsRequest(parent=shop.program, account=member, page_size=2, page_token=token)
        page = await shop.catalog.rewards.ListRewards(request)
        seen += [offer.reward.name for offer in page.offers]
        token = page.next_page_token or token
        if not page.next_page_token:
            break
    assert seen == made
    for account, bad in [(other, token), (member, "x"), (member, token[:-4])]:
        with pytest.raises(InvalidRequestError) as refused:
            await shop.catalog.rewards.ListRewards(
                pb.ListRewardsRequest(parent=shop.program, account=account, page_token=bad)
            )
        assert [violation.field for violation in refused.value.violations] == ["page_token"]
    with pytest.raises(InvalidRequestError):
        await shop.catalog.rewards.ListRewards(
            pb.ListRewardsRequest(parent=shop.program, account=member, page_size=1001)
        )


async def test_another_programs_rewards_do_not_exist_for_a_caller_and_scopes_are_required(
    shop: Shop, world: World
) -> None:
    mug = await shop.reward(stock=1)
    member = await shop.member(100)
    foreign = world.client(world.catalog, world.identity.token(tenants=["programs/elsewhere"]))
    absent = f"{shop.program}/rewards/absent"
    for name in (mug, absent):
        with pytest.raises(NotFoundError):
            await foreign.rewards.GetReward(pb.GetRewardRequest(name=name))
        with pytest.raises(NotFoundError):
            await foreign.rewards.Redeem(pb.RedeemRequest(reward=name, account=member, request_id="r"))
    reader = world.client(world.catalog, world.identity.token(scopes=["rewards.rewards.read"]))
    assert (await reader.rewards.GetReward(pb.GetRewardRequest(name=mug))).reward.name == mug
    with pytest.raises(PermissionDeniedError):
        await reader.rewards.Redeem(pb.RedeemRequest(reward=mug, account=member, request_id="r"))
    with pytest.raises(NotFoundError):
        await shop.catalog.rewards.GetReward(pb.GetRewardRequest(name=absent))
