"""The events that tell of personal offers; see `events`. Nothing is told of what was held back."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.events import Event
from membership.domain.members import Member
from membership.domain.offers import Offer, PersonalOffer, Validity
from membership.domain.program import Program


def offer_sent(
    program: Program, offer: Offer, sending_no: int, validity: Validity, member: Member, now: datetime
) -> Event:
    """A member received an offer."""
    receiver = f"{program.name}/members/{member.member_id}"
    data = {
        "offer": f"{program.name}/offers/{offer.offer_id}",
        "member": receiver,
        "start_time": validity.start.isoformat(),
        "end_time": validity.end.isoformat(),
        "points": offer.terms.points,
        "acceptance_required": offer.terms.acceptance_required,
    }
    name = f"{program.name}/personalOffers/{sending_no}-{member.member_no}"
    return Event("guerdon.membership.v1.personal_offer_sent", name, receiver, now, data)


def offer_accepted(program: Program, one: PersonalOffer, now: datetime) -> Event:
    """A member accepted a personal offer."""
    return _offer_moved("accepted", program, one, now)


def offer_completed(program: Program, one: PersonalOffer, now: datetime) -> Event:
    """A personal offer was completed, and is awarded."""
    return _offer_moved("completed", program, one, now)


def offer_reopened(program: Program, one: PersonalOffer, now: datetime) -> Event:
    """A return left less than a personal offer takes, and its award is taken back."""
    return _offer_moved("reopened", program, one, now)


def _offer_moved(how: str, program: Program, one: PersonalOffer, now: datetime) -> Event:
    member = f"{program.name}/members/{one.member_id}"
    data = {"offer": f"{program.name}/offers/{one.offer_id}", "member": member, "points": one.terms.points}
    name = f"{program.name}/personalOffers/{one.personal_offer_id}"
    return Event(f"guerdon.membership.v1.personal_offer_{how}", name, member, now, data)
