"""Budgets of campaigns in membership's own database: what transactions at the same time take of them."""

from __future__ import annotations

from fractions import Fraction

from guerdon_kit.postgres import Connection, Database
from membership.domain.campaigns import Campaign
from membership.domain.moments import to_microseconds
from membership.domain.program import Program
from membership.store import budgets, campaigns
from tests.integration.membership.conftest import NOW


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
