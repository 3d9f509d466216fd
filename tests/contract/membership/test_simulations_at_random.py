"""Random programs over the service: a draft that is the rules in force costs, rule by rule, what was awarded when the
purchases were recorded, whatever order they came in.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from guerdon import new_request_id
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import program_pb2, purchase_pb2, rule_pb2, segment_pb2
from guerdon.membership.v1 import simulation_pb2 as sim
from guerdon.type.v1.rational_pb2 import Rational
from tests.contract.membership.campaigning import HALF, report, run
from tests.contract.membership.test_earning_exactly import (
    WITHIN_S,
    named_purchase,
    seed,  # noqa: F401 - a fixture
)
from tests.contract.membership.test_simulations import costs, simulate
from tests.contract.membership.world import Shop, World
from tests.earning.cases import Case
from tests.earning.cases import case as case_of

PROGRAMS = 4
MEMBERS = ("ada", "ben", "eve")
POLICIES = (None, program_pb2.TierPolicy(metric=program_pb2.TierPolicy.METRIC_SPEND))
COUNTS: dict[str, dict[str, Any]] = {
    "third": {
        "bonus_points": 40,
        "count": rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=3, repeats=True),
    },
    "card": {
        "piece_points_per_minor_unit": Rational(numerator=1, denominator=50),
        "count": rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PIECES, number=4, repeats=True),
    },
}
LOOKING_BACK: dict[str, dict[str, Any]] = {
    "first": {"bonus_points": 90, "condition": "purchases.count == 0"},
    "more": {"bonus_points": 15, "condition": "purchases.spend >= 10000 && purchases.days_since_last == 0"},
    "regular": {"bonus_points": 7, "condition": "'regular' in member.segments"},
    "tiered": {"bonus_points": 3, "condition": "'tiered' in member.segments && purchase.amount > 0"},
}
SEGMENTS = {"regular": "purchases.year_count >= 2", "tiered": "member.tier != '' && member.year_points >= 30"}


async def test_the_rules_in_force_as_a_draft_cost_what_was_awarded(world: World, seed: int) -> None:  # noqa: F811
    cases = [case_of(seed + number, rules=number % 4, purchases=14, within_s=WITHIN_S) for number in range(PROGRAMS)]
    await asyncio.gather(*(play(world, Random(seed + number), case) for number, case in enumerate(cases)))


async def play(world: World, dice: Random, case: Case) -> None:
    """Makes a program, has its members buy one after the other, and replays that."""
    shop = await world.shop(
        earning_rule=case.program.earning_rule,
        welcome_points=0,
        tiers=case.program.tiers,
        tier_policy=dice.choice(POLICIES),
        purchase_statistics=True,
    )
    for member_id in MEMBERS:
        await shop.enroll(member_id)
    for segment_id, condition in SEGMENTS.items():
        segment = segment_pb2.Segment(name=f"{shop.program}/segments/{segment_id}", condition=condition)
        request = segment_pb2.CreateSegmentRequest(segment=segment, request_id=new_request_id())
        await shop.membership.membership.CreateSegment(request)
    wide = await run(shop, "wide", budget_points=dice.choice([60, 300, 10_000]))
    half = await run(shop, "half", holdout_share=HALF, budget_points=dice.choice([0, 100]))
    draft = await made(shop, dice, case, [wide.name, half.name])
    began = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    given: dict[str, list[int]] = defaultdict(list)
    for bought in case.bought:
        purchase = named_purchase(shop, bought, began + timedelta(seconds=bought.after_s % WITHIN_S))
        purchase.member = f"{shop.program}/members/{dice.choice(MEMBERS)}"
        for award in (await record(shop, purchase)).rating.awards:
            if award.points:
                given[award.rule.rpartition("/")[2]].append(award.points)
    found = await simulate(shop, sim.SimulateRulesRequest(parent=shop.program, earning_rules=draft))
    told = {rule_id: cost for rule_id, cost in costs(shop, found).items() if any(cost)}
    assert told == {rule_id: (sum(points), len(points)) for rule_id, points in given.items()}
    assert found.awarded_points == found.simulated_points == sum(map(sum, given.values()))
    assert (found.winner_count, found.loser_count) == (0, 0)
    spent = (await report(shop, "wide")).campaign.spent_points
    assert spent == sum(sum(given[rule.name.rpartition("/")[2]]) for rule in draft if rule.campaign == wide.name)


async def made(shop: Shop, dice: Random, case: Case, campaigns: list[str]) -> list[rule_pb2.EarningRule]:
    """Makes the rules of a case, and some that count or look back; of each, one in three campaigns. Answers all."""
    base = rule_pb2.EarningRule()
    base.CopyFrom(case.rules[0])
    base.name = f"{shop.program}/rules/base"
    more = {**COUNTS, **LOOKING_BACK}
    rules = [base]
    named = [rule_pb2.EarningRule(name=f"rules/{rule_id}", **fields) for rule_id, fields in more.items()]
    for rule in (*case.rules[1:], *named):
        one = rule_pb2.EarningRule()
        one.CopyFrom(rule)
        one.name, one.campaign = f"{shop.program}/{rule.name}", dice.choice(["", *campaigns])
        request = rule_pb2.CreateEarningRuleRequest(earning_rule=one, request_id=new_request_id())
        rules.append((await shop.membership.membership.CreateEarningRule(request)).earning_rule)
    return rules


async def record(shop: Shop, purchase: purchase_pb2.Purchase) -> purchase_pb2.Purchase:
    request = pb.RecordPurchaseRequest(purchase=purchase, request_id=new_request_id())
    return (await shop.membership.membership.RecordPurchase(request)).purchase
