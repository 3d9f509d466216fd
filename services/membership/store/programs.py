"""Programs and their terms. Neither changes once written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from asyncpg import Record

from guerdon_kit.postgres import Connection
from membership.domain.earning import EarningRule, Rounding
from membership.domain.program import Program, Settings
from membership.domain.tiers import Tier
from membership.store import policies, queries, year_ends


@dataclass(frozen=True, slots=True)
class Totals:
    """A program's totals; see the contract's `GetProgramTotalsResponse`."""

    member_count: int
    purchase_count: int
    base_points: int
    tier_points: int
    welcome_points: int
    returned_points: int
    pending_purchase_count: int
    members_by_level: dict[int, int]


async def insert(
    connection: Connection, settings: Settings, time_zone: str, create_time: datetime, actor: str
) -> Program | None:
    """Writes a program with the terms of each level; None where it exists already."""
    row = await queries.insert_program(
        connection,
        program_id=settings.program_id,
        unit_id=settings.unit_id,
        currency_code=settings.currency_code,
        time_zone=time_zone,
        welcome_points=settings.welcome_points,
        claim_days=settings.claim_days,
        **policies.columns(settings),
        create_time=create_time,
        actor=actor,
    )
    if row is None:
        return None
    program = Program(row["program_no"], settings, time_zone, create_time)
    if settings.tier_policy.plain and any(tier.threshold for tier in settings.tiers):
        await year_ends.insert(connection, program)
    rule, tiers = settings.rule, settings.tiers
    multipliers = [terms.multiplier for terms in program.terms]
    await queries.insert_terms(
        connection,
        program_no=program.program_no,
        points_numerator=rule.points_per_minor_unit.numerator,
        points_denominator=rule.points_per_minor_unit.denominator,
        rounding=rule.rounding.value,
        minimum_spend=rule.minimum_spend,
        spend_increment=rule.spend_increment,
        levels=list(range(len(multipliers))),
        tier_ids=[None, *(tier.tier_id for tier in tiers)],
        thresholds=[None, *(tier.threshold for tier in tiers)],
        numerators=[multiplier.numerator for multiplier in multipliers],
        denominators=[multiplier.denominator for multiplier in multipliers],
    )
    return program


async def find(connection: Connection, program_id: str) -> Program | None:
    """A program by its id."""
    row = await queries.find_program(connection, program_id=program_id)
    return None if row is None else await _read(connection, row)


async def by_no(connection: Connection, program_no: int) -> Program:
    """A program by its number, which a record of ours carries."""
    return await _read(connection, await queries.program_by_no(connection, program_no=program_no))


async def totals(connection: Connection, program: Program, year: int) -> Totals:
    """A program's totals; `members_by_level` is of `year`."""
    members = await queries.member_totals(connection, program_no=program.program_no)
    purchases = await queries.purchase_totals(connection, program_no=program.program_no)
    thresholds = [tier.threshold for tier in program.settings.tiers]
    if program.settings.tier_policy.plain:
        levels = queries.members_by_level(connection, program_no=program.program_no, year=year, thresholds=thresholds)
    else:
        levels = queries.told_by_level(connection, program_no=program.program_no)
    counted = {row["level"]: row["member_count"] async for row in levels} if thresholds else {}
    if thresholds and thresholds[0] == 0:  # a tier that asks for nothing is also held by those who earned nothing
        counted[1] = members["member_count"] - sum(count for level, count in counted.items() if level > 1)
    return Totals(**members, **purchases, members_by_level=counted)


async def _read(connection: Connection, row: Record) -> Program:
    terms = [terms async for terms in queries.terms_of_program(connection, program_no=row["program_no"])]
    lowest = terms[0]
    settings = Settings(
        program_id=row["program_id"],
        unit_id=row["unit_id"],
        currency_code=row["currency_code"],
        rule=EarningRule(
            points_per_minor_unit=Fraction(lowest["points_numerator"], lowest["points_denominator"]),
            rounding=Rounding(lowest["rounding"]),
            minimum_spend=lowest["minimum_spend"],
            spend_increment=lowest["spend_increment"],
        ),
        expiry=policies.read_expiry(row["expiry"]),
        tier_policy=policies.tier_policy(row),
        welcome_points=row["welcome_points"],
        claim_days=row["claim_days"],
        tiers=tuple(
            Tier(one["tier_id"], one["threshold"], Fraction(one["multiplier_numerator"], one["multiplier_denominator"]))
            for one in terms[1:]
        ),
    )
    return Program(row["program_no"], settings, row["time_zone"], row["create_time"])
