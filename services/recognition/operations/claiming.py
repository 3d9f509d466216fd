"""Offering incentives, claiming them and reviewing claims.

Claims of one incentive come one after another, under the lock on its row: so many as the month has, and no more, are
taken in, each with its payout if nobody reviews it. A rejected claim frees its place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.acting import Acting
from recognition.domain.approvals import Staff, right_of, turn_from
from recognition.domain.awards import COMMENT_LENGTH_MAX
from recognition.domain.errors import ClaimDecided, NoApprover, OwnAward, ReferenceClaimed
from recognition.domain.incentives import Claim, ClaimState, Incentive, NewClaim, claim_name, incentive_name, month_of
from recognition.domain.payouts import NewPayout, PayoutKind
from recognition.domain.people import require_all
from recognition.domain.roles import Role
from recognition.domain.texts import text_violations
from recognition.operations import award_budgets, organisations
from recognition.operations.acting import acting_person, require_role
from recognition.operations.paying import Paying
from recognition.operations.staff import load_staff, require_receiver
from recognition.store import delegations as delegation_store
from recognition.store import incentives as store
from recognition.store import people as people_store


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody says about a claim: `person` is an id, empty for the acting person."""

    organisation: str
    incentive: str
    claim: str
    person: str
    approve: bool
    comment: str


