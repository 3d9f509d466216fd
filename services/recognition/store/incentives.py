"""Incentives and claims, as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.incentives import Claim, ClaimState, Incentive, NewClaim, WantedClaims
from recognition.domain.roles import Role
from recognition.store import payouts, planned, queries
from recognition.store.chains import read_chain, write_chain
from recognition.store.positions import Position


async def insert(connection: Connection, incentive: Incentive, actor: str) -> bool:
    """Whether its id was free."""
    inserted = await queries.insert_incentive(
        connection,
        organisation=incentive.organisation,
        incentive=incentive.id,
        display_name=incentive.display_name,
        award_budget=incentive.budget,
        amount=incentive.amount,
        monthly_quantity=incentive.monthly_quantity,
        monthly_quantity_per_person=incentive.monthly_quantity_per_person,
        start_time=incentive.start_time,
        end_time=incentive.end_time,
        review=write_chain(incentive.chain),
        actor=actor,
        create_time=incentive.create_time,
    )
    return inserted is not None


async def find(connection: Connection, organisation: str, incentive: str) -> Incentive | None:
    """The incentive of that id."""
    row = await queries.find_incentive(connection, organisation=organisation, incentive=incentive)
    return None if row is None else _incentive(row)


async def list_after(
    connection: Connection, organisation: str, after: str, open_at: datetime | None, most: int
) -> list[Incentive]:
    """At most so many incentives whose ids come after `after`, by id: of those that are open then, if it is given."""
    rows = queries.list_incentives(connection, organisation=organisation, after=after, open_at=open_at, most=most)
    return [_incentive(row) async for row in rows]


async def lock(connection: Connection, organisation: str, incentive: str) -> None:
    """Keeps others from claiming it until the transaction ends."""
    await queries.lock_incentive(connection, organisation=organisation, incentive=incentive)


async def count(connection: Connection, organisation: str, incentive: str, month: date, person: str) -> tuple[int, int]:
    """How many claims of a month count, in all and of a person."""
    row = await queries.count_claims(
        connection, organisation=organisation, incentive=incentive, month=month, person=person
    )
    return row["of_all"], row["of_person"]


async def is_claimed(connection: Connection, made: NewClaim) -> bool:
    """Whether a claim that was not rejected has this external reference."""
    claimed: bool = await queries.is_reference_claimed(
        connection,
        organisation=made.organisation,
        incentive=made.incentive,
        external_reference=made.external_reference,
    )
    return claimed


async def insert_claim(connection: Connection, claim: Claim, month: date, actor: str) -> None:
    """Writes a new claim."""
    role = claim.chain[0].approver.role if claim.state is ClaimState.IN_REVIEW else None
    await queries.insert_claim(
        connection,
        organisation=claim.made.organisation,
        claim=claim.id,
        incentive=claim.made.incentive,
        person=claim.made.person,
        month=month,
        proof=claim.made.proof,
        external_reference=claim.made.external_reference,
        state=claim.state.value,
        reviewer=claim.reviewer,
        reviewer_role=role.value if role else "",
        payout=claim.id if claim.state is ClaimState.APPROVED else None,
        actor=actor,
        create_time=claim.create_time,
    )


async def decide(connection: Connection, claim: Claim) -> None:
    """Writes what was decided about a claim that this transaction has locked."""
    await queries.decide_claim(
        connection,
        organisation=claim.made.organisation,
        claim=claim.id,
        state=claim.state.value,
        decided_by=claim.decided_by,
        right_of=claim.right_of,
        comment=claim.comment,
        payout=claim.id if claim.state is ClaimState.APPROVED else None,
    )


async def lock_claim(connection: Connection, organisation: str, incentive: str, claim: str) -> Claim | None:
    """The claim of that id, about which nobody else decides until the transaction ends."""
    await queries.lock_claim(connection, organisation=organisation, claim=claim)
    return await find_claim(connection, organisation, incentive, claim)


async def find_claim(connection: Connection, organisation: str, incentive: str, claim: str) -> Claim | None:
    """The claim of that id."""
    row = await queries.find_claim(connection, organisation=organisation, incentive=incentive, claim=claim)
    return None if row is None else _claim(row)


async def list_claims(
    connection: Connection, organisation: str, wanted: WantedClaims, position: Position
) -> list[Claim]:
    """Those that are wanted, newest first."""
    async with planned.for_values(connection):
        rows = queries.list_claims(
            connection, organisation=organisation, decider=wanted.decider, **_filters(wanted), **position.parameters
        )
        return [_claim(row) async for row in rows]


async def list_to_decide(
    connection: Connection,
    organisation: str,
    viewer: str,
    able: Mapping[str, Role],
    wanted: WantedClaims,
    position: Position,
) -> list[Claim]:
    """Of those that wait for one of `able`, as whom the viewer may decide, or for their role, those that are wanted."""
    async with planned.for_values(connection):
        rows = queries.list_claims_to_decide(
            connection,
            organisation=organisation,
            viewer=viewer,
            people=list(able),
            roles=[role.value for role in able.values()],
            is_admin=able.get(viewer) is Role.ADMIN,
            **_filters(wanted),
            **position.parameters,
        )
        return [_claim(row) async for row in rows]


def _filters(wanted: WantedClaims) -> dict[str, object]:
    return {
        "incentive": wanted.incentive,
        "person": wanted.person,
        "state": wanted.state and wanted.state.value,
    }


def _claim(row: asyncpg.Record) -> Claim:
    return Claim(
        id=row["claim"],
        made=NewClaim(
            organisation=row["organisation"],
            incentive=row["incentive"],
            person=row["person"],
            proof=row["proof"],
            external_reference=row["external_reference"],
        ),
        amount=row["amount"],
        chain=read_chain(row["review"]),
        state=ClaimState(row["state"]),
        reviewer=row["reviewer"],
        decided_by=row["decided_by"],
        right_of=row["right_of"],
        comment=row["comment"],
        create_time=row["create_time"],
        progress=payouts.progress(row) if row["payout_state"] else None,
    )


def _incentive(row: asyncpg.Record) -> Incentive:
    review = read_chain(row["review"])
    return Incentive(
        organisation=row["organisation"],
        id=row["incentive"],
        display_name=row["display_name"],
        budget=row["award_budget"],
        amount=row["amount"],
        monthly_quantity=row["monthly_quantity"],
        monthly_quantity_per_person=row["monthly_quantity_per_person"],
        start_time=row["start_time"],
        end_time=row["end_time"],
        reviewer=review[0].approver if review else None,
        create_time=row["create_time"],
    )
