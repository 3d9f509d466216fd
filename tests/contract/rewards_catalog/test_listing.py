"""What an account is shown: filtered, searched, in its language, and page by page without gap or repeat."""

from __future__ import annotations

from typing import Any

import pytest

from guerdon import InvalidRequestError, RefusedError
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from tests.contract.rewards_catalog.world import Shop


async def shown(shop: Shop, account: str, **sought: Any) -> list[str]:
    """The titles, in their order."""
    request = pb.ListRewardsRequest(parent=shop.program, account=account, **sought)
    return [offer.title for offer in (await shop.catalog.rewards.ListRewards(request)).offers]


@pytest.fixture
async def member(shop: Shop) -> str:
    """With 300 points, before a catalog of five rewards."""
    german = {"de": res.RewardTexts(title="Tasse")}
    await shop.reward("mug", price=100, stock=1, category="kitchen", localizations=german)
    await shop.reward("hat", price=500, stock=1, category="wear", merchandise=res.Merchandise(sku="HAT"))
    await shop.reward("pan", price=300, stock=1, category="kitchen", merchandise=res.Merchandise(sku="PAN"))
    await shop.reward("sea", price=50, unlimited=True, donation=res.Donation(beneficiary="Sea Watch"))
    await shop.reward("cap", price=100, stock=1, category="wear")
    return await shop.member(300)


@pytest.mark.parametrize(
    ("sought", "titles"),
    [
        ({}, ["Sea", "Cap", "Mug", "Pan", "Hat"]),
        ({"order": pb.REWARD_ORDER_DEAREST}, ["Hat", "Pan", "Mug", "Cap", "Sea"]),
        ({"order": pb.REWARD_ORDER_NEWEST}, ["Cap", "Sea", "Pan", "Hat", "Mug"]),
        ({"category": "kitchen"}, ["Mug", "Pan"]),
        ({"affordable_only": True}, ["Sea", "Cap", "Mug", "Pan"]),
        ({"affordable_only": True, "max_price": 99}, ["Sea"]),
        ({"min_price": 100, "max_price": 300}, ["Cap", "Mug", "Pan"]),
        ({"kinds": [res.REWARD_KIND_DONATION, res.REWARD_KIND_MERCHANDISE]}, ["Sea", "Pan", "Hat"]),
        ({"kinds": [res.REWARD_KIND_GIFT_CARD]}, []),
        ({"title_contains": "A", "category": "wear"}, ["Cap", "Hat"]),
        ({"title_contains": "TASS"}, ["Mug"]),
        ({"title_contains": "TASS", "locale": "de-AT"}, ["Tasse"]),
        ({"title_contains": "%"}, []),
    ],
)
async def test_an_account_sees_what_it_looks_for_in_the_order_it_likes(
    shop: Shop, member: str, sought: dict[str, Any], titles: list[str]
) -> None:
    assert await shown(shop, member, **sought) == titles


@pytest.mark.parametrize("order", [pb.REWARD_ORDER_CHEAPEST, pb.REWARD_ORDER_DEAREST, pb.REWARD_ORDER_NEWEST])
async def test_pages_go_on_where_they_ended_though_rewards_come_and_go_meanwhile(
    shop: Shop, member: str, order: pb.RewardOrder.ValueType
) -> None:
    whole = await shown(shop, member, order=order)
    request = pb.ListRewardsRequest(parent=shop.program, account=member, order=order, page_size=2)
    first = await shop.catalog.rewards.ListRewards(request)
    # What was seen is gone, and something is new before it: the next page is the same.
    await shop.archive(first.offers[0].reward.name)
    if order != pb.REWARD_ORDER_NEWEST:
        await shop.reward("new", price=1 if order == pb.REWARD_ORDER_CHEAPEST else 999, stock=1)
    seen, token = [offer.title for offer in first.offers], first.next_page_token
    while token:
        request.page_token = token
        page = await shop.catalog.rewards.ListRewards(request)
        seen += [offer.title for offer in page.offers]
        token = page.next_page_token
    assert seen == whole


async def test_a_page_goes_on_with_the_same_filters_only(shop: Shop, member: str) -> None:
    request = pb.ListRewardsRequest(parent=shop.program, account=member, page_size=1)
    token = (await shop.catalog.rewards.ListRewards(request)).next_page_token
    for changes in ({"category": "wear"}, {"order": pb.REWARD_ORDER_DEAREST}, {"affordable_only": True}):
        with pytest.raises(InvalidRequestError) as refused:
            await shown(shop, member, page_token=token, **changes)
        assert [violation.field for violation in refused.value.violations] == ["page_token"]


async def test_a_reward_for_some_is_shown_to_them_alone_and_redeemed_by_them_alone(shop: Shop, member: str) -> None:
    gold = await shop.reward("gold", price=1, stock=9, audience=res.Groups(tiers=["gold", "platinum"]))
    await shop.reward("book", price=2, stock=9, audience=res.Groups(tiers=["gold"], segments=["students"]))
    golden, student = res.Groups(tiers=["gold"]), res.Groups(tiers=["gold"], segments=["students"])
    everybody = ["Sea", "Cap", "Mug", "Pan", "Hat"]
    assert await shown(shop, member) == everybody
    assert await shown(shop, member, member_groups=res.Groups(tiers=["silver"])) == everybody
    assert await shown(shop, member, member_groups=golden) == ["Gold", *everybody]
    assert await shown(shop, member, member_groups=student) == ["Gold", "Book", *everybody]
    with pytest.raises(RefusedError) as refused:
        await shop.redeem(gold, member, "gold")
    assert (refused.value.reason, refused.value.metadata["reward"]) == ("NOT_IN_AUDIENCE", gold)
    assert (await shop.redeem(gold, member, "gold", member_groups=golden)).state == res.REDEMPTION_STATE_ISSUED
    changed = await shop.update(gold, "audience")
    assert (changed.version, changed.HasField("audience")) == (2, False)
    assert await shown(shop, member, max_price=1) == ["Gold"]


@pytest.mark.parametrize(
    ("sought", "field"), [({"min_price": -1}, "min_price"), ({"title_contains": "x" * 101}, "title_contains")]
)
async def test_a_filter_out_of_bounds_is_named(shop: Shop, sought: dict[str, Any], field: str) -> None:
    member = await shop.member()
    with pytest.raises(InvalidRequestError) as refused:
        await shown(shop, member, **sought)
    assert [violation.field for violation in refused.value.violations] == [field]
