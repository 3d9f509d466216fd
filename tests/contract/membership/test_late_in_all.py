"""Purchases, returns and activities of many members, delivered shuffled, duplicated and late, come to what they come
to in the order in which they happened.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import new_request_id
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import purchase_pb2, rule_pb2
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_kit.testing.waiting import wait_until
from tests.contract.membership.campaigning import report, run
from tests.contract.membership.doings import activity, list_all, make_type, record
from tests.contract.membership.test_rules import make
from tests.contract.membership.test_sliding import SLIDING
from tests.contract.membership.world import Shop, World, row, usd

PURCHASES = rule_pb2.Count.COUNTED_PURCHASES
MEMBERS = 3
SECONDS = 230
"""Rules are in force from their making on, and nothing happens more than five minutes from now."""
SETTINGS: dict[str, Any] = {
    "late_days": 30,
    "welcome_points": 0,
    "purchase_statistics": True,
    "expiry_policy": SLIDING,
    "earning_rule": rule_pb2.EarningRule(
        points_per_minor_unit=Rational(numerator=1, denominator=100),
        rounding=rule_pb2.ROUNDING_DOWN,
        caps=[rule_pb2.Cap(period=rule_pb2.Cap.PERIOD_DAY, points=500)],
        cooldown=Duration(seconds=20),
    ),
}


@dataclass(frozen=True, order=True)
class Event:
    """What a member does, in the order of what happens: purchases before returns at one time."""

    second: int
    return_id: str
    event_id: str
    """The purchase's, or the activity's."""
    member_id: str
    cents: int = field(default=0, compare=False)
    activity_type: str = field(default="", compare=False)


def happening(chance: random.Random, member_id: str) -> list[Event]:
    """Purchases, returns of them and activities of a member, in their order."""
    found = []
    for n in range(6):
        bought = Event(chance.randrange(SECONDS - 30), "", f"{member_id}-{n}", member_id, chance.randrange(1, 20_000))
        found.append(bought)
        if chance.random() < 0.4:
            cents = chance.choice([bought.cents, chance.randrange(1, bought.cents + 1)])
            second = bought.second + chance.randrange(1, 30)
            found.append(Event(second, f"r-{member_id}-{n}", bought.event_id, member_id, cents))
    for n in range(8):
        kind = chance.choice(["review", "visit"])
        found.append(Event(chance.randrange(SECONDS), "", f"{member_id}-{kind}{n}", member_id, 0, kind))
    return sorted(found)


async def do(shop: Shop, start: int, one: Event) -> None:
    at = Timestamp(seconds=start + one.second)
    if one.activity_type:
        await record(shop, activity(shop, one.event_id, one.member_id, one.activity_type, at))
    elif not one.return_id:
        await shop.buy(one.event_id, one.member_id, one.cents, at)
    else:
        goods_return = purchase_pb2.Return(
            name=f"{shop.program}/returns/{one.return_id}",
            purchase=f"{shop.program}/purchases/{one.event_id}",
            event_time=at,
            amount=usd(one.cents),
        )
        request = pb.RecordReturnRequest(goods_return=goods_return, request_id=new_request_id())
        await shop.membership.membership.RecordReturn(request)


async def made(world: World, member_ids: Sequence[str]) -> Shop:
    """A program with tiers, caps, cooldowns, counts, conditions on purchases and a campaign, and with its members."""
    shop = await world.shop(**SETTINGS)
    third, first = (
        rule_pb2.Count(counted=PURCHASES, number=3, repeats=True),
        rule_pb2.Count(counted=PURCHASES, number=1),
    )
    await make(shop, "third", bonus_points=50, count=third)
    await make(shop, "first", bonus_points=31, minimum_spend=5_000, count=first)
    await make(shop, "silver", bonus_points=17, count=first, condition="member.tier == 'silver'")
    await make(shop, "new", bonus_points=13, condition="purchases.count == 0")
    await make(shop, "large", bonus_points=19, condition="purchases.spend > 15000 && purchases.days_since_last == 0")
    spring = await run(shop, "spring")
    cap = rule_pb2.Cap(period=rule_pb2.Cap.PERIOD_EVER, points=25)
    await make(shop, "gift", bonus_points=10, campaign=spring.name, caps=[cap])
    await make_type(shop, "review", 11, day_cap=2, cooldown=Duration(seconds=40))
    await make_type(shop, "visit", 7, total_cap=3, cooldown=Duration(seconds=15))
    await asyncio.gather(*(shop.enroll(member_id) for member_id in member_ids))
    return shop


async def outcome(shop: Shop, member_ids: Sequence[str]) -> Any:
    """Balances and tiers of members, what their activities brought, and what all purchases and the campaign gave."""
    found = {}
    for member_id in member_ids:
        progress = (await shop.progress(member_id)).progress
        brought = {one.name.rpartition("/")[2]: one.points for one in await list_all(shop, member_id)}
        found[member_id] = (await shop.balance(member_id)).available, progress.counted, progress.tier_id, brought
    totals, spring = await shop.totals(), (await report(shop, "spring")).reached
    given = spring.purchase_count, spring.awarded_purchase_count, spring.awarded_points
    return found, given, (totals.base_points, totals.tier_points, totals.rule_points, totals.returned_points)


async def test_whatever_the_order_of_arrival_members_have_what_they_have_in_order(world: World) -> None:
    chance = random.Random(27)
    done = {f"m{n}": happening(chance, f"m{n}") for n in range(MEMBERS)}
    ordered, shuffled = await made(world, list(done)), await made(world, list(done))
    start = int(time.time()) + 1

    async def one_by_one(shop: Shop, some: Sequence[Event]) -> None:
        for one in some:
            await do(shop, start, one)

    await asyncio.gather(*(one_by_one(ordered, some) for some in done.values()))
    every = [one for some in done.values() for one in some]
    arriving = [*every, *chance.sample(every, len(every) // 4)]
    chance.shuffle(arriving)
    head = arriving[: len(arriving) // 4]
    imported = [one for one in head if not one.return_id and not one.activity_type]
    rows = [row(one.event_id, one.member_id, one.cents, Timestamp(seconds=start + one.second)) for one in imported]
    await shuffled.import_([shuffled.chunk(1, rows[::2]), shuffled.chunk(1, rows[1::2])])
    left = [one for one in arriving if one not in imported]
    await asyncio.gather(*(one_by_one(shuffled, left[n::6]) for n in range(6)))
    expected = await outcome(ordered, list(done))

    async def the_same() -> bool:
        return bool(await outcome(shuffled, list(done)) == expected)

    with suppress(TimeoutError):
        await wait_until(the_same)  # a return that came first is recorded soon after its purchase
    assert await outcome(shuffled, list(done)) == expected
