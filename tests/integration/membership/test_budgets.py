"""Budgets of campaigns in membership's own database: what transactions at the same time take of them."""

from __future__ import annotations

import asyncio
from fractions import Fraction

from guerdon_kit.postgres import Connection, Database
from membership.domain.baskets import Basket, Line
from membership.domain.campaigns import Campaign
from membership.domain.moments import to_microseconds
from membership.domain.program import Program
from membership.domain.rating import Rated
from membership.domain.rows import Row
from membership.domain.rules import Count, Outcome, Rule, Version
from membership.operations.recording import record_rows
from membership.operations.rules import Rulebooks
from membership.store import budgets, campaigns, rules
from tests.integration.membership.conftest import NOW
from tests.integration.membership.test_recording import RECORDING, row


async def budgeted(connection: Connection, program: Program, campaign_no: int, points: int) -> None:
    """Makes a campaign with a budget."""
    one = Campaign(
        campaign_no=campaign_no,
        revision=campaign_no,
        campaign_id=f"c{campaign_no}",
        display_name="",
        start_us=to_microseconds(NOW),
        end_us=None,
        budget=points,
        holdout=Fraction(0),
        archived=False,
        create_time=NOW,
    )
    await campaigns.insert(connection, program, one, "tester")
    await budgets.insert(connection, program, campaign_no, points)


async def test_members_of_any_number_take_of_a_budget(db: Database, program: Program) -> None:
    async with db.transaction() as connection:
        await budgeted(connection, program, 2, 1_600)
        places = [2, 32_768, 2**40 + 3]
        assert [await budgets.take(connection, program, 2, 100, place) for place in places] == [14, 0, 13]
        assert await budgets.left(connection, program, 2) == 1_300


async def ruled(connection: Connection, program: Program, made: dict[int, Rule]) -> None:
    """Makes rules, by their revisions."""
    for revision, rule in made.items():
        version = Version(revision, 1, revision, rule, False, to_microseconds(NOW), NOW)
        await rules.insert(connection, program.program_no, version, "tester")
        await rules.advance(connection, program, revision)


async def bought(db: Database, program: Program, one: Row) -> Rated:
    """Records a purchase in one run: a deadlock is not hidden by another."""
    async with db.transaction() as connection:
        recorded = await record_rows(connection, program, Rulebooks(), [one], RECORDING, enroll_unknown=True)
    [rated] = recorded.rated
    return rated


def by_campaigns(rated: Rated) -> dict[str, int]:
    assert rated.frozen is not None, "the rules are not plain"
    return rated.frozen.by_campaigns()


async def test_who_waits_for_a_budget_holds_nothing_that_others_wait_for(db: Database, program: Program) -> None:
    """32 points in slices of 2, and 1 + 9 for each purchase: three get all, and two the first."""
    async with db.transaction() as connection:
        await budgeted(connection, program, 2, 32)
        await budgeted(connection, program, 3, 1_600)
        gift, other = (Rule(f"to-{one}", Outcome.BONUS, Fraction(1), campaign=one) for one in ("c2", "c3"))
        first = Rule("first", Outcome.BONUS, Fraction(9), campaign="c2", count=Count(False, 1, True))
        await ruled(connection, program, {4: gift, 5: other, 6: first})
    all_rated = await asyncio.gather(*(bought(db, program, row(f"p{n}", f"m{n}", day=21)) for n in range(8)))
    given = sorted((by_campaigns(one).get("c2", 0), sum(tally.points for tally in one.tallies)) for one in all_rated)
    assert given == [(0, 0)] * 3 + [(1, 0)] * 2 + [(1, 9)] * 3
    assert [by_campaigns(one)["c3"] for one in all_rated] == [1] * 8
    async with db.acquire() as connection:
        assert await budgets.spent(connection, program, [2, 3]) == {2: 32, 3: 8}


async def test_a_campaign_gives_what_its_budget_covers_also_for_lines_that_one_which_ran_out_no_longer_wins(
    db: Database, program: Program
) -> None:
    async with db.transaction() as connection:
        await budgeted(connection, program, 2, 1_000)
        await budgeted(connection, program, 3, 1_000_000)
        nine, five = (
            Rule(f"{share}-percent", Outcome.SPEND, Fraction(share, 100), condition=condition, campaign=campaign)
            for share, condition, campaign in [(9, "line.category == 'shoes'", "c2"), (5, "", "c3")]
        )
        await ruled(connection, program, {4: nine, 5: five})
    lines = tuple(Line(kind, "", kind, 1, 100_00, 0) for kind in ("shoes", "shirts"))
    purchases = [row(f"p{n}", dollars=200, day=21)._replace(basket=Basket(lines)) for n in range(2)]
    given = [by_campaigns(await bought(db, program, one)) for one in purchases]
    assert given == [{"c2": 900, "c3": 500}, {"c3": 1_000}]
    async with db.acquire() as connection:
        assert await budgets.spent(connection, program, [2, 3]) == {2: 900, 3: 1_500}
