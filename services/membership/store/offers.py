"""Offers, and what members received of them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from asyncpg import Record

from guerdon_kit.postgres import Connection, Rerun
from membership.domain.offers import LATENESS, Goal, Offer, OfferTerms, PersonalOffer, Sending, Validity
from membership.domain.program import Program
from membership.store import queries
from membership.store.policies import expiry_column, read_expiry


class Report(NamedTuple):
    """What an offer brought, over all of its sendings."""

    sent: int
    accepted: int
    completed: int
    held_out: int
    held_out_completed: int


async def insert(
    connection: Connection, program: Program, offer_id: str, terms: OfferTerms, now: datetime, actor: str
) -> bool:
    """Writes an offer; answers whether the id was free."""
    written = await queries.insert_offer(
        connection,
        program_no=program.program_no,
        offer_id=offer_id,
        display_name=terms.display_name,
        goal=terms.goal,
        minimum_spend=terms.minimum_spend,
        visits=terms.visits,
        points=terms.points,
        expiry=expiry_column(terms.expiry),
        acceptance_required=terms.acceptance_required,
        holdout_numerator=terms.holdout.numerator,
        holdout_denominator=terms.holdout.denominator,
        create_time=now,
        actor=actor,
    )
    return bool(written)


async def find(connection: Connection, program: Program, offer_id: str) -> Offer | None:
    """An offer by its id."""
    row = await queries.find_offer(connection, program_no=program.program_no, offer_id=offer_id)
    return None if row is None else _offer(row)


async def page(connection: Connection, program: Program, after: str, most: int) -> list[Offer]:
    """Offers in the order of their ids, from behind `after`."""
    rows = queries.list_offers(connection, program_no=program.program_no, after=after, most=most)
    return [_offer(row) async for row in rows]


async def archive(connection: Connection, program: Program, offer_id: str) -> bool:
    """Archives an offer; answers whether there is one."""
    return bool(await queries.archive_offer(connection, program_no=program.program_no, offer_id=offer_id))


async def begin_sending(
    connection: Connection,
    program: Program,
    offer: Offer,
    validity: Validity,
    segment_id: str | None,
    now: datetime,
    actor: str,
) -> int:
    """Writes that an offer is sent; answers the number of that. To the members of a segment it is still to be sent."""
    sending_no: int = await queries.insert_sending(
        connection,
        offer_no=offer.offer_no,
        start_time=validity.start,
        end_time=validity.end,
        create_time=now,
        actor=actor,
        program_no=program.program_no,
        segment_id=segment_id,
        due_time=None if segment_id is None else now,
    )
    return sending_no


async def find_sending(connection: Connection, program: Program, sending_no: int) -> Sending | None:
    """What was sent under a number; None where that is another program's, or nothing."""
    row = await queries.find_sending(connection, sending_no=sending_no)
    if row is None or row["program_no"] != program.program_no:
        return None
    return Sending(
        sending_no=sending_no,
        offer_id=row["offer_id"],
        validity=Validity(row["start_time"], row["end_time"]),
        sent=row["sent"],
        held_out=row["held_out"],
        skipped=row["skipped"],
        create_time=row["create_time"],
        done=row["due_time"] is None,
    )


async def running(connection: Connection, member_nos: Sequence[int], now: datetime) -> dict[int, int]:
    """How many offers of members are not over, by their numbers."""
    rows = queries.running_counts(connection, member_nos=member_nos, now=now)
    return {row["member_no"]: row["running"] async for row in rows}


async def send(
    connection: Connection,
    offer: Offer,
    sending_no: int,
    validity: Validity,
    held_out: Mapping[int, bool],
    skipped: int,
    now: datetime,
) -> None:
    """Writes what members receive, whose rows the writer holds, by their numbers; `held_out` are those who receive
    nothing.
    """
    member_nos = sorted(held_out)
    needed = offer.terms.acceptance_required
    await queries.insert_personal_offers(
        connection,
        sending_no=sending_no,
        offer_no=offer.offer_no,
        start_time=validity.start,
        end_time=validity.end,
        now=now,
        member_nos=member_nos,
        held_out=[held_out[one] for one in member_nos],
        accept_times=[None if needed and not held_out[one] else now for one in member_nos],
    )
    back = sum(held_out.values())
    await queries.count_sent(
        connection, sending_no=sending_no, sent=len(held_out) - back, held_out=back, skipped=skipped
    )


