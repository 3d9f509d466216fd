"""Draft rules tried over the service on what was bought: the CDNOW sample, baskets, and what is refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import InvalidRequestError
from guerdon.membership.v1 import basket_pb2, campaign_pb2, program_pb2, purchase_pb2, rule_pb2, times_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import simulation_pb2 as sim
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_cli.demo.purchases import SAMPLE, Purchase, read_purchases
from tests.contract.membership.campaigning import HALF, held_out, run
from tests.contract.membership.test_segments import make as make_segment
from tests.contract.membership.world import Shop, World, row, when

PER_DOLLAR: dict[str, Any] = {
    "points_per_minor_unit": Rational(numerator=1, denominator=100),
    "rounding": rule_pb2.ROUNDING_DOWN,
}
THIRD = rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=3)
DOUBLE: dict[str, Any] = {"multiplier": Rational(numerator=2, denominator=1)}


def draft(shop: Shop, **rules: dict[str, Any]) -> sim.SimulateRulesRequest:
    """A draft of rules by their ids."""
    named = [rule_pb2.EarningRule(name=f"{shop.program}/rules/{rule_id}", **of) for rule_id, of in rules.items()]
    return sim.SimulateRulesRequest(parent=shop.program, earning_rules=named)


async def steps(shop: Shop, request: sim.SimulateRulesRequest) -> list[sim.SimulateRulesResponse]:
    return [one async for one in shop.membership.membership.SimulateRules(request)]


async def simulate(shop: Shop, request: sim.SimulateRulesRequest) -> sim.RulesSimulation:
    return (await steps(shop, request))[-1].simulation


def costs(shop: Shop, found: sim.RulesSimulation) -> dict[str, tuple[int, int]]:
    return {
        cost.rule.removeprefix(f"{shop.program}/rules/"): (cost.points, cost.purchase_count) for cost in found.costs
    }


async def import_sample(shop: Shop, every: int = 20) -> list[Purchase]:
    """Imports the sample, or of its customers, whose numbers are multiples of 20, those of a greater number."""
    purchases = [one for one in read_purchases(SAMPLE) if int(one.customer) % every == 0]
    rows = [row(one.id, one.customer, one.cents, Timestamp(seconds=one.second)) for one in purchases]
    await shop.import_([shop.chunk(at + 1, rows[at : at + 1000]) for at in range(0, len(rows), 1000)])
    return purchases


async def test_a_draft_over_the_cdnow_sample_costs_what_it_would_have(world: World) -> None:
    """Source: the CDNOW file; a bonus of 100 over $50, by hand."""
    shop = await world.shop(welcome_points=0, tiers=[])
    purchases = await import_sample(shop)
    over = {"bonus_points": 100, "minimum_spend": 50_00}
    told = await steps(shop, draft(shop, base=PER_DOLLAR, over=over))
    assert [one.purchase_count for one in told] == [3_365] * len(told)
    counts = [one.replayed_count for one in told]
    assert counts[0] == 0 < counts[1] < counts[-1] == 3_365, "it tells how far it is"
    assert not any(one.HasField("simulation") for one in told[:-1])
    found = told[-1].simulation
    bonuses = Counter(one.customer for one in purchases if one.cents >= 50_00)
    assert costs(shop, found) == {
        "base": (111_591, _earning(purchases)),
        "over": (100 * bonuses.total(), bonuses.total()),
    }
    assert (found.purchase_count, found.member_count) == (3_365, 1_178)
    assert (found.awarded_points, found.simulated_points) == (111_591, 111_591 + 100 * bonuses.total())
    assert (found.winner_count, found.loser_count, list(found.losers)) == (len(bonuses), 0, [])
    most = sorted(bonuses, key=lambda customer: (-bonuses[customer], customer))[:10]
    assert [one.member for one in found.winners] == [f"{shop.program}/members/{customer}" for customer in most]
    assert [one.simulated_points - one.awarded_points for one in found.winners] == [100 * bonuses[one] for one in most]

    year = draft(shop, half={**PER_DOLLAR, "points_per_minor_unit": Rational(numerator=1, denominator=200)})
    year.start_time.CopyFrom(when(1998, 1, 1))
    year.end_time.CopyFrom(when(1998, 4, 1))
    year.named_members = 1
    of_quarter = [one for one in purchases if when(1998, 1, 1).seconds <= one.second < when(1998, 4, 1).seconds]
    found = await simulate(shop, year)
    assert (found.purchase_count, found.awarded_points) == (
        len(of_quarter),
        sum(one.whole_dollars for one in of_quarter),
    )
    assert found.simulated_points == sum(one.cents // 200 for one in of_quarter)
    assert (found.winner_count, len(found.losers)) == (0, 1)


def _earning(purchases: Sequence[Purchase]) -> int:
    return sum(one.whole_dollars > 0 for one in purchases)


async def test_the_rules_in_force_replayed_change_nothing_and_a_draft_reaches_tiers_by_its_own_points(
    world: World,
) -> None:
    shop = await world.shop(welcome_points=0)
    await import_sample(shop, every=100)
    totals = await shop.totals()
    assert totals.tier_points > 0
    same = await simulate(shop, draft(shop, base=PER_DOLLAR))
    assert (same.awarded_points, same.simulated_points) == (totals.base_points + totals.tier_points,) * 2
    assert (same.winner_count, same.loser_count) == (0, 0)
    assert {rule: points for rule, (points, _) in costs(shop, same).items()} == {
        "base": totals.base_points,
        "": totals.tier_points,
    }
    twice = await simulate(shop, draft(shop, base=PER_DOLLAR, double=DOUBLE))
    assert costs(shop, twice)[""][1] > costs(shop, same)[""][1], "tiers are reached sooner"
    assert await shop.totals() == totals, "nothing is written"


@pytest.mark.parametrize("policy", [None, program_pb2.TierPolicy(metric=program_pb2.TierPolicy.METRIC_SPEND)])
async def test_baskets_are_replayed_and_what_was_bought_before_counts_as_awarded(
    world: World, policy: program_pb2.TierPolicy | None
) -> None:
    gold = program_pb2.Tier(
        tier_id="gold", threshold=50_00 if policy else 50, multiplier=Rational(numerator=2, denominator=1)
    )
    shop = await world.shop(welcome_points=0, tiers=[gold], tier_policy=policy)
    await shop.enroll("ada")
    for day, category in ((1, "shoes"), (2, "shoes"), (3, "shirts")):
        lines = [basket_pb2.BasketLine(line_id="a", category=category, quantity=1, unit_price=60_00)]
        purchase = shop.purchase(f"p{day}", "ada", 60_00, when(2026, 1, day, 12))
        purchase.basket.CopyFrom(basket_pb2.Basket(lines=lines))
        await record(shop, purchase)
    shoes = {**PER_DOLLAR, "condition": "line.category == 'shoes'"}
    asked = draft(shop, shoes=shoes)
    assert costs(shop, await simulate(shop, asked)) == {"shoes": (120, 2), "": (60, 1)}
    asked.start_time.CopyFrom(when(2026, 1, 2))
    found = await simulate(shop, asked)
    assert costs(shop, found) == {"shoes": (60, 1), "": (60, 1)}, "gold by what was awarded on the first day"
    [loser] = found.losers
    assert (loser.awarded_points, loser.simulated_points) == (240, 120)


async def record(shop: Shop, purchase: purchase_pb2.Purchase) -> None:
    await shop.membership.membership.RecordPurchase(
        pb.RecordPurchaseRequest(purchase=purchase, request_id=purchase.name.replace("/", "-"))
    )


async def test_two_replays_at_once_both_come_to_their_end(shop: Shop) -> None:
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 10_00)
    asked = draft(shop, base=PER_DOLLAR)
    first, second = await asyncio.gather(simulate(shop, asked), simulate(shop, asked))
    assert first == second
    assert first.simulated_points == 10


async def test_a_draft_counts_and_keeps_within_the_windows_budgets_and_groups_of_its_campaigns(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    people = [f"m{number}" for number in range(6)]
    rows = [row(f"{who}-{day}", who, 10_00, when(2026, 1, day, 12)) for day in range(1, 7) for who in people]
    await shop.import_([shop.chunk(1, rows)])
    name = f"{shop.program}/campaigns/jan"
    jan = campaign_pb2.Campaign(name=name, start_time=when(2026, 1, 3), end_time=when(2026, 1, 5))
    asked = draft(
        shop, base=PER_DOLLAR, third={"bonus_points": 100, "count": THIRD}, gift={"bonus_points": 7, "campaign": name}
    )
    asked.campaigns.append(jan)
    found = await simulate(shop, asked)
    assert costs(shop, found) == {"base": (360, 36), "third": (600, 6), "gift": (84, 12)}
    asked.campaigns[0].holdout_share.CopyFrom(HALF)
    out = [who for who in people if held_out(asked.campaigns[0], who)]
    found = await simulate(shop, asked)
    assert costs(shop, found)["gift"] == (7 * 2 * (6 - len(out)), 2 * (6 - len(out)))
    asked.campaigns[0].ClearField("holdout_share")
    asked.campaigns[0].budget_points = 30
    found = await simulate(shop, asked)
    assert costs(shop, found)["gift"] == (28, 4)
    assert [one.simulated_points - one.awarded_points for one in found.winners] == [107] * 4 + [100] * 2
    made = await run(shop, "jan")
    del asked.campaigns[:]
    assert costs(shop, await simulate(shop, asked))["gift"] == (0, 0), "the program's own began now"
    assert made.budget_points == 0


async def test_a_draft_takes_late_events_to_have_arrived_as_they_happened(world: World) -> None:
    shop = await world.shop(late_days=7, purchase_statistics=True, welcome_points=0, tiers=[])
    await shop.enroll("ada")
    for day, cents in ((3, 30_00), (1, 10_00), (2, 20_00)):
        await shop.buy(f"p{day}", "ada", cents, when(2026, 1, day, 12))
    await make_segment(shop, "known", "purchases.count > 0")
    name = f"{shop.program}/campaigns/jan"
    asked = draft(
        shop,
        base=PER_DOLLAR,
        double={**DOUBLE, "campaign": name},
        first={"bonus_points": 1, "condition": "purchases.count == 0"},
        known={"bonus_points": 2, "condition": "'known' in member.segments"},
    )
    asked.campaigns.add(name=name, start_time=when(2026, 1, 1), budget_points=30)
    found = await simulate(shop, asked)
    assert costs(shop, found) == {"base": (60, 3), "double": (30, 2), "first": (1, 1), "known": (4, 2)}


async def test_a_draft_that_is_wrong_is_refused_by_field(shop: Shop) -> None:
    twice, many = draft(shop, a=DOUBLE), draft(shop, a=DOUBLE)
    twice.earning_rules.add().CopyFrom(twice.earning_rules[0])
    many.named_members = 101
    none, over = f"{shop.program}/campaigns/none", draft(shop, a=DOUBLE)
    window = times_pb2.Availability(after_return_window=True)
    over.campaigns.add(name=none, start_time=when(2026, 1, 2), end_time=when(2026, 1, 1))
    cases = [
        (draft(shop), "earning_rules"),
        (draft(shop, a=DOUBLE | {"condition": "line.colour == 'red'"}), "earning_rules[0].condition"),
        (draft(shop, a=DOUBLE | {"condition": "purchases.count == 0"}), "earning_rules[0].condition"),
        (draft(shop, a=DOUBLE | {"availability": window}), "earning_rules[0].availability.after_return_window"),
        (draft(shop, a=DOUBLE, b={}), "earning_rules[1].points_per_minor_unit"),
        (draft(shop, **{f"r{n}": DOUBLE for n in range(51)}), "earning_rules"),
        (draft(shop, a=DOUBLE, b={"bonus_points": 5, "campaign": none}), "earning_rules[1].campaign"),
        (over, "campaigns[0].end_time"),
        (twice, "earning_rules"),
        (many, "named_members"),
    ]
    for request, field in cases:
        with pytest.raises(InvalidRequestError) as refused:
            await steps(shop, request)
        assert [one.field for one in refused.value.violations] == [field]
