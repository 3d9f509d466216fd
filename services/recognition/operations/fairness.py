"""Fairness policies: setting them, and judging by them what is about to be given.

A cap cannot be passed by giving twice at once: what a giver gives is judged and taken in one after the other, in the
transaction that takes it in. The locks for that come last, after the rows of recognition and people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.ledger import Ledger
from recognition.domain.changes import ChangeKey, ChangeKind, NewChange
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
    BETWEEN_TWO,
    Act,
    Finding,
    Gift,
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
from recognition.domain.periods import calendar_period, day_at
from recognition.operations import organisations
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

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def set(self, fingerprint: Fingerprint, wanted: Policies, field: str, actor: str) -> tuple[Policies, bool]:
        """Sets all policies of an organisation, as a version; answers them, and whether this is a replay. `field` is
        where they stand in the request.

        Raises:
            InvalidField: a policy, or the days for reviews, is out of its bounds.
            NotFound: there is no such organisation.
        """
        check_policies(wanted, field)
        organisation = wanted.organisation

        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
        if any(policy.mode is Mode.HOLD for policy in wanted.policies):
            # First, as it is empty and has a name of its own: a crash in between leaves nothing that matters.
            await self._ledger.create_reserve(employer, actor)

        async def work(connection: Connection) -> bytes:
            version = await store.insert(connection, wanted, actor, self._clock.now())
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
            return (await store.findings(connection, change.organisation, [change.change]))[change.change]


async def judged(connection: Connection, change: NewChange, words: str) -> tuple[Finding, ...]:
    """What the organisation's policies have to say of a change that the transaction then takes in, said with `words`;
    none where it says nothing new.

    Raises:
        FairnessRefusal: a policy blocks it, or holds what is an edit; the first that does.
    """
    policies = await store.in_force(connection, change.organisation) if change.receivers or words else ()
    if not policies:
        return ()
    rules = {policy.rule for policy in policies}
    # What comes back is the receivers' giving: they are judged one after the other with the giver.
    judged_with = change.receivers if Rule.RECIPROCITY in rules else ()
    await store.lock(connection, change.organisation, [change.giver, *judged_with])
    given = await _given(connection, change, policies, words)
    findings = judge(policies, _act(change, words), given, change.create_time)
    refused = {Mode.BLOCK, Mode.HOLD} if change.kind is ChangeKind.EDIT else {Mode.BLOCK}
    for finding in findings:
        if finding.mode in refused:
            raise refusal(change.organisation, finding)
    return findings


def refusal(organisation: str, finding: Finding) -> FairnessRefusal:
    """What a caller is told of a finding that blocks."""
    receiver = person_name(organisation, finding.receiver)
    return REFUSALS[finding.rule](receiver, finding.limit, finding.used, finding.requested, finding.room)


def _act(change: NewChange, words: str) -> Act:
    """What a change is about to give."""
    had = frozenset() if change.before is None else frozenset(change.before.receivers)
    thanked = () if change.after is None else change.after.receivers
    return Act(
        tuple(
            Gift(receiver, amount, amount if change.after is None else change.after.amount, int(receiver not in had))
            for receiver, amount in zip(change.receivers, change.amounts, strict=True)
        ),
        words,
        thanked,
    )


async def _given(connection: Connection, change: NewChange, policies: Sequence[Policy], words: str) -> Given:
    """What the policies count, as far as one of them asks."""
    rules = {policy.rule for policy in policies}
    employer = await organisations.find(connection, change.organisation)
    giver, now = change.giver, change.create_time
    today = day_at(now, employer.time_zone)
    since: dict[Span, datetime] = {}
    between, granted, said = {}, 0, []
    for span in {policy.span for policy in policies if policy.rule in BETWEEN_TWO}:
        if span.period is not None:
            since[span] = calendar_period(span.period, today, employer.time_zone).start_time
    if Rule.ALLOWANCE_SHARE in rules:
        granted, begin_time = await store.granted(connection, employer.id, giver, now)
        if begin_time is not None:
            since[Span.ALLOWANCE] = begin_time
    if since:
        between = await store.between(connection, employer.id, giver, change.receivers, since)
    if Rule.REPEATED_TEXT in rules and words:
        longest = max(policy.within for policy in policies)
        said = await store.said(connection, employer.id, giver, now - longest, besides=change.recognition)
    return Given(between, granted, said)
