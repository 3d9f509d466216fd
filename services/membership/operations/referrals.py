"""Referrals: a program's terms, members' codes, and claiming one."""

from __future__ import annotations

import secrets
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import FieldViolation, InvalidField, NotFound
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, Rerun
from guerdon_kit.postgres.requests import once
from membership.domain.endings import ended
from membership.domain.errors import ReferralCodeUnknown, ReferralsClosed
from membership.domain.members import Ended, Member
from membership.domain.program import Program
from membership.domain.referrals import (
    ADDRESS_LENGTH_MAX,
    CODE_ALPHABET,
    CODE_LENGTH,
    Claim,
    Claimed,
    CodeGiven,
    QualifyingEvent,
    Referral,
    ReferralState,
    ReferralTerms,
    address_key,
    code_key,
    refusal,
    violations,
)
from membership.operations.events import referral_changed
from membership.operations.qualifying import NOTHING, Rewards, qualify
from membership.store import advocates, members, profiles, referrals


class Referrals:
    """Referrals."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def set_terms(self, program: Program, terms: ReferralTerms, fingerprint: Fingerprint, actor: str) -> bool:
        """Sets a program's terms for the referrals to come; answers whether this is a replay.

        Raises:
            InvalidField: a bound is not kept.
        """
        wrong = list(violations(terms))
        if wrong:
            raise InvalidField(wrong).within("referral_terms")

        async def work(connection: Connection) -> bytes:
            before = await referrals.terms(connection, program)
            if before is None or before[0] != terms:
                version = before[1] + 1 if before else 1
                await referrals.set_terms(connection, program, version, terms, self._clock.now(), actor)
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def terms(self, program: Program) -> tuple[ReferralTerms, int, datetime]:
        """A program's terms, their version, and when it was made.

        Raises:
            NotFound: it has none.
        """
        async with self._database.acquire() as connection:
            found = await referrals.terms(connection, program)
        if found is None:
            raise NotFound(f"{program.name}/referralTerms")
        return found

    async def code(self, program: Program, member_id: str) -> tuple[str, int]:
        """A member's code, made when it is first asked for, and how many friends have qualified.

        Raises:
            NotFound: there is no such member.
            MemberClosed, MemberErased: the membership has ended.
        """

        async def work(connection: Connection) -> tuple[str, int]:
            member = await _alive(connection, program, member_id)
            known = await advocates.code_of(connection, member.member_no)
            if known is None:
                member = _require_alive(program, await members.hold(connection, program, member_id), member_id)
                made = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
                await advocates.give_code(connection, program, member.member_no, made)
                known = await advocates.code_of(connection, member.member_no)
                assert known is not None, "it was just given"
            return known

        return await self._database.run(work, repeatable=True)

    async def claim(
        self, program: Program, friend_id: str, given: CodeGiven, fingerprint: Fingerprint, actor: str
    ) -> tuple[Referral, bool]:
        """Claims a code for a member; answers the referral, which may be refused, and whether this is a replay.

        Raises:
            InvalidField: the address is out of its bounds.
            NotFound: there is no such member.
            ReferralCodeUnknown: nobody has the code.
            ReferralsClosed: the program takes no referrals.
            MemberClosed, MemberErased: the membership has ended.
        """
        now = self._clock.now()

        async def work(connection: Connection) -> bytes:
            rewards = await claim(connection, program, friend_id, given, now, fingerprint, actor, enrolling=False)
            assert not rewards.bonuses, "only enrolling has a claim rewarded at once"
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        claimed = await self.claimed(program, friend_id, given.code)
        assert claimed is not None, "it was just claimed"
        return claimed, replayed

    async def claimed(self, program: Program, friend_id: str, code: str) -> Referral | None:
        """What became of a code that a member claimed; None where that did not happen."""
        async with self._database.acquire() as connection:
            member = await members.find(connection, program, friend_id)
            advocate_id = await advocates.by_code(connection, program, code_key(code) or "")
            found = await referrals.of_friends(connection, [member.member_no]) if member else []
        return next((one for one in reversed(found) if one.advocate_id == advocate_id), None)

    async def page(self, program: Program, advocate_id: str, before: tuple[int, int], most: int) -> list[Referral]:
        """An advocate's referrals from the friend who enrolled last to the first, from behind the numbers of the
        friend and the advocate given.

        Raises:
            NotFound: there is no such member.
        """
        async with self._database.acquire() as connection:
            advocate = await members.find(connection, program, advocate_id)
            if advocate is None:
                raise NotFound(f"{program.name}/members/{advocate_id}")
            return await referrals.page(connection, advocate.member_no, before, most)


async def claim(
    connection: Connection,
    program: Program,
    friend_id: str,
    given: CodeGiven,
    now: datetime,
    fingerprint: Fingerprint,
    actor: str,
    *,
    enrolling: bool,
) -> Rewards:
    """Writes the claim of a code, refused or not; answers what it gives at once. The same claim again changes nothing,
    unless it was refused.

    Raises:
        As `Referrals.claim`.
    """
    address = _address(program, given)
    found = await referrals.terms(connection, program)
    if found is None or found[0].closed:
        raise ReferralsClosed(program.name)
    terms, version, _ = found
    friend, advocate = await _hold(connection, program, friend_id, given.code)
    before = await referrals.of_friends(connection, [friend.member_no])
    if any(one.advocate_no == advocate.member_no and one.state is not ReferralState.REFUSED for one in before):
        return NOTHING
    brought = await referrals.of_friends(connection, [advocate.member_no])
    from_address = await referrals.hold_address(connection, program, address, now) if address else 0
    why = refusal(
        terms,
        Claim(
            own=friend == advocate or _any_of(brought, friend),
            referred=any(one.state is not ReferralState.REFUSED for one in before),
            enrolling=enrolling,
            bought=await referrals.has_bought(connection, friend.member_no),
            same_contact=await referrals.has_former_contact(connection, friend.member_no),
            from_address=from_address,
        ),
    )
    referral = Referral(
        advocate_no=advocate.member_no,
        advocate_id=advocate.member_id,
        friend_no=friend.member_no,
        friend_id=friend.member_id,
        claimed=Claimed(friend.member_no, friend.member_id, advocate.member_no),
        version=version,
        state=ReferralState.OPEN if why is None else ReferralState.REFUSED,
        refusal=why,
        warned=why is None and address is not None and from_address >= terms.address_warning,
        claim_time=now,
        qualify_time=None,
        purchase_id=None,
        milestone=None,
        advocate_points=terms.advocate_points,
        friend_points=terms.friend_points,
    )
    await referrals.write(connection, program, referral, actor)
    await publish(connection, referral_changed(program, referral, now))
    if address is not None:
        await profiles.link(connection, [friend.member_no], fingerprint.key)
    if why is not None:
        return NOTHING
    if address is not None:
        await referrals.count_address(connection, program, address, now)
    if terms.event is QualifyingEvent.SIGN_UP:
        return await qualify(connection, program, terms, referral, now, None, now)
    return NOTHING


async def _hold(connection: Connection, program: Program, friend_id: str, code: str) -> tuple[Member, Member]:
    """The friend and the advocate, or who stands for them; both rows are held."""
    found = await members.find(connection, program, friend_id)
    if found is None:
        raise NotFound(f"{program.name}/members/{friend_id}")
    advocate_id = await advocates.by_code(connection, program, code_key(code) or "")
    if advocate_id is None:
        raise ReferralCodeUnknown(program.name)
    held = await members.lock(connection, program, sorted({found.member_id, advocate_id}))  # both, in one order
    if any(one.ended is Ended.MERGED for one in held):
        raise Rerun  # merged since we looked who stands for whom
    by_id = {member.member_id: member for member in held}
    friend, advocate = _require_alive(program, by_id[found.member_id], friend_id), by_id[advocate_id]
    if ended(program, advocate) is not None:
        raise ReferralCodeUnknown(program.name)
    return friend, advocate


def _any_of(brought: list[Referral], friend: Member) -> bool:
    return any(one.advocate_no == friend.member_no and one.state is not ReferralState.REFUSED for one in brought)


def _address(program: Program, given: CodeGiven) -> bytes | None:
    address = given.source_address
    if len(address) > ADDRESS_LENGTH_MAX or not address.isprintable():
        rule = f"must be at most {ADDRESS_LENGTH_MAX} printable characters"
        raise InvalidField([FieldViolation("source_address", rule)])
    return address_key(program.program_no, address) if address.strip() else None


async def _alive(connection: Connection, program: Program, member_id: str) -> Member:
    return _require_alive(program, await members.find(connection, program, member_id), member_id)


def _require_alive(program: Program, member: Member | None, member_id: str) -> Member:
    if member is None:
        raise NotFound(f"{program.name}/members/{member_id}")
    why = ended(program, member)
    if why is not None:
        raise why
    return member
