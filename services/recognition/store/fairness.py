"""Fairness policies, what they count, and what they found, as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from guerdon_kit.postgres import Connection
from recognition.domain.changes import ChangeKey
from recognition.domain.fairness import (
    REVIEW_DAYS_DEFAULT,
    TEXTS_MAX,
    Between,
    Finding,
    Mode,
    Policies,
    Policy,
    Rule,
    Said,
    Span,
)
from recognition.store import queries

_HOUR = timedelta(hours=1)


async def insert(connection: Connection, wanted: Policies, actor: str, create_time: datetime) -> int:
    """Keeps policies as the next version, and answers its number."""
    organisation, policies = wanted.organisation, wanted.policies
    await queries.lock_fairness(connection, organisation=organisation)
    version: int = await queries.insert_fairness_settings(
        connection,
        organisation=organisation,
        review_days=wanted.review_days,
        actor=actor,
        create_time=create_time,
    )
    await queries.insert_fairness_policies(
        connection,
        organisation=organisation,
        version=version,
        rules=[policy.rule.value for policy in policies],
        modes=[policy.mode.value for policy in policies],
        mosts=[policy.limit for policy in policies],
        numerators=[policy.part.numerator for policy in policies],
        denominators=[policy.part.denominator for policy in policies],
        from_amounts=[policy.from_amount for policy in policies],
        spans=[policy.span.value for policy in policies],
        withins=[policy.within // _HOUR for policy in policies],
        same_receivers=[policy.same_receiver for policy in policies],
    )
    return version


async def in_force(connection: Connection, organisation: str, version: int | None = None) -> tuple[Policy, ...]:
    """The policies of a version, by default of the newest."""
    return tuple(
        [
            Policy(
                rule=Rule(row["rule"]),
                mode=Mode(row["mode"]),
                limit=row["most"],
                part=Fraction(row["numerator"], row["denominator"]),
                from_amount=row["from_amount"],
                span=Span(row["span"]),
                within=row["within_hours"] * _HOUR,
                same_receiver=row["same_receiver"],
            )
            async for row in queries.fairness_policies(connection, organisation=organisation, version=version)
        ]
    )


async def find(connection: Connection, organisation: str, version: int | None = None) -> Policies:
    """A version, by default the newest, with who set it; version 0 where there is none."""
    row = await queries.fairness_settings(connection, organisation=organisation, version=version)
    if row is None:
        return Policies(organisation)
    policies = await in_force(connection, organisation, row["version"])
    return Policies(organisation, policies, row["review_days"], row["version"], row["actor"], row["create_time"])


async def review_time(connection: Connection, organisation: str) -> timedelta:
    """How long somebody may decide about what the policies in force hold."""
    row = await queries.fairness_settings(connection, organisation=organisation, version=None)
    return timedelta(days=REVIEW_DAYS_DEFAULT if row is None else row["review_days"])


async def lock(connection: Connection, organisation: str, people: Collection[str]) -> None:
    """Has what these people give judged one after the other, until the transaction ends."""
    await queries.lock_giving(connection, organisation=organisation, people=list(people))


async def between(
    connection: Connection,
    organisation: str,
    giver: str,
    receivers: Collection[str],
    since: Mapping[Span, datetime],
) -> dict[tuple[Span, str], Between]:
    """What the giver gave each receiver since the beginning of each span, and what came back, where it is anything."""
    rows = queries.given_between(
        connection,
        organisation=organisation,
        giver=giver,
        receivers=list(receivers),
        spans=[span.value for span in since],
        begin_times=list(since.values()),
    )
    return {
        (Span(row["span"]), row["receiver"]): Between(row["points"], row["posts"], row["returned"])
        async for row in rows
    }


async def granted(connection: Connection, organisation: str, person: str, now: datetime) -> tuple[int, datetime | None]:
    """What the person was granted for the current period, and since when they can give it; None where it is nothing."""
    row = await queries.granted_now(connection, organisation=organisation, person=person, now=now)
    return row["amount"], row["begin_time"]


async def said(connection: Connection, organisation: str, giver: str, after: datetime, *, besides: str) -> list[Said]:
    """The giver's words after a time, newest first, `besides` those of one recognition."""
    rows = queries.words_given(
        connection, organisation=organisation, giver=giver, after=after, besides=besides, most=TEXTS_MAX
    )
    return [Said(row["create_time"], row["message"], row["receivers"]) async for row in rows]


async def keep(connection: Connection, change: ChangeKey, findings: Sequence[Finding]) -> None:
    """Keeps what the policies found in a change."""
    if not findings:
        return
    await queries.insert_fairness_findings(
        connection,
        organisation=change.organisation,
        change=change.change,
        rules=[finding.rule.value for finding in findings],
        modes=[finding.mode.value for finding in findings],
        receivers=[finding.receiver for finding in findings],
        mosts=[finding.limit for finding in findings],
        useds=[finding.used for finding in findings],
        requesteds=[finding.requested for finding in findings],
        rooms=[finding.room for finding in findings],
    )


async def findings(connection: Connection, organisation: str, changes: Collection[str]) -> dict[str, list[Finding]]:
    """What the policies found in each of these changes."""
    found: dict[str, list[Finding]] = {change: [] for change in changes}
    async for row in queries.fairness_findings(connection, organisation=organisation, changes=list(changes)):
        found[row["change"]].append(
            Finding(
                Rule(row["rule"]),
                Mode(row["mode"]),
                row["receiver"],
                row["most"],
                row["used"],
                row["requested"],
                row["room"],
            )
        )
    return found
