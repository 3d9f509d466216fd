"""Payouts, as rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.payouts import (
    NewPayout,
    Order,
    Payout,
    PayoutKind,
    PayoutState,
    Progress,
    Settlement,
    WantedPayouts,
)
from recognition.store import planned, queries
from recognition.store.positions import Position


@dataclass(frozen=True, slots=True)
class Paid:
    """A payout that has become PAID."""

    organisation: str
    payout: str
    kind: PayoutKind


async def insert(
    connection: Connection, organisation: str, payouts: Sequence[NewPayout], now: datetime, due_time: datetime
) -> None:
    """Takes in payouts, which no job pays before `due_time`."""
    await queries.insert_payouts(
        connection,
        organisation=organisation,
        payouts=[payout.id for payout in payouts],
        kinds=[payout.kind.value for payout in payouts],
        award_budgets=[payout.budget for payout in payouts],
        people=[payout.person for payout in payouts],
        amounts=[payout.amount for payout in payouts],
        subjects=[payout.subject for payout in payouts],
        wait_end_times=[payout.wait_end_time for payout in payouts],
        due_time=due_time,
        create_time=now,
    )


async def find_orders(connection: Connection, organisation: str, payouts: Collection[str]) -> list[Order]:
    """Those of the payouts that are not settled."""
    rows = queries.find_orders(connection, organisation=organisation, payouts=list(payouts))
    return [_order(row) async for row in rows]


async def claim(connection: Connection, now: datetime, lease_time: datetime, most: int) -> list[Order]:
    """At most so many that are due, by program, kept from other workers until `lease_time`."""
    rows = queries.claim_payouts(connection, now=now, lease_time=lease_time, most=most)
    return [_order(row) async for row in rows]


async def settle(connection: Connection, settlements: Sequence[Settlement], now: datetime) -> list[Paid]:
    """Writes down what the ledger answered; answers what is PAID by this."""
    rows = queries.settle_payouts(
        connection,
        organisations=[settlement.order.organisation for settlement in settlements],
        payouts=[settlement.order.payout for settlement in settlements],
        asked=[settlement.order.try_no for settlement in settlements],
        states=[settlement.state.value for settlement in settlements],
        transactions=[settlement.transaction for settlement in settlements],
        refusals=[settlement.refusal for settlement in settlements],
        try_nos=[settlement.try_no for settlement in settlements],
        due_times=[settlement.due_time for settlement in settlements],
        now=now,
    )
    return [Paid(row["organisation"], row["payout"], PayoutKind(row["kind"])) async for row in rows]


async def hasten(connection: Connection, organisation: str, budget: str, now: datetime) -> None:
    """Makes due what waits for a budget."""
    await queries.hasten_payouts(connection, organisation=organisation, award_budget=budget, now=now)


async def unpaid_amount(connection: Connection, organisation: str, budget: str) -> int:
    """What a budget owes: all that is not settled."""
    amount: int = await queries.unpaid_amount(connection, organisation=organisation, award_budget=budget)
    return amount


async def list_wanted(
    connection: Connection, organisation: str, wanted: WantedPayouts, viewer: str | None, position: Position
) -> list[Payout]:
    """Those that are wanted, newest first, but for awards that the viewer would get and has not got."""
    async with planned.for_values(connection):
        rows = queries.list_payouts(
            connection,
            organisation=organisation,
            viewer=viewer,
            award_budget=wanted.budget,
            state=wanted.state and wanted.state.value,
            person=wanted.person,
            **position.parameters,
        )
        return [_payout(row) async for row in rows]


def progress(row: asyncpg.Record) -> Progress:
    """How far the payout of a row is that was joined with it."""
    return Progress(
        state=PayoutState(row["payout_state"]),
        transaction=row["transaction"],
        refusal=row["refusal"],
        wait_end_time=row["wait_end_time"],
    )


def _order(row: asyncpg.Record) -> Order:
    return Order(
        organisation=row["organisation"],
        payout=row["payout"],
        program=row["program"],
        source_id=row["source"],
        destination_id=row["destination"],
        amount=row["amount"],
        subject=row["subject"],
        try_no=row["try_no"],
        failures=row["attempts"],
        wait_end_time=row["wait_end_time"],
    )


def _payout(row: asyncpg.Record) -> Payout:
    return Payout(
        organisation=row["organisation"],
        id=row["payout"],
        subject=row["subject"],
        person=row["person"],
        budget=row["award_budget"],
        amount=row["amount"],
        progress=progress(row),
        create_time=row["create_time"],
        settle_time=row["settle_time"],
    )
