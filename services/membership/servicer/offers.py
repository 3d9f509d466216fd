"""Membership's RPCs about offers, and what members receive of them."""

from __future__ import annotations

import re
from datetime import datetime
from fractions import Fraction

from guerdon.membership.v1 import offer_pb2 as pb
from guerdon.type.v1 import cash_pb2
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import rational, timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from membership.domain.offers import MEMBERS_MAX, Goal, Offer, OfferState, OfferTerms, PersonalOffer, Sending
from membership.domain.program import Program
from membership.operations.offers import Offers, offer_name, personal_offer_name
from membership.operations.programs import Programs
from membership.servicer.policies import read_expiry, write_expiry
from membership.servicer.rationals import fraction
from membership.servicer.reading import MEMBER, PROGRAM, amount_currency, moment, require_currency
from membership.servicer.segments import SEGMENT
from membership.servicer.writing import optional_timestamp, tell_replay

OFFER = "programs/{program}/offers/{offer}"
SENDING = "programs/{program}/offers/{offer}/sendings/{sending}"
PERSONAL_OFFER = "programs/{program}/personalOffers/{personal_offer}"

_PERSONAL_ID = re.compile(r"([1-9][0-9]{0,17})-([1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_LAST = 2**63 - 1
_STATES = {
    OfferState.OFFERED: pb.PersonalOffer.STATE_OFFERED,
    OfferState.RUNNING: pb.PersonalOffer.STATE_RUNNING,
    OfferState.COMPLETED: pb.PersonalOffer.STATE_COMPLETED,
    OfferState.OVER: pb.PersonalOffer.STATE_OVER,
}


class OfferRpcs:
    """What `guerdon.membership.v1.MembershipService` does with offers."""

    def __init__(self, programs: Programs, offers: Offers) -> None:
        self._programs = programs
        self._offers = offers

    async def create_offer(self, request: pb.CreateOfferRequest, call: CallContext) -> pb.CreateOfferResponse:
        """Makes an offer."""
        program_id, offer_id = parse(request.offer.name, OFFER, "offer.name")
        program = await self._programs.get(program_id)
        terms = _read_terms(program, request.offer)
        fingerprint = Fingerprint.of(call, request, program.name)
        tell_replay(call, await self._offers.create(program, offer_id, terms, fingerprint, call.caller.actor))
        return pb.CreateOfferResponse(offer=_offer(program, await self._offers.get(program, offer_id)))

    async def get_offer(self, request: pb.GetOfferRequest, _call: CallContext) -> pb.GetOfferResponse:
        """Reads an offer."""
        program_id, offer_id = parse(request.name, OFFER)
        program = await self._programs.get(program_id)
        return pb.GetOfferResponse(offer=_offer(program, await self._offers.get(program, offer_id)))

    async def list_offers(self, request: pb.ListOffersRequest, _call: CallContext) -> pb.ListOffersResponse:
        """Lists offers."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        most, query = page_size(request.page_size), ("ListOffers", request.parent)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        program = await self._programs.get(program_id)
        found = await self._offers.page(program, after, most + 1)  # one more tells whether there is a next page
        return pb.ListOffersResponse(
            offers=[_offer(program, one) for one in found[:most]],
            next_page_token=write_token(query, (found[most - 1].offer_id,)) if len(found) > most else "",
        )

    async def archive_offer(self, request: pb.ArchiveOfferRequest, call: CallContext) -> pb.ArchiveOfferResponse:
        """Archives an offer."""
        program_id, offer_id = parse(request.name, OFFER)
        program = await self._programs.get(program_id)
        tell_replay(call, await self._offers.archive(program, offer_id, Fingerprint.of(call, request, program.name)))
        return pb.ArchiveOfferResponse(offer=_offer(program, await self._offers.get(program, offer_id)))

    async def send_offer(self, request: pb.SendOfferRequest, call: CallContext) -> pb.SendOfferResponse:
        """Sends an offer."""
        program_id, offer_id = parse(request.name, OFFER)
        member_ids, segment_id = _receivers(program_id, request)
        start_time = moment(request.start_time, "start_time") if request.HasField("start_time") else None
        end_time = moment(request.end_time, "end_time")
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        sending, replayed = await self._offers.send(
            program, offer_id, member_ids, segment_id, start_time, end_time, fingerprint, call.caller.actor
        )
        tell_replay(call, replayed)
        return pb.SendOfferResponse(sending=_sending(program, sending))

    async def get_offer_sending(
        self, request: pb.GetOfferSendingRequest, _call: CallContext
    ) -> pb.GetOfferSendingResponse:
        """Reads how far a sending has come."""
        program_id, offer_id, sending_id = parse(request.name, SENDING)
        if _NUMBER.fullmatch(sending_id) is None:
            raise InvalidField.of("name", "must be the name of a sending, as it was told")
        program = await self._programs.get(program_id)
        sending = await self._offers.sending(program, offer_id, int(sending_id))
        return pb.GetOfferSendingResponse(sending=_sending(program, sending))

    async def get_offer_report(
        self, request: pb.GetOfferReportRequest, _call: CallContext
    ) -> pb.GetOfferReportResponse:
        """Reads what an offer brought."""
        program_id, offer_id = parse(request.name, OFFER)
        offer, report = await self._offers.report(await self._programs.get(program_id), offer_id)
        return pb.GetOfferReportResponse(
            sent_count=report.sent,
            accepted_count=report.accepted,
            completed_count=report.completed,
            awarded_points=report.completed * offer.terms.points,
            held_out_count=report.held_out,
            held_out_completed_count=report.held_out_completed,
        )

    async def accept_personal_offer(
        self, request: pb.AcceptPersonalOfferRequest, call: CallContext
    ) -> pb.AcceptPersonalOfferResponse:
        """Accepts a personal offer."""
        program_id, personal_offer_id = parse(request.name, PERSONAL_OFFER)
        known = _PERSONAL_ID.fullmatch(personal_offer_id)
        if known is None:
            raise InvalidField.of("name", "must be the name of a personal offer, as it was told")
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        accepted, replayed = await self._offers.accept(program, int(known[1]), int(known[2]), fingerprint)
        tell_replay(call, replayed)
        return pb.AcceptPersonalOfferResponse(personal_offer=_personal_offer(program, accepted, self._offers.now()))

    async def list_personal_offers(
        self, request: pb.ListPersonalOffersRequest, _call: CallContext
    ) -> pb.ListPersonalOffersResponse:
        """Lists a member's personal offers."""
        program_id, member_id = parse(request.parent, MEMBER, "parent")
        most, query = page_size(request.page_size), ("ListPersonalOffers", request.parent)
        before = (_LAST, _LAST)
        if request.page_token:
            sending_no, sent_to = read_token(request.page_token, query, (int, int))
            before = (int(sending_no), int(sent_to))
        program = await self._programs.get(program_id)
        found = await self._offers.page_personal(program, member_id, before, most + 1)
        now, token = self._offers.now(), ""
        if len(found) > most:
            token = write_token(query, (found[most - 1].sending_no, found[most - 1].sent_to))
        return pb.ListPersonalOffersResponse(
            personal_offers=[_personal_offer(program, one, now) for one in found[:most]], next_page_token=token
        )


def _receivers(program_id: str, request: pb.SendOfferRequest) -> tuple[list[str], str | None]:
    """The ids of the members, or that of the segment."""
    if len(request.members) > MEMBERS_MAX or bool(request.members) == bool(request.segment):
        raise InvalidField.of("members", f"must be between 1 and {MEMBERS_MAX:,}, or none and a segment instead")
    if request.segment:
        owner, segment_id = parse(request.segment, SEGMENT, "segment")
        if owner != program_id:
            raise InvalidField.of("segment", "must be a segment of the offer's program")
        return [], segment_id
    asked = [parse(name, MEMBER, f"members[{place}]") for place, name in enumerate(request.members)]
    if any(owner != program_id for owner, _ in asked):
        raise InvalidField.of("members", "must be members of the offer's program")
    return [member_id for _, member_id in asked], None


def _read_terms(program: Program, message: pb.Offer) -> OfferTerms:
    goal, spend, visits = _read_goal(message)
    if spend != cash_pb2.Cash():
        path = {Goal.TOTAL_SPEND: "total_spend.amount"}.get(goal, f"{goal.name.lower()}.minimum_spend")
        require_currency(program, amount_currency(spend, f"offer.{path}"))
    return OfferTerms(
        display_name=message.display_name,
        goal=goal,
        minimum_spend=spend.minor_units,
        visits=visits,
        points=message.points,
        expiry=read_expiry(message.expiry_policy, "offer.expiry_policy") if message.HasField("expiry_policy") else None,
        acceptance_required=message.acceptance_required,
        holdout=fraction(message.holdout_share, "offer.holdout_share")
        if message.HasField("holdout_share")
        else Fraction(0),
    )


def _read_goal(message: pb.Offer) -> tuple[Goal, cash_pb2.Cash, int]:
    match message.WhichOneof("goal"):
        case "one_purchase":
            return Goal.ONE_PURCHASE, message.one_purchase.minimum_spend, 1
        case "total_spend":
            return Goal.TOTAL_SPEND, message.total_spend.amount, 1
        case "visits":
            return Goal.VISITS, message.visits.minimum_spend, message.visits.count
        case None:
            raise InvalidField.of("offer.goal", "is required")


def _offer(program: Program, one: Offer) -> pb.Offer:
    terms = one.terms
    spend = cash_pb2.Cash(minor_units=terms.minimum_spend, currency_code=program.settings.currency_code)
    made = pb.Offer(
        name=offer_name(program, one.offer_id),
        display_name=terms.display_name,
        points=terms.points,
        expiry_policy=None if terms.expiry is None else write_expiry(terms.expiry),
        acceptance_required=terms.acceptance_required,
        holdout_share=rational(terms.holdout) if terms.holdout else None,
        archived=one.archived,
        create_time=timestamp(one.create_time),
    )
    match terms.goal:
        case Goal.ONE_PURCHASE:
            made.one_purchase.minimum_spend.CopyFrom(spend)
        case Goal.TOTAL_SPEND:
            made.total_spend.amount.CopyFrom(spend)
        case Goal.VISITS:
            made.visits.count = terms.visits
            if terms.minimum_spend:
                made.visits.minimum_spend.CopyFrom(spend)
    return made


def _sending(program: Program, one: Sending) -> pb.OfferSending:
    return pb.OfferSending(
        name=f"{offer_name(program, one.offer_id)}/sendings/{one.sending_no}",
        start_time=timestamp(one.validity.start),
        end_time=timestamp(one.validity.end),
        sent_count=one.sent,
        held_out_count=one.held_out,
        skipped_count=one.skipped,
        create_time=timestamp(one.create_time),
        state=pb.OfferSending.STATE_SENT if one.done else pb.OfferSending.STATE_SENDING,
    )


def _personal_offer(program: Program, one: PersonalOffer, now: datetime) -> pb.PersonalOffer:
    return pb.PersonalOffer(
        name=personal_offer_name(program, one),
        member=f"{program.name}/members/{one.member_id}",
        offer=offer_name(program, one.offer_id),
        display_name=one.terms.display_name,
        state=_STATES[one.state(now)],
        progress=one.progress,
        target=one.terms.target,
        points=one.terms.points,
        start_time=timestamp(one.validity.start),
        end_time=timestamp(one.validity.end),
        send_time=timestamp(one.send_time),
        accept_time=optional_timestamp(one.accept_time),
        complete_time=optional_timestamp(one.complete_time),
    )
