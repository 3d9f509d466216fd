"""Membership's workloads, each beside that of the ledger under it which does the same without membership."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import guerdon
from guerdon import new_request_id
from guerdon.membership.v1 import campaign_pb2, member_file_pb2, program_pb2, rule_pb2, times_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.type.v1.rational_pb2 import Rational
from guerdon_cli.bench.bed import Ledger, Service
from guerdon_cli.bench.course import Course
from guerdon_cli.bench.plan import Shape
from guerdon_cli.bench.programs import TIMEOUT_S, open_program
from guerdon_cli.bench.requests import CURRENCY, UNIT

ENROLLED_AT_ONCE = 1_000
PLENTY = 10**15
TIERS = (
    ("silver", 2_500, Rational(numerator=5, denominator=4)),
    ("gold", 10_000, Rational(numerator=3, denominator=2)),
)


def run(course: Course) -> None:
    """Purchases one by one under three rules, of which one is a campaign's with a budget, and imported under one plain
    rule and under the three, all with tiers. Raises StackError, guerdon.GuerdonError.
    """
    course.run_tpcb()
    with course.ledger("membership") as ledger, course.bed.over(ledger, "membership") as membership:
        bare = open_program(ledger, course.length.members)
        plain = open_shop(ledger, membership, course.length.members)
        ruled = open_shop(ledger, membership, course.length.members, rules=True)
        for _ in range(course.length.rounds):
            course.measure("ledger_post", ledger, course.plan(ledger, Shape.POST, bare))
            course.measure("purchase", membership, course.plan(membership, Shape.PURCHASE, ruled))
            course.measure("ledger_batch", ledger, course.plan(ledger, Shape.BATCH, bare))
            course.measure("import", membership, course.plan(membership, Shape.IMPORT, plain))
        course.measure("purchase_plain", membership, course.plan(membership, Shape.PURCHASE, plain))
        course.measure("import_under_rules", membership, course.plan(membership, Shape.IMPORT, ruled))
    course.run_tpcb()


def open_shop(ledger: Ledger, membership: Service, members: int, *, rules: bool = False) -> str:
    """Make a program with tiers and so many members, with one plain rule or with rules that stack on it.

    Answers its name. Raises guerdon.GuerdonError.
    """
    name = open_program(ledger, 0)
    asyncio.run(_open(membership, name, members, rules=rules))
    return name


async def _open(membership: Service, name: str, members: int, *, rules: bool) -> None:
    async with guerdon.Client(membership.target, token=membership.bed.token, timeout_seconds=TIMEOUT_S) as client:
        per_dollar = rule_pb2.EarningRule(
            points_per_minor_unit=Rational(numerator=1, denominator=100), rounding=rule_pb2.ROUNDING_DOWN
        )
        program = program_pb2.Program(
            name=name,
            unit=f"{name}/units/{UNIT}",
            currency_code=CURRENCY,
            earning_rule=per_dollar,
            expiry_policy=times_pb2.ExpiryPolicy(months=24),
            tiers=[program_pb2.Tier(tier_id=one, threshold=least, multiplier=by) for one, least, by in TIERS],
        )
        await client.membership.CreateProgram(pb.CreateProgramRequest(program=program, request_id=new_request_id()))
        async for answer in client.membership.ImportMembers(_files(name, members)):
            assert not answer.errors, answer.errors[0]
        if rules:
            await _make_rules(client, name)


async def _files(name: str, members: int) -> AsyncIterator[member_file_pb2.ImportMembersRequest]:
    ids = (f"m{number}" for number in range(members))
    while some := list(itertools.islice(ids, ENROLLED_AT_ONCE)):
        rows = [member_file_pb2.MemberRow(member_id=member_id) for member_id in some]
        yield member_file_pb2.ImportMembersRequest(parent=name, request_id=new_request_id(), first_row=1, rows=rows)


async def _make_rules(client: guerdon.Client, name: str) -> None:
    campaign = campaign_pb2.Campaign(name=f"{name}/campaigns/sale", budget_points=PLENTY)
    made = campaign_pb2.CreateCampaignRequest(campaign=campaign, request_id=new_request_id())
    await client.membership.CreateCampaign(made)
    stacked: dict[str, dict[str, Any]] = {
        "shoes": {
            "points_per_minor_unit": Rational(numerator=3, denominator=100),
            "rounding": rule_pb2.ROUNDING_DOWN,
            "condition": "line.category == 'shoes'",
        },
        "sale": {
            "multiplier": Rational(numerator=2, denominator=1),
            "condition": "purchase.channel == 'store'",
            "campaign": campaign.name,
        },
    }
    for rule_id, of in stacked.items():
        rule = rule_pb2.EarningRule(name=f"{name}/rules/{rule_id}", **of)
        request = rule_pb2.CreateEarningRuleRequest(earning_rule=rule, request_id=new_request_id())
        await client.membership.CreateEarningRule(request)
