"""Campaigns, and what members bought within their windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from guerdon_kit.postgres import Connection
from membership.domain.campaigns import Campaign, Group, Reached
from membership.domain.moments import from_microseconds, to_microseconds
from membership.domain.program import Program
from membership.store import queries


async def every(connection: Connection, program: Program) -> list[Campaign]:
    """All campaigns of a program."""
    return [
        Campaign(
            campaign_no=row["campaign_no"],
            revision=row["revision"],
            campaign_id=row["campaign_id"],
            display_name=row["display_name"],
            start_us=to_microseconds(row["start_time"]),
            end_us=None if row["end_time"] is None else to_microseconds(row["end_time"]),
            budget=row["budget"],
            holdout=Fraction(row["holdout_numerator"], row["holdout_denominator"]),
            archived=row["archived"],
            create_time=row["create_time"],
            counts_awards=row["counts_awards"],
        )
        async for row in queries.campaigns(connection, program_no=program.program_no)
    ]


async def insert(connection: Connection, program: Program, one: Campaign, actor: str) -> None:
    """Writes a campaign; the writer holds the program's rules."""
    await queries.insert_campaign(
        connection,
        program_no=program.program_no,
        campaign_no=one.campaign_no,
        revision=one.revision,
        campaign_id=one.campaign_id,
        display_name=one.display_name,
        start_time=from_microseconds(one.start_us),
        end_time=None if one.end_us is None else from_microseconds(one.end_us),
        budget=one.budget,
        counts_awards=one.counts_awards,
        holdout_numerator=one.holdout.numerator,
        holdout_denominator=one.holdout.denominator,
        create_time=one.create_time,
        actor=actor,
    )


async def update(connection: Connection, program: Program, one: Campaign) -> None:
    """Writes what can be changed of a campaign; the writer holds the program's rules."""
    await queries.update_campaign(
        connection,
        program_no=program.program_no,
        campaign_no=one.campaign_no,
        revision=one.revision,
        display_name=one.display_name,
        start_time=from_microseconds(one.start_us),
        end_time=None if one.end_us is None else from_microseconds(one.end_us),
        budget=one.budget,
        archived=one.archived,
    )


async def count(connection: Connection, program: Program, bought: Mapping[tuple[Reached, int], Group]) -> None:
    """Adds what was bought within campaigns' windows, by the campaign and the number of the member, whose row the
    writer holds.
    """
    keys: Sequence[tuple[Reached, int]] = sorted(bought)
    await queries.count_campaign_members(
        connection,
        program_no=program.program_no,
        campaign_nos=[campaign.campaign_no for campaign, _ in keys],
        member_nos=[member_no for _, member_no in keys],
        held_out=[campaign.held_out for campaign, _ in keys],
        purchases=[bought[key].purchases for key in keys],
        amounts=[bought[key].amount for key in keys],
        awarded=[bought[key].awarded_purchases for key in keys],
        points=[bought[key].points for key in keys],
    )


async def change(connection: Connection, program: Program, more: Mapping[tuple[Reached, int], Group]) -> None:
    """Adds what campaigns gave more for purchases that were rated anew; the writer holds the members' rows."""
    if more:
        keys: Sequence[tuple[Reached, int]] = sorted(more)
        await queries.change_campaign_members(
            connection,
            program_no=program.program_no,
            campaign_nos=[campaign.campaign_no for campaign, _ in keys],
            member_nos=[member_no for _, member_no in keys],
            awarded=[more[key].awarded_purchases for key in keys],
            points=[more[key].points for key in keys],
        )


async def take_back(
    connection: Connection, program: Program, campaigns: Sequence[Reached], member_no: int, amount: int
) -> None:
    """Adds what a member returned of what was bought within campaigns' windows; the writer holds the member's row."""
    await queries.count_campaign_return(
        connection,
        program_no=program.program_no,
        campaign_nos=[one.campaign_no for one in campaigns],
        member_no=member_no,
        amount=amount,
    )


async def groups(connection: Connection, program: Program, campaign_no: int) -> dict[bool, Group]:
    """What was bought by members who are held out (True), and by the others."""
    rows = queries.campaign_groups(connection, program_no=program.program_no, campaign_no=campaign_no)
    return {row["held_out"]: Group(*(row[name] for name in Group._fields)) async for row in rows}
