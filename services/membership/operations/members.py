"""Enrolling a person, and telling where a member stands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.clients.ledger import Balance, Ledger
from membership.domain.accounts import holder_of, standing_for
from membership.domain.deliveries import Delivery
from membership.domain.endings import ended
from membership.domain.errors import MemberErased
from membership.domain.members import Member
from membership.domain.plans import HeldPlan
from membership.domain.profiles import Profile
from membership.domain.program import Program
from membership.domain.referrals import CodeGiven
from membership.domain.tiers import Progress
from membership.operations import standings
from membership.operations.deliveries import Deliveries
from membership.operations.enrolling import welcome
from membership.operations.events import member_enrolled
from membership.operations.plan_periods import held_plans
from membership.operations.profiles import checked_profile, write_profile
from membership.operations.qualifying import NOTHING
from membership.operations.referrals import claim
from membership.store import deliveries, members, profiles


@dataclass(frozen=True, slots=True)
class Standing:
    """A member, and where it stands at a moment."""

    member: Member
    as_of: datetime
    progress: Progress
    plan: HeldPlan | None = None


class Members:
    """Members."""

    def __init__(self, database: Database, service: Deliveries, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._deliveries = service
        self._ledger = ledger
        self._clock = clock

    async def surviving(self, program: Program, account: str) -> str:
        """The id of the account that stands for one of the program by now; the same where nobody was merged."""
        member_id = holder_of(account)
        async with self._database.acquire() as connection:
            found = await members.find(connection, program, member_id) if member_id else None
        return account if found is None or found.member_id == member_id else standing_for(account, found.member_id)

    async def enroll(
        self,
        program: Program,
        member_id: str,
        profile: Profile | None,
        given: CodeGiven | None,
        fingerprint: Fingerprint,
        actor: str,
        within_s: float,
    ) -> tuple[Standing, bool, bool]:
        """Enrols a person; answers the member, whether another request had enrolled it before, and whether this is a
        replay. Of two who enrol the same person at once, one waits for the other and finds the member there.

        Raises:
            InvalidField: the profile is out of its bounds.
            ContactTaken: another member has a contact of the profile.
            MemberErased: the id is erased, and data came with it.
            ReferralCodeUnknown, ReferralsClosed: the code that was given cannot be claimed.
        """
        now, due_time = self._clock.now(), self._deliveries.first_due_time()
        checked = None if profile is None else checked_profile(program, profile, now, "profile.")
        delivery: Delivery | None = None

        async def work(connection: Connection) -> bytes:
            nonlocal delivery
            delivery = None
            enrolled = await members.insert(connection, program, [member_id], now, actor)
            if checked is not None:
                await _keep_profile(connection, program, member_id, enrolled, checked, fingerprint)
            if not enrolled:
                return json.dumps({"already": True, "delivery": None}).encode()
            await welcome(connection, program, enrolled, now, actor)
            await publish(connection, member_enrolled(program, enrolled[0], now))
            rewards = NOTHING
            if given is not None:
                rewards = await claim(connection, program, member_id, given, now, fingerprint, actor, enrolling=True)
            unready = rewards.with_accounts_of(enrolled)
            number = await deliveries.insert(
                connection,
                program,
                actor,
                due_time,
                member_nos=[one.member_no for one in unready],
                purchase_ids=[],
                bonus_ids=[one.bonus_id for one in rewards.bonuses],
            )
            delivery = Delivery(number, program, actor, unready, [], bonuses=rewards.bonuses)
            return json.dumps({"already": False, "delivery": number}).encode()

        outcome, replayed = await once(self._database, fingerprint, work)
        told = json.loads(outcome)
        if replayed and told["delivery"] is not None:
            delivery = await self._deliveries.find(told["delivery"])
        if delivery is not None:
            await self._deliveries.try_to_deliver(delivery, within_s)
        return await self.get(program, member_id), told["already"], replayed

    async def get(self, program: Program, member_id: str, as_of: datetime | None = None) -> Standing:
        """A member and where it stands at `as_of`, or now.

        Raises:
            NotFound: there is no such member.
        """
        moment = as_of or self._clock.now()
        async with self._database.acquire() as connection:
            member = await members.find(connection, program, member_id)
            if member is None:
                raise NotFound(f"{program.name}/members/{member_id}")
            standing = await standings.read(connection, program, [member], moment)
            plans = await held_plans(connection, [member.member_no], moment)
        return Standing(member, moment, standing[member.member_no], plans.get(member.member_no))

    async def page(self, program: Program, after: str, most: int) -> list[Standing]:
        """Members in the order of their ids, from behind `after`, as they stand now."""
        now = self._clock.now()
        async with self._database.acquire() as connection:
            found = await members.page(connection, program, after, most)
            standing = await standings.read(connection, program, found, now)
            plans = await held_plans(connection, [member.member_no for member in found], now)
        return [Standing(one, now, standing[one.member_no], plans.get(one.member_no)) for one in found]

    async def balance(self, program: Program, member: Member, actor: str) -> Balance:
        """What a member can spend: nothing while its account is not open yet."""
        return await self._ledger.balance(program, member.account_id, actor) or Balance(0, ())


async def _keep_profile(
    connection: Connection,
    program: Program,
    member_id: str,
    enrolled: Sequence[Member],
    profile: Profile,
    fingerprint: Fingerprint,
) -> None:
    """Keeps the profile of a new member; of one that was there before, only which request told of it."""
    member = enrolled[0] if enrolled else await members.hold(connection, program, member_id)
    why = ended(program, member)
    if isinstance(why, MemberErased):
        raise why
    if enrolled:
        await write_profile(connection, program, member.member_no, profile)
    await profiles.link(connection, [member.member_no], fingerprint.key)
