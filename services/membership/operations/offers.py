"""Offers: made, archived, sent to members, and accepted by them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, InvalidField, NotFound
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.endings import ended
from membership.domain.errors import OfferArchived, OfferOver
from membership.domain.holdouts import held_out
from membership.domain.members import Ended, Member
from membership.domain.offers import (
    RUNNING_MAX,
    Offer,
    OfferState,
    OfferTerms,
    PersonalOffer,
    Sending,
    Validity,
    validity_violations,
    violations,
)
from membership.domain.program import Program
from membership.operations.offer_events import offer_accepted, offer_sent
from membership.operations.segments import in_use
from membership.store import members, offers
from membership.store.offers import Report


class Offers:
    """Offers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, program: Program, offer_id: str, terms: OfferTerms, fingerprint: Fingerprint, actor: str
    ) -> bool:
        """Makes an offer; answers whether this is a replay.

        Raises:
            InvalidField: a bound is not kept.
            AlreadyExists: the id is taken.
        """
        wrong = list(violations(offer_id, terms))
        if wrong:
            raise InvalidField(wrong).within("offer")

        async def work(connection: Connection) -> bytes:
            if not await offers.insert(connection, program, offer_id, terms, self._clock.now(), actor):
                raise AlreadyExists(offer_name(program, offer_id))
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def archive(self, program: Program, offer_id: str, fingerprint: Fingerprint) -> bool:
        """Archives an offer; answers whether this is a replay.

        Raises:
            NotFound: there is no such offer.
        """

        async def work(connection: Connection) -> bytes:
            if not await offers.archive(connection, program, offer_id):
                raise NotFound(offer_name(program, offer_id))
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def get(self, program: Program, offer_id: str) -> Offer:
        """An offer.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            return await _find(connection, program, offer_id)

    async def page(self, program: Program, after: str, most: int) -> list[Offer]:
        """Offers in the order of their ids, from behind `after`."""
        async with self._database.acquire() as connection:
            return await offers.page(connection, program, after, most)

    async def report(self, program: Program, offer_id: str) -> tuple[Offer, Report]:
        """What an offer brought.

        Raises:
            NotFound: there is no such offer.
        """
        async with self._database.acquire() as connection:
            offer = await _find(connection, program, offer_id)
            return offer, await offers.report(connection, offer)

    async def send(
        self,
        program: Program,
        offer_id: str,
        member_ids: Sequence[str],
        segment_id: str | None,
        start_time: datetime | None,
        end_time: datetime,
        fingerprint: Fingerprint,
        actor: str,
    ) -> tuple[Sending, bool]:
        """Sends an offer to members, by default from now on; answers what was sent, and whether this is a replay. To
        those of a segment it is sent afterwards.

        Raises:
            InvalidField: the validity is over, too long or the wrong way round.
            NotFound: there is no such offer, no such segment, or no such member.
            OfferArchived, SegmentArchived: the offer is sent no more, or the segment has no members.
            MemberClosed, MemberErased: one of the memberships has ended.
        """
        now = self._clock.now()
        validity = Validity(start_time or now, end_time)

        async def work(connection: Connection) -> bytes:
            offer = await _find(connection, program, offer_id)
            if offer.archived:
                raise OfferArchived(offer_name(program, offer_id))
            wrong = list(validity_violations(validity, now))
            if wrong:
                raise InvalidField(wrong)
            if segment_id is not None:
                await in_use(connection, program, segment_id)
            receivers = await _hold(connection, program, member_ids)
            sending_no = await offers.begin_sending(connection, program, offer, validity, segment_id, now, actor)
            if receivers:
                await send(connection, program, offer, sending_no, validity, receivers, now)
            return json.dumps(sending_no).encode()

        outcome, replayed = await once(self._database, fingerprint, work)
        return await self.sending(program, offer_id, json.loads(outcome)), replayed

    async def sending(self, program: Program, offer_id: str, sending_no: int) -> Sending:
        """How far the sending of an offer has come.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            found = await offers.find_sending(connection, program, sending_no)
        if found is None or found.offer_id != offer_id:
            raise NotFound(f"{offer_name(program, offer_id)}/sendings/{sending_no}")
        return found

    async def accept(
        self, program: Program, sending_no: int, sent_to: int, fingerprint: Fingerprint
    ) -> tuple[PersonalOffer, bool]:
        """Accepts what a member received; answers it, and whether this is a replay.

        Raises:
            NotFound: there is no such personal offer, or it was held back.
            OfferOver: its validity is over.
            MemberClosed, MemberErased: the membership has ended.
        """
        now = self._clock.now()

        async def work(connection: Connection) -> bytes:
            member_id = (await _received(connection, program, sending_no, sent_to)).member_id
            member = await members.hold(connection, program, member_id)
            why = ended(program, member)
            if why is not None:
                raise why
            one = await _received(connection, program, sending_no, sent_to)  # again: now nobody else changes it
            if one.accept_time is not None:
                return b""
            if one.state(now) is OfferState.OVER:
                raise OfferOver(personal_offer_name(program, one), one.validity.end.isoformat())
            await offers.accept(connection, one, now)
            await members.offer_until(connection, [member.member_no], one.validity.told_until)
            await publish(connection, offer_accepted(program, one, now))
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        async with self._database.acquire() as connection:
            return await _received(connection, program, sending_no, sent_to), replayed

    async def page_personal(
        self, program: Program, member_id: str, before: tuple[int, int], most: int
    ) -> list[PersonalOffer]:
        """What a member received, the latest first, from behind the one given.

        Raises:
            NotFound: there is no such member.
        """
        async with self._database.acquire() as connection:
            member = await members.find(connection, program, member_id)
            if member is None:
                raise NotFound(f"{program.name}/members/{member_id}")
            return await offers.page_personal(connection, member.member_no, before, most)

    def now(self) -> datetime:
        """The moment by which it is told what is over."""
        return self._clock.now()


