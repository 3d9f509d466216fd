"""Campaigns: made, changed, archived, and what they did. A change is a revision of the program's rules, so that it
works for every purchase that is recorded after it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.campaigns import (
    CAMPAIGNS_EVER_MAX,
    CAMPAIGNS_MAX,
    Campaign,
    Group,
    change_violations,
    violations,
)
from membership.domain.errors import CampaignArchived, TooManyRules
from membership.domain.moments import to_microseconds
from membership.domain.program import Program
from membership.domain.rulebooks import Rulebook
from membership.store import budgets, campaigns, rules


class Standing(NamedTuple):
    """A campaign as it stands at a moment."""

    campaign: Campaign
    spent: int
    """Of its budget, in points."""
    now: datetime


class Campaigns:
    """Campaigns."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, program: Program, asked: Campaign, begins: datetime | None, fingerprint: Fingerprint, actor: str
    ) -> tuple[Standing, bool]:
        """Makes a campaign that begins now or later; answers it, and whether that is a replay.

        Raises:
            InvalidField: a bound is not kept, the start has passed, or it has a budget where late events rerate.
            AlreadyExists: the program has a campaign of that id.
            TooManyRules: it has as many as it can have.
        """
        now = self._clock.now()
        one = replace(asked, start_us=to_microseconds(begins or now), create_time=now)
        wrong = list(violations(one))
        if wrong:
            raise InvalidField(wrong).within("campaign")
        if one.start_us < to_microseconds(now):
            raise InvalidField.of("campaign.start_time", "must not have passed")

        async def change(connection: Connection, book: Rulebook) -> None:
            if book.campaign(one.campaign_id) is not None:
                raise AlreadyExists(campaign_name(program, one.campaign_id))
            if len(book.campaigns) >= CAMPAIGNS_EVER_MAX:
                raise TooManyRules("campaigns, archived ones too", CAMPAIGNS_EVER_MAX)
            if sum(not other.archived for other in book.campaigns) >= CAMPAIGNS_MAX:
                raise TooManyRules("campaigns", CAMPAIGNS_MAX)
            revision = book.revision + 1
            await campaigns.insert(connection, program, replace(one, campaign_no=revision, revision=revision), actor)
            if one.budget:
                await budgets.insert(connection, program, revision, one.budget)
            await rules.advance(connection, program, revision)

        replayed = await self._change(program, change, fingerprint)
        return await self.get(program, one.campaign_id), replayed

    async def update(
        self, program: Program, campaign_id: str, changes: Mapping[str, Any], fingerprint: Fingerprint
    ) -> tuple[Standing, bool]:
        """Sets fields of a campaign; answers it, and whether that is a replay.

        Raises:
            InvalidField: a bound is not kept, what has passed would change, or the budget would be less than is spent.
            NotFound: there is no such campaign.
            CampaignArchived: it is archived.
        """

        async def change(connection: Connection, book: Rulebook) -> None:
            before = _require(program, book, campaign_id)
            if before.archived:
                raise CampaignArchived(campaign_name(program, campaign_id))
            after = replace(before, **changes)
            wrong = [*violations(after), *change_violations(before, after, to_microseconds(self._clock.now()))]
            if wrong:
                raise InvalidField(wrong).within("campaign")
            if after.budget != before.budget:
                await _set_budget(connection, program, after)
            await _advance(connection, program, book, after)

        replayed = await self._change(program, change, fingerprint)
        return await self.get(program, campaign_id), replayed

    async def archive(self, program: Program, campaign_id: str, fingerprint: Fingerprint) -> tuple[Standing, bool]:
        """Ends a campaign for good, now if it has not ended; answers it, and whether that is a replay.

        Raises:
            NotFound: there is no such campaign.
        """

        async def change(connection: Connection, book: Rulebook) -> None:
            before = _require(program, book, campaign_id)
            if before.archived:
                return
            now_us = to_microseconds(self._clock.now())
            end_us = max(before.start_us, now_us if before.end_us is None else min(before.end_us, now_us))
            await _advance(connection, program, book, replace(before, archived=True, end_us=end_us))

        replayed = await self._change(program, change, fingerprint)
        return await self.get(program, campaign_id), replayed

    async def get(self, program: Program, campaign_id: str) -> Standing:
        """A campaign.

        Raises:
            NotFound: there is none.
        """
        for one in await self.every(program):
            if one.campaign.campaign_id == campaign_id:
                return one
        raise NotFound(campaign_name(program, campaign_id))

    async def every(self, program: Program) -> list[Standing]:
        """All campaigns, in the order in which they were made."""
        async with self._database.acquire() as connection:
            found = await campaigns.every(connection, program)
            spent = await budgets.spent(connection, program, [one.campaign_no for one in found if one.budget])
        now = self._clock.now()
        return [Standing(one, spent.get(one.campaign_no, 0), now) for one in found]

    async def report(self, program: Program, campaign_id: str) -> tuple[Standing, dict[bool, Group]]:
        """A campaign, and what was bought within its window by members who are held out (True), and by the others.

        Raises:
            NotFound: there is no such campaign.
        """
        standing = await self.get(program, campaign_id)
        async with self._database.acquire() as connection:
            return standing, await campaigns.groups(connection, program, standing.campaign.campaign_no)

    async def _change(
        self, program: Program, change: Callable[[Connection, Rulebook], Awaitable[None]], fingerprint: Fingerprint
    ) -> bool:
        """Has `change` work on the rules and campaigns as they are, alone; answers whether this is a replay."""

        async def work(connection: Connection) -> bytes:
            await rules.hold(connection, program)
            await change(connection, await rules.book(connection, program))
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed


def campaign_name(program: Program, campaign_id: str) -> str:
    """A campaign's resource name."""
    return f"{program.name}/campaigns/{campaign_id}"


async def _advance(connection: Connection, program: Program, book: Rulebook, after: Campaign) -> None:
    revision = book.revision + 1
    await campaigns.update(connection, program, replace(after, revision=revision))
    await rules.advance(connection, program, revision)


async def _set_budget(connection: Connection, program: Program, after: Campaign) -> None:
    """Spreads what is left of a new budget anew."""
    held = (await budgets.hold(connection, program, [after.campaign_no]))[after.campaign_no]
    spent = sum(one.spent for one in held)
    if after.budget < spent:
        field = "budget_awards" if after.counts_awards else "budget_points"
        raise InvalidField.of(f"campaign.{field}", f"must be at least what is spent, {spent}")
    parts = zip(held, budgets.spread(after.budget - spent), strict=True)
    slices = [one._replace(points=one.spent + part) for one, part in parts]
    await budgets.write(connection, program, after.campaign_no, slices)


def _require(program: Program, book: Rulebook, campaign_id: str) -> Campaign:
    found = book.campaign(campaign_id)
    if found is None:
        raise NotFound(campaign_name(program, campaign_id))
    return found
