"""Fairness policies: setting them, and judging by them what is about to be given.

A cap cannot be passed by giving twice at once: what a giver gives is judged and taken in one after the other, in the
transaction that takes it in. The locks for that come last, after the rows of recognition and people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guerdon_kit.clock import Clock
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.changes import ChangeKey, NewChange
from recognition.domain.errors import (
    AllowanceShareExceeded,
    FairnessRefusal,
    PairPointsExceeded,
    PairPostsExceeded,
    PostPointsExceeded,
    ReciprocityExceeded,
    TextRepeated,
)
from recognition.domain.fairness import (
    RULES_OF_A_PERIOD,
    Act,
    Finding,
    Given,
    Mode,
    Policies,
    Policy,
    Rule,
    Span,
    check_policies,
    judge,
)
from recognition.domain.people import person_name
from recognition.domain.periods import PeriodKind, calendar_period, day_at
from recognition.operations import organisations
from recognition.store import allowances
from recognition.store import fairness as store

REFUSALS: Mapping[Rule, type[FairnessRefusal]] = {
    Rule.PAIR_POINTS: PairPointsExceeded,
    Rule.PAIR_POSTS: PairPostsExceeded,
    Rule.POST_POINTS: PostPointsExceeded,
    Rule.RECIPROCITY: ReciprocityExceeded,
    Rule.ALLOWANCE_SHARE: AllowanceShareExceeded,
    Rule.REPEATED_TEXT: TextRepeated,
}


class Fairness:
    """The policies of organisations."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def set(
        self, fingerprint: Fingerprint, organisation: str, policies: Sequence[Policy], field: str, actor: str
    ) -> tuple[Policies, bool]:
        """Sets all policies of an organisation, as a version; answers them, and whether this is a replay. `field` is
        where a policy stands in the request, a template over `index`.

        Raises:
            InvalidField: a policy is out of its bounds.
            NotFound: there is no such organisation.
        """
        check_policies(policies, field)

        async def work(connection: Connection) -> bytes:
            await organisations.find(connection, organisation)
            version = await store.insert(connection, organisation, policies, actor, self._clock.now())
            return str(version).encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        async with self._database.acquire() as connection:
            return await store.find(connection, organisation, int(outcome)), replayed

    async def get(self, organisation: str) -> Policies:
        """The policies in force.

        Raises:
            NotFound: there is no such organisation.
        """
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            return await store.find(connection, organisation)

    async def findings(self, change: ChangeKey) -> list[Finding]:
        """What the policies had to say when the change was taken in."""
        async with self._database.acquire() as connection:
            return await store.findings(connection, change)


async def judged(connection: Connection, change: NewChange, words: str) -> tuple[Finding, ...]:
    """What the organisation's policies have to say of a change, said with `words`, that the transaction then takes in.

    Raises:
        FairnessRefusal: a policy blocks it; the first that does.
    """
    policies = await store.in_force(connection, change.organisation)
    if not policies:
        return ()
    rules = {policy.rule for policy in policies}
    # What comes back is the receivers' giving: they are judged one after the other with the giver.
    judged_with = change.receivers if Rule.RECIPROCITY in rules else ()
    await store.lock(connection, change.organisation, [change.giver, *judged_with])
    act = Act(tuple(zip(change.receivers, change.amounts, strict=True)), words)
    findings = judge(policies, act, await _given(connection, change, policies), change.create_time)
    for finding in findings:
        if finding.mode is Mode.BLOCK:
            raise refusal(change.organisation, finding)
    return findings


def refusal(organisation: str, finding: Finding) -> FairnessRefusal:
    """What a caller is told of a finding that blocks."""
    receiver = person_name(organisation, finding.receiver)
    return REFUSALS[finding.rule](receiver, finding.limit, finding.used, finding.requested, finding.room)


async def _given(connection: Connection, change: NewChange, policies: Sequence[Policy]) -> Given:
    """What the policies count, as far as one of them asks."""
    rules = {policy.rule for policy in policies}
    employer = await organisations.find(connection, change.organisation)
    giver, now = change.giver, change.create_time
    month = calendar_period(PeriodKind.MONTH, day_at(now, employer.time_zone), employer.time_zone)
    between, granted, said = {}, 0, []
    if rules & (RULES_OF_A_PERIOD | {Rule.ALLOWANCE_SHARE}):
        since = {Span.MONTH: month.start_time}
        between = await store.between(connection, employer.id, giver, change.receivers, since)
    if Rule.ALLOWANCE_SHARE in rules:
        granted = await allowances.granted_at(connection, employer.id, giver, now)
    if Rule.REPEATED_TEXT in rules:
        longest = max(policy.within for policy in policies)
        said = await store.said(connection, employer.id, giver, now - longest)
    return Given(between, granted, said)
