"""Programs, which do not change once written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from asyncpg import Record

from guerdon_kit.postgres import Connection
from membership.domain.program import Program, Settings
from membership.domain.rules import Version
from membership.domain.tiers import Tier
from membership.store import policies, queries, rules, year_ends


@dataclass(frozen=True, slots=True)
class Totals:
    """A program's totals; see the contract's `GetProgramTotalsResponse`."""

    member_count: int
    purchase_count: int
    base_points: int
    tier_points: int
    rule_points: int
    welcome_points: int
    returned_points: int
    pending_purchase_count: int
    members_by_level: dict[int, int]


async def insert(
    connection: Connection, settings: Settings, time_zone: str, create_time: datetime, actor: str
) -> Program | None:
    """Writes a program with its tiers and its first rule; None where it exists already."""
    row = await queries.insert_program(
        connection,
        program_id=settings.program_id,
        unit_id=settings.unit_id,
        currency_code=settings.currency_code,
        time_zone=time_zone,
        welcome_points=settings.welcome_points,
        claim_days=settings.claim_days,
        return_wait_days=settings.return_wait_days,
        expiry_reminder_days=settings.expiry_reminder_days,
        purchase_statistics=settings.purchase_statistics,
        **policies.columns(settings),
        mild_returns=settings.mild_returns,
        late_days=settings.late_days,
        return_window_days=settings.return_window_days,
        never_locked=settings.never_locked,
        welcome_reward=settings.welcome_reward,
        create_time=create_time,
        actor=actor,
    )
    if row is None:
        return None
    program = Program(row["program_no"], settings, time_zone, create_time)
    if settings.tier_policy.plain and any(tier.threshold for tier in settings.tiers):
        await year_ends.insert(connection, program)
    tiers = settings.tiers
    await queries.insert_tiers(
        connection,
        program_no=program.program_no,
        levels=list(range(1, len(tiers) + 1)),
        tier_ids=[tier.tier_id for tier in tiers],
        thresholds=[tier.threshold for tier in tiers],
        numerators=[tier.multiplier.numerator for tier in tiers],
        denominators=[tier.multiplier.denominator for tier in tiers],
    )
    await rules.insert(connection, program.program_no, Version(1, 1, 1, settings.rule, False, 0, create_time), actor)
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
    tiers = [tier async for tier in queries.tiers_of_program(connection, program_no=row["program_no"])]
    first = await queries.first_rule(connection, program_no=row["program_no"])
    settings = Settings(
        program_id=row["program_id"],
        unit_id=row["unit_id"],
        currency_code=row["currency_code"],
        rule=rules.read(first["rule_id"], first["definition"]),
        expiry=policies.read_expiry(row["expiry"]),
        welcome_points=row["welcome_points"],
        claim_days=row["claim_days"],
        return_wait_days=row["return_wait_days"],
        expiry_reminder_days=tuple(row["expiry_reminder_days"]),
        purchase_statistics=row["purchase_statistics"],
        tiers=tuple(
            Tier(one["tier_id"], one["threshold"], Fraction(one["multiplier_numerator"], one["multiplier_denominator"]))
            for one in tiers
        ),
        tier_policy=policies.tier_policy(row),
        mild_returns=row["mild_returns"],
        late_days=row["late_days"],
        return_window_days=row["return_window_days"],
        never_locked=row["never_locked"],
        availability=policies.read_availability(row["availability"]),
        welcome_reward=row["welcome_reward"],
    )
    return Program(row["program_no"], settings, row["time_zone"], row["create_time"])
