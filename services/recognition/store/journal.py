"""What was counted of the ledger's transactions, as rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from recognition.domain.flows import Counted, Flow, FlowKind, Owner, Place
from recognition.store import queries


@dataclass(frozen=True, slots=True)
class Position:
    """What is counted of a program: all that was recorded before `counted_time`. Of what came between that and
    `until_time`, the part that is newer than `page_token`; None and empty where nothing is under way.
    """

    counted_time: datetime
    until_time: datetime | None = None
    page_token: str = ""


@dataclass(frozen=True, slots=True)
class ProgramOrganisation:
    """An organisation as far as its postings are told from others'."""

    id: str
    unit: str
    time_zone: str


async def begin(connection: Connection, program: str, create_time: datetime) -> None:
    """Has a program counted, unless it is already, from when its first organisation was made."""
    await queries.begin_position(connection, program=program, create_time=create_time)


async def claim(connection: Connection, now: datetime, lease_time: datetime, most: int) -> Sequence[Claim[str]]:
    """At most so many programs to count, kept from others until `lease_time`."""
    rows = queries.claim_positions(connection, now=now, lease_time=lease_time, most=most)
    return [Claim(row["program"], row["attempts"]) async for row in rows]


async def put_off(connection: Connection, program: str, due_time: datetime) -> None:
    """Has it wait."""
    await queries.put_off_position(connection, program=program, due_time=due_time)


async def find(connection: Connection, program: str) -> Position:
    """How far a program is counted."""
    row = await queries.find_position(connection, program=program)
    return Position(row["counted_time"], row["until_time"], row["page_token"])


async def move(connection: Connection, program: str, before: Position, after: Position, due_time: datetime) -> bool:
    """Whether the position is `after` now; else another worker has moved it from `before`."""
    moved = await queries.move_position(
        connection,
        program=program,
        counted_time=before.counted_time,
        page_token=before.page_token,
        new_counted_time=after.counted_time,
        new_until_time=after.until_time,
        new_page_token=after.page_token,
        due_time=due_time,
    )
    return moved is not None


async def organisations_of(connection: Connection, program: str) -> list[ProgramOrganisation]:
    """The organisations whose points are the program's."""
    rows = queries.organisations_of_program(connection, program=program)
    return [ProgramOrganisation(row["organisation"], row["unit"], row["time_zone"]) async for row in rows]


async def oldest_boost(connection: Connection, program: str) -> datetime | None:
    """When the oldest one-time boost was ordered of which the ledger has not said yet what became of it."""
    found: datetime | None = await queries.oldest_boost(connection, program=program)
    return found


async def owners(connection: Connection, program: str, accounts: Collection[str]) -> dict[str, Owner]:
    """Whose those of the accounts are that are of people, managers and award budgets."""
    rows = queries.owners_of_accounts(connection, program=program, accounts=list(accounts))
    return {row["account"]: Owner(row["organisation"], Place(row["place"]), row["person"]) async for row in rows}


async def boosts(connection: Connection, program: str, transactions: Collection[str]) -> set[str]:
    """Which of the transactions are one-time boosts."""
    rows = queries.boosts_among(connection, program=program, transactions=list(transactions))
    return {row["transaction"] async for row in rows}


async def add(connection: Connection, counted: Counted) -> None:
    """Keeps what was counted, beside what was before. It is locked in the order of its key."""
    flows = sorted(
        (flow.organisation, flow.month, flow.kind.value, flow.source.value, flow.destination.value, amount)
        for flow, amount in counted.flows.items()
    )
    if flows:
        names = ("organisations", "months", "kinds", "sources", "destinations", "amounts")
        await queries.add_flows(connection, **_columns(names, flows))
    spent = [
        (organisation, month, one.person, one.transaction, one.points, one.record_time)
        for (organisation, month), found in sorted(counted.redemptions.items())
        for one in found
    ]
    if spent:
        names = ("organisations", "months", "people", "transactions", "points", "record_times")
        await queries.insert_redemptions(connection, **_columns(names, spent))


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


async def flows(connection: Connection, organisation: str) -> Counter[Flow]:
    """What was counted of an organisation: some twenty rows for each of its months."""
    rows = queries.flows_of(connection, organisation=organisation)
    found: Counter[Flow] = Counter()
    async for row in rows:
        kind, source, destination = FlowKind(row["kind"]), Place(row["source"]), Place(row["destination"])
        found[Flow(organisation, row["month"], kind, source, destination)] = row["amount"]
    return found


async def redeemed(connection: Connection, organisation: str, month: date) -> tuple[int, int]:
    """What was redeemed in a month (its first day), and what was given back."""
    row = await queries.redeemed_in(connection, organisation=organisation, month=month)
    return row["redeemed"], row["returned"]
