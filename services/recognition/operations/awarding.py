"""Nominating and deciding: each step of an award in one transaction, under the lock on its row.

The step that approves takes in the payout, in the same transaction: nothing is set aside before that, and what the
budget has is for the ledger to say (docs/adr/0055). What nobody decides in time the clock does: `decide_overdue`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.events import Event, publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain import award_moves as moves
from recognition.domain.acting import Acting
from recognition.domain.approvals import right_of
from recognition.domain.award_moves import By, Move
from recognition.domain.awards import COMMENT_LENGTH_MAX, Award, AwardState, Nomination, award_name, program_name
from recognition.domain.errors import NotApprover
from recognition.domain.payouts import NewPayout, PayoutKind
from recognition.domain.people import person_name
from recognition.domain.recognitions import Visibility
from recognition.domain.texts import text_violations
from recognition.operations import award_budgets, award_programs
from recognition.operations.acting import acting_person
from recognition.operations.paying import Paying
from recognition.operations.staff import load_staff, require_receiver
from recognition.store import awards as store
from recognition.store import delegations as delegation_store
from recognition.store import people as people_store

GIVEN = "guerdon.recognition.v1.award_given"

_Decide = Callable[[Connection, Award, str], Awaitable[Move]]


class Awarding:
    """Awards on their way."""

    def __init__(self, database: Database, paying: Paying, clock: Clock) -> None:
        self._database = database
        self._paying = paying
        self._clock = clock

    async def nominate(self, fingerprint: Fingerprint, nomination: Nomination, acting: Acting) -> tuple[Award, bool]:
        """Asks for an award; answers it, and whether this is a replay. An empty nominator is the acting person, and
        the amount 0 the program's least.

        Raises:
            InvalidField: a field is out of its bounds, or nobody nominates.
            ScopeRequired: the nominator is another than the acting person.
            NotFound: there is no such program or person.
            SelfGiving, PersonDeactivated, ReceivingNotAllowed, NominationNotAllowed, AwardProgramClosed, NoApprover: as
                they say.
        """
        organisation = nomination.organisation

        async def work(connection: Connection) -> bytes:
            nominator = await _acting(connection, organisation, acting, nomination.nominator, "award.nominator")
            program = await award_programs.find(connection, organisation, nomination.program)
            amount = nomination.amount or program.amount_min
            asked = Nomination(
                organisation,
                program.id,
                nominator,
                nomination.nominee,
                amount,
                nomination.reason,
                nomination.visibility,
            )
            staff = await load_staff(connection, organisation, asked.nominee, program.chain, {nominator})
            standings = await people_store.lock(connection, organisation, {nominator, asked.nominee})
            asked.check(program, standings, staff.line)
            by = By(nominator, acting.actor)
            move = moves.nominate(new_id("aw"), asked, program.chain, staff, by, self._clock.now())
            await store.insert(connection, await self._taken_in(connection, move.award), acting.actor)
            await store.append(connection, move.award, move.steps)
            return move.award.id.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        return await self._paid(organisation, outcome.decode()), replayed

    async def approve(
        self, fingerprint: Fingerprint, organisation: str, award: str, person: str, comment: str, acting: Acting
    ) -> tuple[Award, bool]:
        """Approves at the level whose turn it is; answers the award, and whether this is a replay.

        Raises:
            InvalidField: the comment is too long, or nobody approves.
            ScopeRequired: another than the acting person is named.
            NotFound: there is no such award, or it is not theirs to see.
            NotApprover, OwnAward, AlreadyDecided, NotInApproval, ApprovalOverdue: as they say.
            PersonDeactivated, ReceivingNotAllowed: the nominee may not receive any more.
        """

        async def decide(connection: Connection, found: Award, decider: str) -> Move:
            right = await self._right(connection, found, decider)
            nominee = found.nomination.nominee
            await require_receiver(connection, organisation, nominee)
            parts = found.case.decided | {decider, right, found.nomination.nominator}
            staff = await load_staff(connection, organisation, nominee, found.chain, parts)
            by = By(decider, acting.actor, "" if right == decider else right, comment)
            return moves.approve(found, staff, by, self._clock.now())

        return await self._decide(fingerprint, organisation, award, person, comment, acting, decide)

    async def reject(
        self, fingerprint: Fingerprint, organisation: str, award: str, person: str, comment: str, acting: Acting
    ) -> tuple[Award, bool]:
        """Rejects at the level whose turn it is; answers the award, and whether this is a replay.

        Raises:
            As `approve`, but for what the nominee may receive.
        """

        async def decide(connection: Connection, found: Award, decider: str) -> Move:
            right = await self._right(connection, found, decider)
            by = By(decider, acting.actor, "" if right == decider else right, comment)
            return moves.reject(found, by, self._clock.now())

        return await self._decide(fingerprint, organisation, award, person, comment, acting, decide)

    async def withdraw(
        self, fingerprint: Fingerprint, organisation: str, award: str, person: str, acting: Acting
    ) -> tuple[Award, bool]:
        """Takes a nomination back; answers the award, and whether this is a replay.

        Raises:
            InvalidField: nobody does.
            ScopeRequired: another than the acting person is named.
            NotFound: there is no such award.
            NotApprover: it is another's nomination.
            NotInApproval, ApprovalOverdue: as they say.
        """

        async def decide(_connection: Connection, found: Award, decider: str) -> Move:
            if decider != found.nomination.nominator:
                raise NotApprover
            return moves.withdraw(found, By(decider, acting.actor), self._clock.now())

        return await self._decide(fingerprint, organisation, award, person, "", acting, decide)

    async def decide_overdue(self) -> bool:
        """Does what the policy of one level says whose time is over; answers whether there was one."""
        organisation, award = "", ""

        async def work(connection: Connection) -> bool:
            nonlocal organisation, award
            key = await store.take_overdue(connection, self._clock.now())
            if key is None:
                return False
            organisation, award = key
            found = await store.find(connection, organisation, award)
            assert found is not None, "awards are not deleted"
            parts = found.case.decided | {found.nomination.nominator}
            staff = await load_staff(connection, organisation, found.nomination.nominee, found.chain, parts)
            await self._write(connection, found, moves.overdue(found, staff, self._clock.now()))
            return True

        moved = await self._database.run(work, repeatable=True)
        if moved:
            await self._paid(organisation, award)
        return moved

    async def _decide(
        self,
        fingerprint: Fingerprint,
        organisation: str,
        award: str,
        person: str,
        comment: str,
        acting: Acting,
        decide: _Decide,
    ) -> tuple[Award, bool]:
        violations = text_violations("comment", comment, COMMENT_LENGTH_MAX)
        if violations:
            raise InvalidField(violations)

        async def work(connection: Connection) -> bytes:
            decider = await _acting(connection, organisation, acting, person, "person")
            found = await store.lock(connection, organisation, award)
            if found is None:
                raise NotFound(award_name(organisation, award))
            moves.require_open(found, self._clock.now())
            await self._write(connection, found, await decide(connection, found, decider))
            return award.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self._paid(organisation, award), replayed

    async def _right(self, connection: Connection, award: Award, person: str) -> str:
        """By whose right the person decides now."""
        organisation = award.nomination.organisation
        delegators = await delegation_store.delegators(connection, organisation, person, self._clock.now())
        standings = await people_store.lock(connection, organisation, {person, *delegators})
        return right_of(award.case, award.level, award.approver, person, delegators, standings)

    async def _write(self, connection: Connection, award: Award, move: Move) -> None:
        await store.append(connection, award, move.steps)
        await store.update(connection, await self._taken_in(connection, move.award))

    async def _taken_in(self, connection: Connection, award: Award) -> Award:
        """The award, whose payout is taken in if it is approved."""
        if award.state is AwardState.APPROVED:
            nomination = award.nomination
            program = await award_programs.find(connection, nomination.organisation, nomination.program)
            budget = await award_budgets.find(connection, nomination.organisation, program.budget)
            payout = NewPayout(
                id=award.id,
                kind=PayoutKind.AWARD,
                budget=budget.id,
                person=nomination.nominee,
                amount=nomination.amount,
                subject=award.name,
                wait_end_time=budget.wait_end_time(self._clock.now()),
            )
            await self._paying.take_in(connection, nomination.organisation, [payout])
        return award

    async def _paid(self, organisation: str, award: str) -> Award:
        """The award, with its points if they can be had now."""
        await self._paying.pay(organisation, [award])
        async with self._database.acquire() as connection:
            found = await store.find(connection, organisation, award)
        assert found is not None, "awards are not deleted"
        return found


async def tell_given(connection: Connection, organisation: str, payouts: Collection[str]) -> None:
    """Tells of awards that were given just now, if they are public. Why they were is for readers only."""
    for payout in payouts:
        award = await store.find(connection, organisation, payout)
        if award is not None and award.nomination.visibility is Visibility.PUBLIC:
            await publish(connection, _given(award))


def _given(award: Award) -> Event:
    nomination = award.nomination
    return Event(
        type=GIVEN,
        subject=award.name,
        key=award.name,
        time=award.create_time,
        data={
            "award_program": program_name(nomination.organisation, nomination.program),
            "nominator": person_name(nomination.organisation, nomination.nominator),
            "nominee": person_name(nomination.organisation, nomination.nominee),
            "amount": nomination.amount,
        },
    )


async def _acting(connection: Connection, organisation: str, acting: Acting, named: str, field: str) -> str:
    """The id of the acting person, or of whom they name if they may.

    Raises:
        InvalidField: there is nobody.
        ScopeRequired: another is named, and the caller may not act for others.
    """
    person = await acting_person(connection, organisation, acting, named or None)
    if person is None:
        raise InvalidField.of(field, "is required: the token names no active person here")
    return person
