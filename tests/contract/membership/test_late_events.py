"""What comes late is put into its place, and the difference reaches the ledger."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import InvalidRequestError, new_request_id
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import purchase_pb2, rule_pb2
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_kit.testing.waiting import wait_until
from tests.contract.membership.world import Shop, World, row, usd

DAY = 24 * 3600
FIRST = int(time.time()) // DAY * DAY - 25 * DAY
"""The first day, in seconds since 1970."""
SETTINGS: dict[str, Any] = {
    "late_days": 30,
    "welcome_points": 0,
    "earning_rule": rule_pb2.EarningRule(
        points_per_minor_unit=Rational(numerator=1, denominator=100),
        rounding=rule_pb2.ROUNDING_DOWN,
        caps=[
            rule_pb2.Cap(period=rule_pb2.Cap.PERIOD_DAY, points=120),
            rule_pb2.Cap(period=rule_pb2.Cap.PERIOD_EVER, points=700),
        ],
        cooldown=Duration(seconds=5 * 3600),
    ),
}


@dataclass(frozen=True)
class Bought:
    """A purchase, by the seconds since the first day."""

    purchase_id: str
    member_id: str
    second: int
    cents: int


@dataclass(frozen=True)
class Back:
    """A return of some of a purchase."""

    return_id: str
    purchase_id: str
    second: int
    cents: int


def at(second: int) -> Timestamp:
    return Timestamp(seconds=FIRST + second)


async def do(shop: Shop, one: Bought | Back) -> None:
    if isinstance(one, Bought):
        await shop.buy(one.purchase_id, one.member_id, one.cents, at(one.second))
        return
    goods_return = purchase_pb2.Return(
        name=f"{shop.program}/returns/{one.return_id}",
        purchase=f"{shop.program}/purchases/{one.purchase_id}",
        event_time=at(one.second),
        amount=usd(one.cents),
    )
    request = pb.RecordReturnRequest(goods_return=goods_return, request_id=new_request_id())
    await shop.membership.membership.RecordReturn(request)


async def get(shop: Shop, purchase_id: str) -> purchase_pb2.Purchase:
    request = pb.GetPurchaseRequest(name=f"{shop.program}/purchases/{purchase_id}")
    return (await shop.membership.membership.GetPurchase(request)).purchase


def doings(chance: random.Random, member_id: str) -> list[Bought | Back]:
    """What a member does in twenty days, in its order."""
    found: list[Bought | Back] = []
    for n in range(4):
        bought = Bought(f"{member_id}-{n}", member_id, chance.randrange(20 * 24) * 3600, chance.randrange(20_000))
        found.append(bought)
        left = bought.cents
        for k in range(chance.choice([0, 0, 1, 2])):
            cents = chance.randrange(left) + 1 if left else 0
            left -= cents
            if cents:
                second = bought.second + chance.randrange(1, 5 * 24) * 3600 + 7
                found.append(Back(f"{member_id}-{n}-{k}", bought.purchase_id, second, cents))
    return sorted(found, key=lambda one: (one.second, one.return_id if isinstance(one, Back) else "", one.purchase_id))


async def standings(shop: Shop, member_ids: Iterable[str]) -> Any:
    """What members have in the ledger and count for tiers, which these are, and what all earned and lost."""
    found = {}
    for member_id in member_ids:
        balance, progress = await shop.balance(member_id), (await shop.progress(member_id)).progress
        found[member_id] = (balance.available, progress.counted, progress.tier_id)
    totals = await shop.totals()
    return found, totals.base_points, totals.tier_points, totals.returned_points


async def test_within_the_window_the_order_of_arrival_does_not_matter(world: World) -> None:
    """Tiers, caps and a cooldown on; each event also comes twice."""
    chance = random.Random(11)
    ordered, shuffled = await world.shop(**SETTINGS), await world.shop(**SETTINGS)
    done = {member_id: doings(chance, member_id) for member_id in (f"m{n}" for n in range(6))}
    for shop in (ordered, shuffled):
        await asyncio.gather(*(shop.enroll(member_id) for member_id in done))

    async def one_by_one(shop: Shop, some: Sequence[Bought | Back]) -> None:
        for one in some:
            await do(shop, one)

    await asyncio.gather(*(one_by_one(ordered, some) for some in done.values()))
    every = [one for some in done.values() for one in some]
    arriving = [*every, *chance.sample(every, len(every) // 5)]
    chance.shuffle(arriving)
    imported = [one for one in arriving[: len(arriving) // 3] if isinstance(one, Bought)]
    rows = [row(one.purchase_id, one.member_id, one.cents, at(one.second)) for one in imported]
    await shuffled.import_([shuffled.chunk(1, rows[: len(rows) // 2]), shuffled.chunk(1, rows[len(rows) // 2 :])])
    left = [one for one in arriving if one not in imported]
    await asyncio.gather(*(one_by_one(shuffled, left[n::6]) for n in range(6)))
    expected = await standings(ordered, done)

    async def the_same() -> bool:
        return bool(await standings(shuffled, done) == expected)

    with suppress(TimeoutError):
        await wait_until(the_same)  # a return that came first is recorded soon after its purchase
    assert await standings(shuffled, done) == expected
    assert all(balance == counted for balance, counted, _ in expected[0].values()), "the ledger has what is told"


async def test_a_later_return_takes_back_exactly_what_is_left_of_a_changed_award(world: World) -> None:
    """Silver from 100 points on gives a quarter more; what comes late lifts a purchase to it, or lets it go."""
    shop = await world.shop(late_days=30, welcome_points=0)
    await shop.enroll("ada")
    await do(shop, Bought("second", "ada", DAY, 8_000))
    await do(shop, Back("some", "second", 2 * DAY, 2_000))
    await do(shop, Bought("first", "ada", 0, 10_000))
    assert sorted(await shop.statement("ada")) == sorted(
        [
            (80, "Purchase second"),
            (-20, "Return some of purchase second"),
            (100, "Purchase first"),
            (15, "Late arrival: purchase second"),
        ]
    )
    second = await get(shop, "second")
    assert (second.rating.base_points, second.rating.tier_points, second.returned_points) == (80, 20, 25)
    [change] = second.award_changes
    assert change.late_event == f"{shop.program}/purchases/first"
    assert (change.points_before, change.points) == (80, 100)
    assert (change.returned_points_before, change.returned_points) == (20, 25)
    await do(shop, Back("early", "first", 3600, 5_000))
    second = await get(shop, "second")
    assert (second.rating.tier_points, second.returned_points) == (0, 20)
    assert [one.late_event for one in second.award_changes][1:] == [f"{shop.program}/returns/early"]
    await do(shop, Back("rest", "second", 3 * DAY, 6_000))
    assert (await shop.balance("ada")).available == 50
    assert sum(amount for amount, _ in await shop.statement("ada")) == 50


async def test_what_a_late_change_credited_is_taken_back_before_the_award_itself(world: World) -> None:
    shop = await world.shop(late_days=30, welcome_points=0)
    await shop.enroll("ada")
    await do(shop, Bought("second", "ada", DAY, 8_000))
    await do(shop, Bought("first", "ada", 0, 10_000))
    await shop.spend("ada", 190)
    await do(shop, Back("most", "second", 2 * DAY, 7_200))
    returned = [one for one in await shop.statement("ada") if one[1].startswith("Return")]
    assert sum(amount for amount, _ in returned) == -90
    assert [amount for amount, _ in returned] in ([-20, -70], [-70, -20])
    assert (await shop.balance("ada")).available == -80


async def test_before_the_window_what_comes_late_changes_nothing_else(world: World) -> None:
    shop = await world.shop(late_days=20, welcome_points=0)
    await shop.enroll("ada")
    await do(shop, Bought("second", "ada", DAY, 8_000))
    await do(shop, Bought("first", "ada", 0, 10_000))
    assert (await get(shop, "second")).rating.tier_points == 0
    assert not (await get(shop, "second")).award_changes
    await do(shop, Bought("third", "ada", 22 * DAY, 8_000))
    assert (await get(shop, "third")).rating.tier_points == 20


async def test_a_late_purchase_is_simulated_as_it_is_recorded(world: World) -> None:
    shop = await world.shop(**SETTINGS)
    await shop.enroll("ada")
    await do(shop, Bought("later", "ada", 7200, 10_000))
    request = pb.SimulatePurchaseRequest(purchase=shop.purchase("late", "ada", 9_000, at(0)))
    simulated = (await shop.membership.membership.SimulatePurchase(request)).purchase
    await do(shop, Bought("late", "ada", 0, 9_000))
    recorded = await get(shop, "late")
    assert simulated.rating == recorded.rating
    assert recorded.rating.base_points == 90
    assert (await get(shop, "later")).rating.base_points == 0, "within five hours of one that came before it"
    assert (await shop.balance("ada")).available == 90


async def test_a_window_is_of_at_most_ninety_days(world: World) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await world.shop(late_days=91)
    assert [one.field for one in refused.value.violations] == ["program.late_days"]
