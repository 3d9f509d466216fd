"""Celebrating anniversaries and birthdays: each once a year, however many workers look, however late, and whatever the
clock does.

What is due is found anew at each look, from the days of the organisation's zone that may still be celebrated. Under the
lock on the policy each day that is due becomes a row, which person, occasion and year make unique, and a payout.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.days import first_instant
from guerdon_kit.errors import NotFound, Unavailable
from guerdon_kit.events import Event, publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.pages import END, cut, page_size, read_place
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.acting import Acting
from recognition.domain.celebrations import Celebration, Policy, celebration_name, dates_kept, days_to_keep
from recognition.domain.payouts import NewPayout, PayoutKind
from recognition.domain.people import person_name
from recognition.domain.roles import Role
from recognition.operations import award_budgets, organisations
from recognition.operations.acting import acting_person, require_role
from recognition.operations.paying import Paying
from recognition.store import celebrations as store
from recognition.store.celebrations import Celebrating, Kept
from recognition.store.positions import Position

BATCH = 500
ORGANISATIONS_AT_ONCE = 100
CELEBRATED = "guerdon.recognition.v1.celebration_given"


_log = structlog.get_logger(__name__)


class Celebrations:
    """What organisations celebrate."""

    def __init__(self, database: Database, paying: Paying, clock: Clock) -> None:
        self._database = database
        self._paying = paying
        self._clock = clock

    async def set_policy(self, fingerprint: Fingerprint, policy: Policy, acting: Acting) -> tuple[Policy, bool]:
        """Says what is celebrated, from today on; answers that, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            RoleRequired: the caller is no admin.
            NotFound: there is no such budget.
        """
        policy.check()

        async def work(connection: Connection) -> bytes:
            await require_role(connection, policy.organisation, acting, Role.ADMIN)
            employer = await organisations.find(connection, policy.organisation)
            await award_budgets.find(connection, policy.organisation, policy.budget)
            today = self._clock.now().astimezone(ZoneInfo(employer.time_zone)).date()
            await store.set_policy(connection, policy, today, acting.actor)
            return policy.organisation.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.policy(policy.organisation), replayed

    async def policy(self, organisation: str) -> Policy:
        """What an organisation celebrates.

        Raises:
            NotFound: nothing was said.
        """
        async with self._database.acquire() as connection:
            found = await store.find_policy(connection, organisation)
        if found is None:
            raise NotFound(f"organisations/{organisation}/celebrationPolicy")
        return found

    async def list_seen(
        self, organisation: str, viewer: str | None, size: int, token: str, acting: Acting
    ) -> tuple[list[Celebration], str]:
        """A page of what the viewer sees, newest first, and the token of the next one. The viewer is the acting person
        where None is named; who may act for others and names nobody sees all.

        Raises:
            InvalidField: the size or the token is malformed.
            NotFound: there is no such organisation.
            ScopeRequired: the viewer is another than the acting person.
        """
        size = page_size(size)
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            person = await acting_person(connection, organisation, acting, viewer)
            query = ("ListCelebrations", organisation, person or "")
            position = Position(*read_place(token, query, END), size + 1)
            if person is None and acting.acts_for:
                found = await store.list_all(connection, organisation, position)
            else:
                found = await store.list_seen(connection, organisation, person, position)
        return cut(found, size, query, lambda one: (one.create_time, one.payout))

    async def celebrate_due(self) -> int:
        """Celebrates what is due, at most a batch in each organisation; answers how much that was. An organisation
        whose turn fails is left for the next time, and keeps no other from its celebrations.
        """
        celebrated, after = 0, ""
        while True:
            async with self._database.acquire() as connection:
                celebrating = await store.policies_after(connection, after, ORGANISATIONS_AT_ONCE)
            for one in celebrating:
                try:
                    celebrated += await self._celebrate(one)
                except Unavailable:
                    _log.warning("celebrating_waits", organisation=one.policy.organisation)
            if len(celebrating) < ORGANISATIONS_AT_ONCE:
                return celebrated
            after = celebrating[-1].policy.organisation

    async def _celebrate(self, celebrating: Celebrating) -> int:
        policy = celebrating.policy
        kept = _kept(celebrating, self._clock.now())
        async with self._database.acquire() as connection:
            if not await store.due(connection, policy, kept, 1):
                return 0  # the usual answer takes no lock

        async def work(connection: Connection) -> list[str]:
            await store.lock(connection, policy.organisation)
            due = await store.due(connection, policy, kept, BATCH)
            if not due:
                return []
            now = self._clock.now()
            budget = await award_budgets.find(connection, policy.organisation, policy.budget)
            celebrated = [(new_id("ce"), one) for one in due]
            payouts = [
                NewPayout(
                    id=payout,
                    kind=PayoutKind.CELEBRATION,
                    budget=budget.id,
                    person=one.person,
                    amount=policy.amount(one.occasion, one.years),
                    subject=celebration_name(policy.organisation, one),
                    wait_end_time=budget.wait_end_time(now),
                )
                for payout, one in celebrated
            ]
            await self._paying.take_in(connection, policy.organisation, payouts)
            await store.insert(connection, policy, celebrated, now)
            return [payout for payout, _ in celebrated]

        payouts = await self._database.run(work, repeatable=True)
        if payouts:
            await self._paying.pay(policy.organisation, payouts)
        return len(payouts)


async def tell_celebrated(connection: Connection, organisation: str, payouts: Collection[str]) -> None:
    """Tells of what was celebrated just now, if everybody sees it."""
    for celebration in await store.find_public(connection, organisation, payouts):
        await publish(connection, _celebrated(celebration))


def _celebrated(celebration: Celebration) -> Event:
    due = celebration.due
    return Event(
        type=CELEBRATED,
        subject=celebration.name,
        key=celebration.name,
        time=celebration.create_time,
        data={
            "person": person_name(celebration.organisation, due.person),
            "occasion": due.occasion.name,
            "years": due.years,
            "amount": celebration.amount,
        },
    )


def _kept(celebrating: Celebrating, now: datetime) -> list[Kept]:
    policy, tz = celebrating.policy, ZoneInfo(celebrating.time_zone)
    days = days_to_keep(now.astimezone(tz).date(), celebrating.start_day, policy.catch_up_days)
    return [
        Kept(day, month, month_day, first_instant(day + timedelta(days=1), tz))
        for day in days
        for month, month_day in dates_kept(day, policy.leap_day)
    ]