class Claiming:
    """Incentives and their claims."""

    def __init__(self, database: Database, paying: Paying, clock: Clock) -> None:
        self._database = database
        self._paying = paying
        self._clock = clock

    async def create(self, fingerprint: Fingerprint, incentive: Incentive, acting: Acting) -> tuple[Incentive, bool]:
        """Offers an incentive; answers it, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            RoleRequired: the caller is no admin.
            NotFound: there is no such budget or reviewer.
            AlreadyExists: the id is taken.
        """
        incentive.check()

        async def work(connection: Connection) -> bytes:
            organisation = incentive.organisation
            await require_role(connection, organisation, acting, Role.ADMIN)
            await award_budgets.find(connection, organisation, incentive.budget)
            named = [incentive.reviewer.person] if incentive.reviewer and incentive.reviewer.person else []
            require_all(organisation, "people", named, await people_store.existing(connection, organisation, named))
            if not await store.insert(connection, incentive, acting.actor):
                raise AlreadyExists(incentive.name)
            return incentive.id.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return (await self.get(incentive.organisation, incentive.id))[0], replayed

    async def get(self, organisation: str, incentive: str) -> tuple[Incentive, int]:
        """An incentive, and how many claims of the current month count.

        Raises:
            NotFound: there is no such incentive.
        """
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            found = await _find(connection, organisation, incentive)
            month = month_of(self._clock.now(), employer.time_zone)
            of_all, _ = await store.count(connection, organisation, incentive, month.first_day, "")
        return found, of_all

    async def list_after(self, organisation: str, after: str, most: int, *, open_only: bool) -> list[Incentive]:
        """At most so many of an organisation's incentives, by id, from after `after` on; those open now, if only these.

        Raises:
            NotFound: there is no such organisation.
        """
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            open_at = self._clock.now() if open_only else None
            return await store.list_after(connection, organisation, after, open_at, most)

    async def claim(self, fingerprint: Fingerprint, made: NewClaim, acting: Acting) -> tuple[Claim, bool]:
        """Claims an incentive; answers the claim, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds, there is no proof, or nobody claims.
            ScopeRequired: another than the acting person is named.
            NotFound: there is no such incentive or person.
            PersonDeactivated, ReceivingNotAllowed, IncentiveNotOpen, IncentiveExhausted, ClaimsOfPersonExhausted,
                ReferenceClaimed, NoApprover: as they say.
        """
        made.check()
        organisation = made.organisation

        async def work(connection: Connection) -> bytes:
            person = await acting_person(connection, organisation, acting, made.person or None)
            if person is None:
                raise InvalidField.of("claim.person", "is required: the token names no active person here")
            employer = await organisations.find(connection, organisation)
            await store.lock(connection, organisation, made.incentive)
            incentive = await _find(connection, organisation, made.incentive)
            await require_receiver(connection, organisation, person)
            now = self._clock.now()
            month = month_of(now, employer.time_zone)
            mine = replace(made, person=person)
            if made.external_reference and await store.is_claimed(connection, mine):
                raise ReferenceClaimed(made.external_reference)
            of_all, of_person = await store.count(connection, organisation, incentive.id, month.first_day, person)
            incentive.check_claim(now, month, of_all, of_person)
            claim = await self._judged(connection, incentive, mine)
            await self._take_in(connection, claim)
            await store.insert_claim(connection, claim, month.first_day, acting.actor)
            return claim.id.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        return await self._paid(organisation, made.incentive, outcome.decode()), replayed

    async def decide(self, fingerprint: Fingerprint, decision: Decision, acting: Acting) -> tuple[Claim, bool]:
        """Approves or rejects a claim; answers it, and whether this is a replay.

        Raises:
            InvalidField: the comment is too long, or nobody decides.
            ScopeRequired: another than the acting person is named.
            NotFound: there is no such claim.
            NotApprover, OwnAward, ClaimDecided: as they say.
            PersonDeactivated, ReceivingNotAllowed: who claimed may not receive any more.
        """
        violations = text_violations("comment", decision.comment, COMMENT_LENGTH_MAX)
        if violations:
            raise InvalidField(violations)
        organisation = decision.organisation

        async def work(connection: Connection) -> bytes:
            person = await acting_person(connection, organisation, acting, decision.person or None)
            if person is None:
                raise InvalidField.of("person", "is required: the token names no active person here")
            claim = await store.lock_claim(connection, organisation, decision.incentive, decision.claim)
            if claim is None:
                raise NotFound(claim_name(organisation, decision.incentive, decision.claim))
            if claim.state is not ClaimState.IN_REVIEW:
                raise ClaimDecided(claim.name, claim.state.name)
            right = await self._right(connection, claim, person)
            if decision.approve:
                await require_receiver(connection, organisation, claim.made.person)
            decided = replace(
                claim,
                state=ClaimState.APPROVED if decision.approve else ClaimState.REJECTED,
                decided_by=person,
                right_of="" if right == person else right,
                comment=decision.comment,
            )
            await self._take_in(connection, decided)
            await store.decide(connection, decided)
            return claim.id.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self._paid(organisation, decision.incentive, decision.claim), replayed

    async def _judged(self, connection: Connection, incentive: Incentive, made: NewClaim) -> Claim:
        """A new claim: in review by whoever can, or approved where nobody has to."""
        claim = Claim(
            id=new_id("cl"),
            made=made,
            amount=incentive.amount,
            chain=incentive.chain,
            state=ClaimState.APPROVED,
            reviewer="",
            decided_by="",
            right_of="",
            comment="",
            create_time=self._clock.now(),
            progress=None,
        )
        if not incentive.chain:
            return claim
        staff = await load_staff(connection, incentive.organisation, made.person, incentive.chain, {made.person})
        turn = turn_from(claim.case, staff, 0)
        if turn is None:
            raise NoApprover
        return replace(claim, state=ClaimState.IN_REVIEW, reviewer=turn.approver)

    async def _right(self, connection: Connection, claim: Claim, person: str) -> str:
        organisation = claim.made.organisation
        if person == claim.made.person:
            raise OwnAward
        delegators = await delegation_store.delegators(connection, organisation, person, self._clock.now())
        known = await people_store.lock(
            connection, organisation, {person, *delegators, *filter(None, [claim.reviewer])}
        )
        staff = Staff((), known)
        if claim.reviewer and not staff.active(claim.reviewer) and staff.has(person, Role.ADMIN):
            return person  # nobody else is left to decide, and no deadline does
        return right_of(claim.case, 0, claim.reviewer, person, delegators, known)

    async def _take_in(self, connection: Connection, claim: Claim) -> None:
        """Takes in the payout of an approved claim."""
        if claim.state is not ClaimState.APPROVED:
            return
        organisation = claim.made.organisation
        incentive = await _find(connection, organisation, claim.made.incentive)
        budget = await award_budgets.find(connection, organisation, incentive.budget)
        payout = NewPayout(
            id=claim.id,
            kind=PayoutKind.CLAIM,
            budget=budget.id,
            person=claim.made.person,
            amount=claim.amount,
            subject=claim.name,
            wait_end_time=budget.wait_end_time(self._clock.now()),
        )
        await self._paying.take_in(connection, organisation, [payout])

    async def _paid(self, organisation: str, incentive: str, claim: str) -> Claim:
        """The claim, with its points if they can be had now."""
        await self._paying.pay(organisation, [claim])
        async with self._database.acquire() as connection:
            found = await store.find_claim(connection, organisation, incentive, claim)
        assert found is not None, "claims are not deleted"
        return found


async def _find(connection: Connection, organisation: str, incentive: str) -> Incentive:
    found = await store.find(connection, organisation, incentive)
    if found is None:
        raise NotFound(incentive_name(organisation, incentive))
    return found
