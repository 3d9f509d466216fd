"""Random programs over the service: what is simulated, recorded and brought back is what the evaluator says that knows
the specification alone.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from guerdon import NotFoundError, new_request_id
from guerdon.membership.v1 import basket_pb2, program_pb2, purchase_pb2, rule_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from tests.contract.membership.world import Shop, World, usd
from tests.earning.cases import Bought, Case
from tests.earning.cases import case as case_of
from tests.earning.evaluator import Member, Rated
from tests.earning.returned import Returns, Step
from tests.earning.times import Tranche, take, tranches_of

PROGRAMS = 6
WITHIN_S = 200
"""Purchases may be five minutes ahead of the service's clock."""
ZONE = ZoneInfo("America/New_York")
ALL_THAT_IS_LEFT: tuple[Step, ...] = ({"whole": True},)


@pytest.fixture
def seed() -> int:
    """Random, and shown where the test fails; the same one again: `GUERDON_EARNING_SEED=…`."""
    drawn = int(os.environ.get("GUERDON_EARNING_SEED") or secrets.randbits(32))
    print(f"GUERDON_EARNING_SEED={drawn}")  # noqa: T201 - pytest shows it where the test fails
    return drawn


async def test_random_programs_award_and_take_back_what_an_independent_evaluator_says(world: World, seed: int) -> None:
    cases = [case_of(seed + number, rules=number % 6, purchases=4, within_s=WITHIN_S) for number in range(PROGRAMS)]
    await asyncio.gather(*(play(world, case) for case in cases))


async def play(world: World, case: Case) -> None:
    """Makes the program of a case, has its member buy, and brings everything back."""
    shop = await world.shop(
        earning_rule=case.program.earning_rule,
        welcome_points=0,
        tiers=case.program.tiers,
        return_policy=case.program.return_policy,
        return_window_days=case.program.return_window_days,
        availability=case.program.availability if case.program.HasField("availability") else None,
        expiry_policy=case.program.expiry_policy if case.program.HasField("expiry_policy") else None,
    )
    await shop.enroll("ada")
    for rule in case.rules[1:]:
        named = rule_pb2.EarningRule()
        named.CopyFrom(rule)
        named.name = f"{shop.program}/{rule.name}"
        request = rule_pb2.CreateEarningRuleRequest(earning_rule=named, request_id=new_request_id())
        await shop.membership.membership.CreateEarningRule(request)
    made = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    expected, ratings, tranches = Member(case.program), list[Rated](), list[list[Tranche]]()
    for bought in case.bought:
        local = (made + timedelta(seconds=bought.after_s)).astimezone(ZONE)
        recorded = await simulated_and_recorded(world, shop, named_purchase(shop, bought, local))
        ratings.append(expected.buys(bought.purchase, case.rules[: None if bought.after_s >= 0 else 1], local))
        agrees(recorded, ratings[-1])
        tranches.append(tranches_of(case.program, ratings[-1], local))
        in_time(recorded, tranches[-1])
    assert (await shop.balance("ada")).posted == sum(sum(one.points.values()) for one in ratings)
    mild = case.program.return_policy == program_pb2.RETURN_POLICY_MILD
    for number, (bought, rating) in enumerate(zip(case.bought, ratings, strict=True)):
        await bring_back(shop, bought, rating, Returns(rating, mild=mild), tranches, number)
    assert (await shop.balance("ada")).posted == 0, "full returns take everything"


def named_purchase(shop: Shop, bought: Bought, local: datetime) -> purchase_pb2.Purchase:
    purchase = purchase_pb2.Purchase()
    purchase.CopyFrom(bought.purchase)
    purchase.name, purchase.member = f"{shop.program}/{bought.purchase.name}", f"{shop.program}/members/ada"
    purchase.event_time.FromDatetime(local)
    return purchase


async def simulated_and_recorded(world: World, shop: Shop, purchase: purchase_pb2.Purchase) -> purchase_pb2.Purchase:
    """A purchase recorded, after it was simulated: which answers the same and writes nothing."""
    before = await written(world, shop)
    simulated = await shop.membership.membership.SimulatePurchase(pb.SimulatePurchaseRequest(purchase=purchase))
    with pytest.raises(NotFoundError):
        await shop.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=purchase.name))
    assert await written(world, shop) == before
    request = pb.RecordPurchaseRequest(purchase=purchase, request_id=new_request_id())
    recorded = (await shop.membership.membership.RecordPurchase(request)).purchase
    assert simulated.purchase.rating == recorded.rating
    return recorded


