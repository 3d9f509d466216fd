"""Disbursements, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from recognition.domain.disbursements import Disbursement, DisbursementState, Disbursing, Order
from recognition.store import queries


@dataclass(frozen=True, slots=True)
class Key:
    """Which disbursement."""

    organisation: str
    disbursement: str


async def insert(connection: Connection, disbursement: Disbursement, due_time: datetime) -> bool:
    """Whether it is new: no budget is funded twice on one invoice."""
    order = disbursement.order
    inserted = await queries.insert_disbursement(
        connection,
        organisation=order.organisation,
        disbursement=disbursement.id,
        doing=order.doing.value,
        manager=order.manager,
        receivers=list(order.receivers),
        amount=order.amount,
        note=order.note,
        source=disbursement.source_id,
        destinations=list(disbursement.destination_ids),
        actor=disbursement.actor,
        create_time=disbursement.create_time,
        due_time=due_time,
    )
    return inserted is not None


async def find(connection: Connection, key: Key) -> Disbursement | None:
    """The disbursement of that id."""
    row = await queries.find_disbursement(connection, organisation=key.organisation, disbursement=key.disbursement)
    return None if row is None else _disbursement(row)


async def claim_one(connection: Connection, key: Key, now: datetime, lease_time: datetime) -> bool:
    """Whether it is due, and kept from other workers until `lease_time` from now on."""
    claimed = await queries.claim_disbursement(
        connection, organisation=key.organisation, disbursement=key.disbursement, now=now, lease_time=lease_time
    )
    return claimed is not None


async def claim(connection: Connection, now: datetime, lease_time: datetime, most: int) -> list[Claim[Key]]:
    """At most so many that are due, kept from other workers until `lease_time`."""
    rows = queries.claim_disbursements(connection, now=now, lease_time=lease_time, most=most)
    return [Claim(Key(row["organisation"], row["disbursement"]), row["attempts"]) async for row in rows]


async def put_off(connection: Connection, key: Key, due_time: datetime) -> None:
    """Has it wait."""
    await queries.put_off_disbursement(
        connection, organisation=key.organisation, disbursement=key.disbursement, due_time=due_time
    )


async def settle(
    connection: Connection,
    disbursement: Disbursement,
    state: DisbursementState,
    *,
    transaction: str = "",
    refusal: str = "",
    available_amount: int = 0,
) -> None:
    """Writes down what the ledger answered, unless somebody has."""
    await queries.settle_disbursement(
        connection,
        organisation=disbursement.order.organisation,
        disbursement=disbursement.id,
        state=state.value,
        transaction=transaction,
        refusal=refusal,
        available_amount=available_amount,
    )


async def funded_amount(connection: Connection, organisation: str) -> int:
    """All that was ever put into the organisation's budget."""
    amount: int = await queries.funded_amount(connection, organisation=organisation)
    return amount


def _disbursement(row: asyncpg.Record) -> Disbursement:
    return Disbursement(
        id=row["disbursement"],
        order=Order(
            organisation=row["organisation"],
            doing=Disbursing(row["doing"]),
            manager=row["manager"],
            receivers=tuple(row["receivers"]),
            amount=row["amount"],
            note=row["note"],
        ),
        program=row["program"],
        source_id=row["source"],
        destination_ids=tuple(row["destinations"]),
        state=DisbursementState(row["state"]),
        actor=row["actor"],
        create_time=row["create_time"],
        transaction=row["transaction"],
        refusal=row["refusal"],
        available_amount=row["available_amount"],
    )
