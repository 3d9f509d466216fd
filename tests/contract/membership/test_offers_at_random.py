"""Random offers sent, purchases and returns, held against an evaluator that sees all of them at once."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from guerdon.membership.v1 import offer_pb2 as pb
from tests.contract.membership.sent import COMPLETED, make, now, received, send, stamp
from tests.contract.membership.world import Shop, World, row, usd

GOALS: dict[str, dict[str, Any]] = {
    "one": {"one_purchase": pb.Offer.OnePurchase(minimum_spend=usd(30_00))},
    "all": {"total_spend": pb.Offer.TotalSpend(amount=usd(70_00))},
    "visits": {"visits": pb.Offer.Visits(count=2, minimum_spend=usd(5_00))},
}
PEOPLE = [f"m{n}" for n in range(8)]
NEARLY = [timedelta(microseconds=-1), timedelta(0), timedelta(microseconds=1)]


@dataclass
class Bought:
    """A purchase, with what is kept of it."""

    who: str
    moment: datetime
    kept: int


@dataclass
class Evaluator:
    """What was sent, bought and returned; `sent` has who received what, its validity, and what had been told before."""

    luck: random.Random
    now: datetime = field(default_factory=now)
    bought: dict[str, Bought] = field(default_factory=dict)
    sent: list[tuple[str, str, datetime, datetime, frozenset[str]]] = field(default_factory=list)

    @property
    def _moments(self) -> list[datetime]:
        return [self.now - timedelta(minutes=10 * n) for n in range(6)]

    @property
    def _end(self) -> datetime:
        return self.now + timedelta(minutes=3)

    async def send(self, shop: Shop, offer_id: str) -> None:
        """Sends an offer to some."""
        people = self.luck.sample(PEOPLE, 4)
        start, end = self.luck.choice(self._moments), self._end
        await send(shop, *people, offer_id=offer_id, start=start, end=end)
        self.sent += [(one, offer_id, start, end, frozenset(self.bought)) for one in people]

    async def buy(self, shop: Shop) -> None:
        """Has some buy: near the ends of what is valid, and told of in no order."""
        luck, moments = self.luck, [*self._moments, self._end]
        new = {
            f"p{len(self.bought) + n}": Bought(
                luck.choice(PEOPLE), luck.choice(moments) + luck.choice(NEARLY), luck.randrange(1, 50) * 100
            )
            for n in range(14)
        }
        rows = [row(purchase_id, one.who, one.kept, stamp(one.moment)) for purchase_id, one in new.items()]
        await shop.import_([shop.chunk(1, rows)])
        self.bought |= new

    async def bring_back(self, shop: Shop, turn: int) -> None:
        """Has some bring something back, or all."""
        for purchase_id in self.luck.sample([one for one, bought in self.bought.items() if bought.kept], 3):
            one = self.bought[purchase_id]
            back = self.luck.choice([one.kept, self.luck.randrange(1, one.kept + 1)])
            await shop.bring_back(f"r{turn}-{purchase_id}", purchase_id, back)
            one.kept -= back

    def expected(self, who: str) -> list[tuple[str, bool]]:
        """What a member received, and whether it is completed."""
        told = []
        for receiver, offer_id, start, end, before in self.sent:
            if receiver == who:
                kept = [
                    one.kept
                    for purchase_id, one in self.bought.items()
                    if one.who == who and start <= one.moment <= end and purchase_id not in before
                ]
                told.append((offer_id, completes(offer_id, kept)))
        return told


def completes(offer_id: str, kept: list[int]) -> bool:
    """Whether what is kept of purchases completes an offer, as its words say."""
    if offer_id == "one":
        return any(amount >= 30_00 for amount in kept)
    if offer_id == "all":
        return sum(kept) >= 70_00
    return sum(amount >= 5_00 for amount in kept) >= 2


async def test_what_members_received_is_completed_exactly_as_an_evaluator_says_and_awarded_once(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await asyncio.gather(*(make(shop, offer_id, **goal) for offer_id, goal in GOALS.items()))
    await asyncio.gather(*(shop.enroll(one) for one in PEOPLE))
    evaluator = Evaluator(random.Random(12))
    for turn in range(4):
        await evaluator.send(shop, evaluator.luck.choice(sorted(GOALS)))
        await evaluator.send(shop, evaluator.luck.choice(sorted(GOALS)))
        await evaluator.buy(shop)
        await evaluator.bring_back(shop, turn)
    outcomes = set()
    for who in PEOPLE:
        expected = evaluator.expected(who)
        told = [(one.offer.rpartition("/")[2], one.state == COMPLETED) for one in await received(shop, who)]
        assert told[::-1] == expected
        awards = [amount for amount, memo in await shop.statement(who) if "Offer " in memo]
        assert sum(awards) == 100 * sum(completed for _, completed in expected)
        outcomes |= set(expected)
    assert outcomes == {(offer_id, completed) for offer_id in GOALS for completed in (True, False)}