async def written(world: World, shop: Shop) -> list[tuple[object, ...]]:
    """What is stored of a program's purchases, and of what they count for."""
    of_program = "(select program_no from programs where program_id = $1)"
    of_members = f"(select member_no from members where program_no = {of_program})"
    tables = {
        **dict.fromkeys(("purchases", "ratings"), f"program_no = {of_program}"),
        **dict.fromkeys(("member_years", "member_days", "rule_uses"), f"member_no in {of_members}"),
    }
    query = "select count(*), md5(string_agg(t::text, ',' order by t::text)) from {} as t where {}"
    connection = await asyncpg.connect(world.membership.database.owner_url)
    try:
        program_id = shop.program.removeprefix("programs/")
        found = [await connection.fetch(query.format(table, where), program_id) for table, where in tables.items()]
        return [tuple(row) for [row] in found]
    finally:
        await connection.close()


def agrees(recorded: purchase_pb2.Purchase, rating: Rated) -> None:
    awards = {award.rule.rpartition("/")[2]: award for award in recorded.rating.awards}
    assert {rule_id: award.points for rule_id, award in awards.items()} == rating.points
    for met in rating.met:
        award = awards[met.rule_id]
        lines = [rating.parts[place].line for place in met.works_on if place >= 0]
        ids = [line.line_id for line in lines if line is not None]
        if met.why_not:
            assert award.verdict in met.why_not
        else:
            assert (award.verdict, list(award.line_ids)) == (basket_pb2.Award.VERDICT_APPLIED, ids)


def in_time(recorded: purchase_pb2.Purchase, tranches: list[Tranche]) -> None:
    """The points can be spent and expire when they should."""
    rating = recorded.rating
    told = [(one.points, moments(one)) for one in rating.tranches]
    points = rating.base_points + rating.tier_points + rating.rule_points
    assert (told or [(points, moments(rating))] * bool(points)) == [(one.points, one.times) for one in tranches]


def moments(one: purchase_pb2.Rating | purchase_pb2.Tranche) -> tuple[datetime | None, datetime | None]:
    available = one.available_time.ToDatetime(tzinfo=UTC) if one.HasField("available_time") else None
    return available, one.expire_time.ToDatetime(tzinfo=UTC) if one.HasField("expire_time") else None


async def pending_as_told(shop: Shop, every: Iterable[Tranche]) -> None:
    """What is pending in the ledger is what is left of the tranches that cannot be spent yet."""
    now = datetime.now(UTC)
    pending = sum(one.left for one in every if one.times[0] is not None and one.times[0] > now)
    assert (await shop.balance("ada")).pending == pending


async def bring_back(
    shop: Shop, bought: Bought, rated: Rated, returns: Returns, tranches: Sequence[list[Tranche]], number_of: int
) -> None:
    """Brings back what the case says, then the rest, and compares what each return takes, and of which tranche."""
    taken = amount = 0
    purchase_id = bought.purchase.name.removeprefix("purchases/")
    for number, step in enumerate(chain(returns.steps(bought.purchase, bought.back), ALL_THAT_IS_LEFT)):
        if not returns.anything_left:
            break
        returns.back(**step)
        asked = shop.returned(f"{purchase_id}-{number}", purchase_id, 0)
        asked.ClearField("amount")
        if "line_id" in step:
            asked.lines.add(line_id=step["line_id"], quantity=1)
        elif "amount" in step:
            asked.amount.CopyFrom(usd(step["amount"]))
        else:
            asked.whole_order = True
        request = pb.RecordReturnRequest(goods_return=asked, request_id=new_request_id())
        recorded = (await shop.membership.membership.RecordReturn(request)).goods_return
        now = max(taken, returns.taken())  # where F would rise, what was taken is kept
        assert (recorded.points, recorded.cumulative_points) == (now - taken, now)
        assert recorded.amount.minor_units == returns.amount - amount
        take(tranches[number_of], now - taken, rated.give(returns.kept()))
        await pending_as_told(shop, chain(*tranches))
        taken, amount = now, returns.amount