async def send(
    connection: Connection,
    program: Program,
    offer: Offer,
    sending_no: int,
    validity: Validity,
    receivers: Sequence[Member],
    now: datetime,
) -> None:
    """Writes what members receive, whose rows are held, but those who have too many already."""
    has = await offers.running(connection, [one.member_no for one in receivers], now)
    free = [one for one in receivers if has.get(one.member_no, 0) < RUNNING_MAX]
    name, share = offer_name(program, offer.offer_id), offer.terms.holdout
    held = {one.member_no: held_out(name, f"{program.name}/members/{one.member_id}", share) for one in free}
    await offers.send(connection, offer, sending_no, validity, held, len(receivers) - len(free), now)
    counting = [number for number, back in held.items() if back or not offer.terms.acceptance_required]
    await members.offer_until(connection, counting, validity.told_until)
    told = (one for one in free if not held[one.member_no])
    await publish(connection, *(offer_sent(program, offer, sending_no, validity, one, now) for one in told))


def offer_name(program: Program, offer_id: str) -> str:
    """An offer's resource name."""
    return f"{program.name}/offers/{offer_id}"


def personal_offer_name(program: Program, one: PersonalOffer) -> str:
    """A personal offer's resource name."""
    return f"{program.name}/personalOffers/{one.personal_offer_id}"


async def _find(connection: Connection, program: Program, offer_id: str) -> Offer:
    found = await offers.find(connection, program, offer_id)
    if found is None:
        raise NotFound(offer_name(program, offer_id))
    return found


async def _received(connection: Connection, program: Program, sending_no: int, sent_to: int) -> PersonalOffer:
    found = await offers.find_personal(connection, program, sending_no, sent_to)
    if found is None or found.held_out:
        raise NotFound(f"{program.name}/personalOffers/{sending_no}-{sent_to}")
    return found


async def _hold(connection: Connection, program: Program, member_ids: Sequence[str]) -> list[Member]:
    """Members, or those who stand for them, each once, their rows held."""
    wanted = sorted(set(member_ids))
    held = {one.member_id: one for one in await members.lock(connection, program, wanted)}
    for member_id in wanted:
        if member_id not in held:
            raise NotFound(f"{program.name}/members/{member_id}")
    merged = [one for one in held.values() if one.ended is Ended.MERGED]
    standing = await members.hold_survivors(connection, program, merged) if merged else {}
    receivers = {one.member_no: one for one in (standing.get(one.member_no, one) for one in held.values())}
    for one in receivers.values():
        why = ended(program, one)
        if why is not None:
            raise why
    return [receivers[number] for number in sorted(receivers)]
