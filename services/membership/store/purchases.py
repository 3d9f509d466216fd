"""Purchases: inserted with their rating, settled once and together, lowered by returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

from asyncpg import UniqueViolationError

from guerdon_kit.postgres import Connection, Rerun
from membership.domain.deliveries import DuePurchase, Settled
from membership.domain.earning import Award, Terms
from membership.domain.flags import FlagState
from membership.domain.moments import to_microseconds
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms, PlainTerms, Purchase, Spot, State, may_wait
from membership.domain.rating import Rated
from membership.domain.rulebooks import LEVELS
from membership.domain.tranches import Times, Wait
from membership.store import awaited, counts, flags, gifts, queries, ratings, rules

if TYPE_CHECKING:
    from asyncpg import Record


_COPIED_FROM = 64
"""From so many purchases on they are written by COPY, which takes PostgreSQL two thirds of what an insert takes that
skips what is there: a purchase that another transaction recorded meanwhile ends it, and all is begun anew."""


class Known(NamedTuple):
    """The facts of a purchase that was recorded before."""

    member_id: str
    event_us: int
    amount: int


class NewPurchase(NamedTuple):
    """A rated purchase to be written."""

    purchase_id: str
    member_no: int
    event_time: datetime
    amount: int
    terms: int | None
    base_points: int
    tier_points: int
    expire_time: datetime | None
    state: State
    place: int | None
    """Its spot in the delivery that brings it to the ledger, if one has to."""


class OwnCredit(NamedTuple):
    """What the ledger is asked for under a purchase's own id: when it can be spent, None for at once, and how many
    points, where these are not all; the flag of the award; and what the points wait for.
    """

    available_time: datetime | None = None
    points: int | None = None
    flag: FlagState | None = None
    wait: Wait | None = None

    @property
    def held(self) -> bool:
        """Whether its points are pending until somebody decides, or an event is told."""
        return self.flag is FlagState.HELD or self.wait is not None


async def known(
    connection: Connection, program: Program, purchase_ids: Sequence[str]
) -> tuple[dict[str, Known], int, bool]:
    """Those of `purchase_ids` that are recorded, with their facts, the revision of the program's rules, and whether
    returns may be waiting for purchases.
    """
    rows = [
        row
        async for row in queries.known_purchases(connection, program_no=program.program_no, purchase_ids=purchase_ids)
    ]
    found = {
        row["purchase_id"]: Known(row["member_id"], to_microseconds(row["event_time"]), row["amount"])
        for row in rows
        if row["purchase_id"] is not None
    }
    return found, rows[0]["rules_revision"], rows[0]["returns_wait"]


async def insert(
    connection: Connection,
    program: Program,
    purchases: Sequence[NewPurchase],
    record_time: datetime,
    actor: str,
    delivery_no: int | None,
    rule_points: Sequence[int] | None = None,
    own: Sequence[OwnCredit] | None = None,
) -> None:
    """Writes rated purchases, and which delivery brings those of them that have a place in it. `rule_points` is needed
    where rules other than base rules gave any, `own` where points may be available later or have several times.

    Raises:
        Rerun: one of the ids was recorded by another transaction meanwhile.
    """
    if len(purchases) >= _COPIED_FROM:
        await _copy(connection, program, purchases, record_time, actor, delivery_no, rule_points, own)
        return
    ids, members, events, amounts, terms, bases, extras, expiries, states, places = zip(*purchases, strict=True)
    written = await queries.insert_purchases(
        connection,
        program_no=program.program_no,
        record_time=record_time,
        actor=actor,
        purchase_ids=ids,
        member_nos=members,
        event_times=events,
        amounts=amounts,
        terms=terms,
        base_points=bases,
        tier_points=extras,
        expire_times=expiries,
        states=states,
        places=places,
        delivery_no=delivery_no,
        flags=None if own is None else [one.flag for one in own],
        rule_points=rule_points,
        locks=program.locks or None,
        available_times=None if own is None else [one.available_time for one in own],
        credited_points=None if own is None else [one.points for one in own],
    )
    if written < len(purchases):
        raise Rerun


async def _copy(
    connection: Connection,
    program: Program,
    purchases: Sequence[NewPurchase],
    record_time: datetime,
    actor: str,
    delivery_no: int | None,
    rule_points: Sequence[int] | None,
    own: Sequence[OwnCredit] | None,
) -> None:
    """As `insert`, by COPY. Columns that are not given have their defaults."""
    columns: dict[str, Iterable[object]] = {
        "program_no": repeat(program.program_no),
        "record_time": repeat(record_time),
        "actor": repeat(actor),
        **dict(zip(NewPurchase._fields, zip(*purchases, strict=True), strict=True)),
        "delivery_no": [None if one.place is None else delivery_no for one in purchases],
    }
    if rule_points is not None:
        columns["rule_points"] = rule_points
    if program.locks:
        columns["locks"] = repeat(True)
    if own is not None:
        columns["available_time"] = [one.available_time for one in own]
        columns["credited_points"] = [one.points for one in own]
        columns["flag"] = [one.flag for one in own]
    records = list(zip(*columns.values(), strict=False))  # what is repeated has no end
    try:
        await connection.copy_records_to_table("purchases", columns=list(columns), records=records)
    except UniqueViolationError as won:
        raise Rerun from won


async def find(connection: Connection, program: Program, purchase_id: str) -> tuple[Purchase, int] | None:
    """A purchase by its id, and the number of its member."""
    return (await find_all(connection, program, [purchase_id])).get(purchase_id)


async def find_all(
    connection: Connection, program: Program, purchase_ids: Sequence[str]
) -> dict[str, tuple[Purchase, int]]:
    """Purchases by their ids, each with the number of its member."""
    rows = queries.find_purchases(connection, program_no=program.program_no, purchase_ids=purchase_ids)
    found, flagged = dict[str, tuple[Purchase, int]](), list[str]()
    async for row in rows:
        found[row["purchase_id"]] = _purchase(program, row), row["member_no"]
        if row["flag"] is not None:
            flagged.append(row["purchase_id"])
    if counted := [id_ for id_, (one, _) in found.items() if isinstance(one.terms, FrozenTerms) and one.terms.counts]:
        for purchase_id, tallies in (await counts.of_purchases(connection, program, counted)).items():
            one, member_no = found[purchase_id]
            found[purchase_id] = replace(one, tallies=tallies), member_no
    if flagged:
        for purchase_id, flag in (await flags.of_purchases(connection, program, flagged)).items():
            one, member_no = found[purchase_id]
            found[purchase_id] = replace(one, flag=flag), member_no
    waiting = [id_ for id_, (one, _) in found.items() if one.flag is not None or may_wait(program, one)]
    if waiting:
        for purchase_id, credits_ in (await awaited.of_purchases(connection, program, waiting)).items():
            one, member_no = found[purchase_id]
            found[purchase_id] = replace(one, awaited=credits_), member_no
    await _add_gifts(connection, program, found)
    return found


async def _add_gifts(connection: Connection, program: Program, found: dict[str, tuple[Purchase, int]]) -> None:
    gave = [id_ for id_, (one, _) in found.items() if isinstance(one.terms, FrozenTerms) and one.terms.may_give_rewards]
    if gave:
        for purchase_id, given in (await gifts.of_purchases(connection, program.program_no, gave)).items():
            one, member_no = found[purchase_id]
            found[purchase_id] = replace(one, gifts=given), member_no


def _purchase(program: Program, row: Record) -> Purchase:
    return Purchase(
        purchase_id=row["purchase_id"],
        member_id=row["member_id"],
        event_time=row["event_time"],
        record_time=row["record_time"],
        amount=row["amount"],
        level=row["level"] if row["terms"] is None else row["terms"] % LEVELS,
        terms=_terms(program, row),
        award=Award(row["base_points"], row["tier_points"], row["rule_points"]),
        expire_time=row["expire_time"],
        state=_state(row),
        transaction=row["transaction_id"] or "",
        spot=None if row["delivery_no"] is None else Spot(row["delivery_no"], row["place"]),
        returned_amount=row["returned_amount"],
        returned_points=row["returned_points"],
        credited_points=row["credited_points"],
        available_time=row["available_time"],
    )


async def due(connection: Connection, program_no: int, purchase_ids: Sequence[str]) -> list[DuePurchase]:
    """Those of `purchase_ids` that still have to reach the ledger."""
    rows = queries.purchases_to_deliver(
        connection, program_no=program_no, purchase_ids=purchase_ids, pending=State.PENDING
    )
    return [
        DuePurchase(
            row["purchase_id"],
            row["member_id"],
            row["event_time"],
            row["record_time"],
            row["points"],
            row["expire_time"],
            Spot(row["delivery_no"], row["place"]),
            row["available_time"],
            row["held"],
        )
        async for row in rows
    ]


async def times(connection: Connection, program: Program, purchase_ids: Sequence[str]) -> dict[str, int]:
    """When purchases happened, in microseconds, by their ids."""
    rows = queries.purchase_times(connection, program_no=program.program_no, purchase_ids=purchase_ids)
    return {row["purchase_id"]: to_microseconds(row["event_time"]) async for row in rows}


async def settle(connection: Connection, settled: Iterable[tuple[DuePurchase, Settled]]) -> None:
    """Keeps the transactions of purchases, or that they have lapsed."""
    by_delivery: dict[int, dict[int, str]] = {}
    for purchase, how in settled:
        by_delivery.setdefault(purchase.spot.delivery_no, {})[purchase.spot.place] = how.transaction
    for delivery_no, by_place in sorted(by_delivery.items()):
        ids = [by_place.get(place) for place in range(1, max(by_place) + 1)]
        await queries.settle_purchases(connection, delivery_no=delivery_no, transaction_ids=ids)


def _terms(program: Program, row: Record) -> PlainTerms | FrozenTerms:
    if row["terms"] is None:
        return ratings.read(row["basket"], row["rated_by"], row["amount"])
    rule = rules.read(row["rule_id"], row["definition"]).plain()
    assert rule is not None, "terms are of a plain rule"
    multiplier = program.tier_set.multiplier(row["terms"] % LEVELS)
    return PlainTerms(row["rule_id"], row["version"], Terms(rule, multiplier))


def _state(row: Record) -> State:
    recorded, transaction = State(row["state"]), row["transaction_id"]
    if recorded is not State.PENDING or transaction is None:
        return recorded
    return State.POSTED if transaction else State.LAPSED


async def take_back(
    connection: Connection, program: Program, purchase_id: str, returned_amount: int, returned_points: int
) -> None:
    """Sets what all returns of a purchase come to; the writer holds the member's row."""
    await queries.take_back(
        connection,
        program_no=program.program_no,
        purchase_id=purchase_id,
        returned_amount=returned_amount,
        returned_points=returned_points,
    )


async def rerate(
    connection: Connection, program: Program, rerated: Sequence[tuple[Purchase, Rated, int, Times]]
) -> None:
    """Writes what recorded purchases are rated now, what returns take of that, and when it can be spent and expires.
    The writer holds their members' rows.
    """
    rated = [one for _, one, _, _ in rerated]
    await queries.rerate_purchases(
        connection,
        program_no=program.program_no,
        purchase_ids=[purchase.purchase_id for purchase, *_ in rerated],
        terms=[one.key for one in rated],
        base_points=[one.base_points for one in rated],
        tier_points=[one.tier_points for one in rated],
        rule_points=[one.rule_points for one in rated],
        returned_points=[returned for _, _, returned, _ in rerated],
        available_times=[times.available_time for *_, times in rerated],
        expire_times=[times.expire_time for *_, times in rerated],
    )
