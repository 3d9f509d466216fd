"""Earning rules: made, changed by new versions, archived; and all of them at hand for whoever rates purchases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, FieldViolation, InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.campaigns import BUDGET_OF_POINTS
from membership.domain.errors import TooManyRules
from membership.domain.moments import to_microseconds
from membership.domain.program import Program, violations_of
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import RULES_MAX, VERSIONS_MAX, Rule, Version
from membership.store import rules

KEPT_MAX = 10_000


class Rulebooks:
    """Programs' rules as they were last read. Who rates purchases learns the latest revision within the same
    transaction (`store.purchases.known`), so that a rule works for every purchase that is recorded after it was made.
    """

    def __init__(self) -> None:
        self._kept: dict[int, Rulebook] = {}

    async def at(self, connection: Connection, program: Program, revision: int) -> Rulebook:
        """The rules of a program, not older than `revision`."""
        kept = self._kept.get(program.program_no)
        if kept is not None and kept.revision >= revision:
            return kept
        book = await rules.book(connection, program)
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[program.program_no] = book
        return book


class Rules:
    """Earning rules."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, program: Program, rule: Rule, effective: datetime | None, fingerprint: Fingerprint, actor: str
    ) -> tuple[Version, bool]:
        """Makes a rule; answers it, and whether that is a replay.

        Raises:
            InvalidField: a bound is not kept, the condition does not compile, the effective time has passed, or there
                is no such campaign.
            AlreadyExists: the program has a rule of that id.
            TooManyRules: it has as many as it can have.
        """
        now = self._clock.now()
        _check(program, rule, effective, now)

        def change(book: Rulebook) -> Version:
            if _find(book, rule.rule_id) is not None:
                raise AlreadyExists(f"{program.name}/rules/{rule.rule_id}")
            if rule.campaign:
                campaign = book.campaign(rule.campaign)
                if campaign is None or campaign.archived:
                    raise InvalidField.of("earning_rule.campaign", "must be a campaign that is not archived")
                if not campaign.covers(rule):
                    raise InvalidField.of("earning_rule.campaign", BUDGET_OF_POINTS)
            revision = book.revision + 1
            return Version(revision, 1, revision, rule, False, to_microseconds(effective or now), now)

        return await self._change(program, rule.rule_id, change, fingerprint, actor)

    async def update(
        self, program: Program, rule: Rule, effective: datetime | None, fingerprint: Fingerprint, actor: str
    ) -> tuple[Version, bool]:
        """Makes a new version of a rule; answers it, and whether that is a replay.

        Raises:
            InvalidField: as `create`, or the rule's kind of outcome, its campaign or its count is another than before.
            NotFound: there is no such rule.
            TooManyRules: the program has as many versions as it can have.
        """
        now = self._clock.now()
        _check(program, rule, effective, now)

        def change(book: Rulebook) -> Version:
            before = _require(program, book, rule.rule_id)
            if before.rule.outcome is not rule.outcome:
                raise InvalidField.of("earning_rule.outcome", "cannot become another one: make another rule")
            if before.rule.campaign != rule.campaign:
                raise InvalidField.of("earning_rule.campaign", "cannot become another one: make another rule")
            if before.rule.unit != rule.unit:
                raise InvalidField.of("earning_rule.unit", "cannot become another one: make another rule")
            if rule.count is not None and before.rule.reward != rule.reward:
                raise InvalidField.of("earning_rule.reward", "of a count cannot become another one: make another rule")
            if before.rule.count != rule.count:
                raise InvalidField.of("earning_rule.count", "cannot become another one: make another rule")
            return _following(book, before, rule, archived=False, effective=effective or now, now=now)

        return await self._change(program, rule.rule_id, change, fingerprint, actor)

    async def archive(
        self, program: Program, rule_id: str, fingerprint: Fingerprint, actor: str
    ) -> tuple[Version, bool]:
        """Archives a rule from now on, and what was still to come of it; one that is archived already stays as it is.

        Raises:
            NotFound: there is no such rule.
        """
        now = self._clock.now()

        def change(book: Rulebook) -> Version:
            before = _require(program, book, rule_id)
            if before.archived:
                return before
            return _following(book, before, before.rule, archived=True, effective=now, now=now)

        return await self._change(program, rule_id, change, fingerprint, actor)

    async def versions(self, program: Program, rule_id: str) -> list[Version]:
        """All versions of a rule, oldest first.

        Raises:
            NotFound: there is no such rule.
        """
        async with self._database.acquire() as connection:
            book = await rules.book(connection, program)
        _require(program, book, rule_id)
        return [one for one in book.versions if one.rule.rule_id == rule_id]

    async def latest(self, program: Program) -> list[Version]:
        """The latest version of each rule, in the order in which they were made."""
        async with self._database.acquire() as connection:
            return (await rules.book(connection, program)).latest()

    async def _change(
        self,
        program: Program,
        rule_id: str,
        change: Callable[[Rulebook], Version],
        fingerprint: Fingerprint,
        actor: str,
    ) -> tuple[Version, bool]:
        """Writes the version that `change` makes of the rules as they are, alone; answers it."""

        async def work(connection: Connection) -> bytes:
            await rules.hold(connection, program)
            book = await rules.book(connection, program)
            version = change(book)
            if version.revision > book.revision:
                _bound(book, version)
                await rules.insert(connection, program.program_no, version, actor)
                await rules.advance(connection, program, version.revision)
            return str(version.version).encode()

        outcome, replayed = await once(self._database, fingerprint, work)
        return (await self.versions(program, rule_id))[int(outcome) - 1], replayed


def _following(
    book: Rulebook, before: Version, rule: Rule, *, archived: bool, effective: datetime, now: datetime
) -> Version:
    revision = book.revision + 1
    return Version(before.rule_no, before.version + 1, revision, rule, archived, to_microseconds(effective), now)


def _check(program: Program, rule: Rule, effective: datetime | None, now: datetime) -> None:
    found = violations_of(rule, program.settings)
    if effective is not None and effective < now:
        found.append(FieldViolation("effective_time", "must not have passed: what was awarded is not touched"))
    if found:
        raise InvalidField(replace(one, field=f"earning_rule.{one.field}") for one in found)


def _bound(book: Rulebook, version: Version) -> None:
    if len(book.versions) >= VERSIONS_MAX:
        raise TooManyRules("versions of rules", VERSIONS_MAX)
    others = sum(1 for one in book.latest() if not one.archived and one.rule_no != version.rule_no)
    if not version.archived and others >= RULES_MAX:
        raise TooManyRules("rules", RULES_MAX)


def _find(book: Rulebook, rule_id: str) -> Version | None:
    return next((one for one in book.latest() if one.rule.rule_id == rule_id), None)


def _require(program: Program, book: Rulebook, rule_id: str) -> Version:
    found = _find(book, rule_id)
    if found is None:
        raise NotFound(f"{program.name}/rules/{rule_id}")
    return found
