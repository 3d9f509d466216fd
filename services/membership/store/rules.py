"""The versions of programs' rules. None changes once written."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any

from asyncpg import Record

from guerdon_kit.postgres import Connection
from membership.domain.earning import Rounding
from membership.domain.moments import from_microseconds, to_microseconds
from membership.domain.program import Program
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import BundleItem, Count, Eligibility, Outcome, Period, Rule, Version
from membership.store import campaigns, flags, policies, queries


async def book(connection: Connection, program: Program) -> Rulebook:
    """All rules of a program, its campaigns, and its velocity policy."""
    rows = queries.rule_versions(connection, program_no=program.program_no)
    versions = [_version(row) async for row in rows]
    watch = await flags.policy(connection, program)
    every = await campaigns.every(connection, program)
    if watch is None:
        return Rulebook(versions, program.settings.tiers, every)
    return Rulebook(versions, program.settings.tiers, every, watch.policy, watch.revision)


async def hold(connection: Connection, program: Program) -> None:
    """Holds the program's rules: whoever changes them changes them alone."""
    await queries.hold_rules(connection, program_no=program.program_no)


async def insert(connection: Connection, program_no: int, version: Version, actor: str) -> None:
    """Writes a version, the next revision of the program's rules; the writer holds them."""
    await queries.insert_rule_version(
        connection,
        program_no=program_no,
        revision=version.revision,
        rule_no=version.rule_no,
        rule_id=version.rule.rule_id,
        version=version.version,
        definition=_write(version.rule),
        archived=version.archived,
        effective_time=from_microseconds(version.effective_us),
        create_time=version.create_time,
        actor=actor,
    )


async def advance(connection: Connection, program: Program, revision: int) -> None:
    """Tells of a new revision: whoever rates purchases from its commit on reads the rules anew."""
    await queries.advance_rules(connection, program_no=program.program_no, revision=revision)


def _version(row: Record) -> Version:
    create_time: datetime = row["create_time"]
    return Version(
        rule_no=row["rule_no"],
        version=row["version"],
        revision=row["revision"],
        rule=read(row["rule_id"], row["definition"]),
        archived=row["archived"],
        effective_us=to_microseconds(row["effective_time"]),
        create_time=create_time,
    )


def read(rule_id: str, kept: dict[str, Any]) -> Rule:
    """A rule as it is kept."""
    return Rule(
        rule_id=rule_id,
        outcome=Outcome(kept["outcome"]),
        rate=Fraction(*kept["rate"]),
        rounding=Rounding(kept["rounding"]),
        round_each_line=kept["round_each_line"],
        minimum_spend=kept["minimum_spend"],
        spend_increment=kept["spend_increment"],
        eligibility=_eligibility(**kept["eligibility"]),
        exclusive=kept["exclusive"],
        caps=tuple((Period(period), points) for period, points in kept["caps"]),
        cooldown_s=kept["cooldown_s"],
        condition=kept["condition"],
        campaign=kept["campaign"],
        bundle=tuple(BundleItem(*item) for item in kept["bundle"]),
        count=None if kept["count"] is None else Count(*kept["count"]),
        availability=policies.read_availability(kept["availability"]),
        expiry=policies.read_expiry(kept["expiry"]),
        unit=kept["unit"],
        reward=kept["reward"],
    )


def _eligibility(excluded_categories: list[str], excluded_skus: list[str], **others: bool) -> Eligibility:
    return Eligibility(tuple(excluded_categories), tuple(excluded_skus), **others)


def _write(rule: Rule) -> dict[str, Any]:
    eligibility = rule.eligibility
    return {
        "outcome": rule.outcome,
        "rate": rule.rate.as_integer_ratio(),
        "rounding": rule.rounding.value,
        "round_each_line": rule.round_each_line,
        "minimum_spend": rule.minimum_spend,
        "spend_increment": rule.spend_increment,
        "eligibility": {name: getattr(eligibility, name) for name in Eligibility.__slots__},
        "exclusive": rule.exclusive,
        "caps": rule.caps,
        "cooldown_s": rule.cooldown_s,
        "condition": rule.condition,
        "campaign": rule.campaign,
        "bundle": rule.bundle,
        "count": rule.count,
        "availability": policies.availability_column(rule.availability),
        "expiry": policies.expiry_column(rule.expiry),
        "unit": rule.unit,
        "reward": rule.reward,
    }
