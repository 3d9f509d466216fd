"""Referrals: their terms, and what became of each friend."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record

from guerdon_kit.postgres import Connection, Rerun
from membership.domain.program import Program
from membership.domain.referrals import (
    ADDRESS_WINDOW,
    Claimed,
    Milestone,
    QualifyingEvent,
    Referral,
    ReferralState,
    ReferralTerms,
    Refusal,
)
from membership.store import queries
from membership.store.policies import expiry_column, read_expiry


async def set_terms(
    connection: Connection, program: Program, version: int, terms: ReferralTerms, now: datetime, actor: str
) -> None:
    """Writes a version of a program's terms.

    Raises:
        Rerun: another transaction wrote this version meanwhile.
    """
    written = await queries.insert_referral_terms(
        connection,
        program_no=program.program_no,
        version=version,
        event=terms.event,
        minimum_spend=terms.minimum_spend,
        advocate_points=terms.advocate_points,
        friend_points=terms.friend_points,
        milestone_friends=[one.friends for one in terms.milestones],
        milestone_points=[one.points for one in terms.milestones],
        expiry=expiry_column(terms.expiry),
        address_warning=terms.address_warning,
        address_limit=terms.address_limit,
        closed=terms.closed,
        create_time=now,
        actor=actor,
    )
    if not written:
        raise Rerun


async def terms(
    connection: Connection, program: Program, version: int | None = None
) -> tuple[ReferralTerms, int, datetime] | None:
    """A version of a program's terms, by default the newest, with its number and its time; None where there is none."""
    row = await queries.referral_terms(connection, program_no=program.program_no, version=version)
    if row is None:
        return None
    found = ReferralTerms(
        event=QualifyingEvent(row["event"]),
        minimum_spend=row["minimum_spend"],
        advocate_points=row["advocate_points"],
        friend_points=row["friend_points"],
        milestones=tuple(map(Milestone, row["milestone_friends"], row["milestone_points"])),
        expiry=read_expiry(row["expiry"]),
        address_warning=row["address_warning"],
        address_limit=row["address_limit"],
        closed=row["closed"],
    )
    return found, row["version"], row["create_time"]


async def has_bought(connection: Connection, friend_no: int) -> bool:
    """Whether a member has ever earned by a purchase."""
    return bool(await queries.has_bought(connection, member_no=friend_no))


async def has_former_contact(connection: Connection, friend_no: int) -> bool:
    """Whether somebody who has left had a member's telephone number or email address."""
    return bool(await queries.has_former_contact(connection, member_no=friend_no))


async def hold_address(connection: Connection, program: Program, address: bytes, now: datetime) -> int:
    """How many referrals were claimed from an address in the last seven days; nobody else counts it meanwhile."""
    since = now - ADDRESS_WINDOW
    await queries.prune_addresses(connection, since=since)
    row = await queries.hold_address(connection, program_no=program.program_no, address=address, since=since)
    return int(row["claims"])


async def count_address(connection: Connection, program: Program, address: bytes, now: datetime) -> None:
    """Counts a referral that was claimed from an address."""
    await queries.count_address(connection, program_no=program.program_no, address=address, now=now)


async def write(
    connection: Connection,
    program: Program,
    referral: Referral,
    actor: str,
) -> None:
    """Writes a referral that is claimed. The writer holds the rows of both members.

    Raises:
        Rerun: the friend got another one meanwhile.
    """
    written = await queries.write_referral(
        connection,
        friend_no=referral.claimed.friend_no,
        advocate_no=referral.claimed.advocate_no,
        program_no=program.program_no,
        version=referral.version,
        state=referral.state,
        refusal=referral.refusal,
        warned=referral.warned,
        claim_time=referral.claim_time,
        actor=actor,
    )
    if not written:
        raise Rerun
    if referral.state is ReferralState.OPEN:
        await set_referred(connection, referral.friend_no, referred=True)


async def move(connection: Connection, referral: Referral) -> None:
    """Keeps what became of an open or qualified referral. The writer holds the friend's row."""
    await queries.move_referral(
        connection,
        friend_no=referral.claimed.friend_no,
        advocate_no=referral.claimed.advocate_no,
        state=referral.state,
        refusal=referral.refusal,
        qualify_time=referral.qualify_time,
        purchase_id=referral.purchase_id,
        milestone=referral.milestone,
        prize_id=referral.bonus_ids[2] if referral.milestone else None,
    )
    await set_referred(connection, referral.friend_no, referred=False)


async def set_referred(connection: Connection, member_no: int, *, referred: bool) -> None:
    """Writes whether a referral of a member is open; the writer holds its row."""
    await queries.set_referred(connection, member_no=member_no, referred=referred)


async def of_friends(connection: Connection, friend_nos: Sequence[int]) -> list[Referral]:
    """The referrals of friends, under all their ids and refused ones too, each friend's in the order of claims."""
    return [_referral(row) async for row in queries.referrals_of_friends(connection, friend_nos=friend_nos)]


async def page(connection: Connection, advocate_no: int, before: tuple[int, int], most: int) -> list[Referral]:
    """An advocate's referrals from the friend who enrolled last to the first, from behind the numbers of the friend and
    the advocate given.
    """
    rows = queries.list_referrals(
        connection, advocate_no=advocate_no, before_friend_no=before[0], before_advocate_no=before[1], most=most
    )
    return [_referral(row) async for row in rows]


def _referral(row: Record) -> Referral:
    return Referral(
        advocate_no=row["advocate_person"],
        advocate_id=row["advocate_id"],
        friend_no=row["friend_person"],
        friend_id=row["friend_id"],
        claimed=Claimed(row["friend_no"], row["claimed_by"], row["advocate_no"]),
        version=row["version"],
        state=ReferralState(row["state"]),
        refusal=None if row["refusal"] is None else Refusal(row["refusal"]),
        warned=row["warned"],
        claim_time=row["claim_time"],
        qualify_time=row["qualify_time"],
        purchase_id=row["purchase_id"],
        milestone=row["milestone"],
        advocate_points=row["advocate_points"],
        friend_points=row["friend_points"],
    )