async def find_personal(
    connection: Connection, program: Program, sending_no: int, sent_to: int
) -> PersonalOffer | None:
    """What a member received."""
    row = await queries.find_personal_offer(
        connection, program_no=program.program_no, sending_no=sending_no, sent_to=sent_to
    )
    return None if row is None else _personal(row)


async def page_personal(
    connection: Connection, member_no: int, before: tuple[int, int], most: int
) -> list[PersonalOffer]:
    """What a member received, the latest first, from behind the one given."""
    return await _personals(
        queries.list_personal_offers(
            connection, member_no=member_no, sending_no=before[0], sent_to=before[1], most=most
        )
    )


async def counting(connection: Connection, member_nos: Sequence[int], now: datetime) -> list[PersonalOffer]:
    """What members have that purchases told of now may count for."""
    since = now - LATENESS
    return await _personals(queries.counting_personal_offers(connection, member_nos=member_nos, ended_since=since))


async def counted(connection: Connection, program: Program, purchase_id: str) -> list[PersonalOffer]:
    """What a purchase counts for."""
    return await _personals(
        queries.counted_personal_offers(connection, program_no=program.program_no, purchase_id=purchase_id)
    )


async def accept(connection: Connection, one: PersonalOffer, now: datetime) -> None:
    """Keeps that a member has accepted; the writer holds the member's row."""
    await queries.accept_personal_offer(connection, sending_no=one.sending_no, sent_to=one.sent_to, now=now)


async def advance(connection: Connection, moved: Sequence[PersonalOffer]) -> None:
    """Keeps how far offers have come; the writer holds their members' rows."""
    await queries.advance_personal_offers(
        connection,
        sending_nos=[one.sending_no for one in moved],
        sent_to=[one.sent_to for one in moved],
        progress=[one.progress for one in moved],
        complete_times=[one.complete_time for one in moved],
        awards=[one.awards for one in moved],
    )


async def count(connection: Connection, program: Program, pairs: Sequence[tuple[str, PersonalOffer]]) -> None:
    """Keeps which purchases, by their ids, count for which offers.

    Raises:
        Rerun: another transaction recorded one of the purchases meanwhile.
    """
    written = await queries.insert_offer_purchases(
        connection,
        program_no=program.program_no,
        purchase_ids=[purchase_id for purchase_id, _ in pairs],
        sending_nos=[one.sending_no for _, one in pairs],
        sent_to=[one.sent_to for _, one in pairs],
    )
    if written < len(pairs):
        raise Rerun


async def report(connection: Connection, offer: Offer) -> Report:
    """What an offer brought."""
    return Report(*await queries.offer_report(connection, offer_no=offer.offer_no))


async def _personals(rows: AsyncIterable[Record]) -> list[PersonalOffer]:
    return [_personal(row) async for row in rows]


def _offer(row: Record) -> Offer:
    return Offer(row["offer_no"], row["offer_id"], _terms(row), row["archived"], row["create_time"])


def _terms(row: Record) -> OfferTerms:
    return OfferTerms(
        display_name=row["display_name"],
        goal=Goal(row["goal"]),
        minimum_spend=row["minimum_spend"],
        visits=row["visits"],
        points=row["points"],
        expiry=read_expiry(row["expiry"]),
        acceptance_required=row["acceptance_required"],
        holdout=Fraction(row["holdout_numerator"], row["holdout_denominator"]),
    )


def _personal(row: Record) -> PersonalOffer:
    return PersonalOffer(
        sending_no=row["sending_no"],
        sent_to=row["sent_to"],
        member_no=row["member_no"],
        member_id=row["member_id"],
        offer_id=row["offer_id"],
        terms=_terms(row),
        validity=Validity(row["start_time"], row["end_time"]),
        held_out=row["held_out"],
        send_time=row["send_time"],
        accept_time=row["accept_time"],
        progress=row["progress"],
        complete_time=row["complete_time"],
        awards=row["awards"],
    )
