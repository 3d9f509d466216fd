"""Exchanges, as rows. A move to the next state does nothing, and says so, where somebody else has moved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.locked import Locked
from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from partner_exchange.domain.errors import AuthorizationUsed
from partner_exchange.domain.exchanges import Attempt, Commitment, Exchange, Leg, Position, Refusal, State
from partner_exchange.store import queries
from partner_exchange.store.bonus_usage import bonus_count


@dataclass(frozen=True, slots=True)
class Received:
    """A new exchange."""

    exchange: Exchange
    asked: str | None
    """The remote partner that is asked first, if any."""
    due_time: datetime
    """When recovery takes it up if it is not at its end."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An exchange with what the ledger is asked, and when it is first asked."""

    exchange: Exchange
    sources: Sequence[Leg]
    """The debited points by their expiry, for a part that goes back."""
    ask_time: datetime


async def insert(connection: Connection, received: Sequence[Received]) -> None:
    """Keeps new exchanges, RECEIVED.

    Raises:
        AuthorizationUsed: another one has the authorization of one of them; the transaction has to be rolled back.
    """
    inserted = await queries.insert_exchanges(connection, exchanges=[_columns(one) for one in received])
    if inserted < len(received):
        raise AuthorizationUsed


async def find(connection: Connection, exchange_ids: Sequence[str]) -> dict[str, Exchange]:
    """The exchanges of those ids as they are now, as far as there are any."""
    rows = queries.find_exchanges(connection, exchanges=list(exchange_ids))
    return {row["exchange"]: _exchange(row) async for row in rows}


async def get(connection: Connection, exchange_id: str) -> Exchange:
    """The exchange as it is now.

    Raises:
        NotFound: there is none.
    """
    found = await find(connection, [exchange_id])
    if exchange_id not in found:
        raise NotFound(f"exchanges/{exchange_id}")
    return found[exchange_id]


async def lock(connection: Connection, exchange_id: str) -> Exchange:
    """The exchange, which nobody else moves until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    await queries.lock_exchange(connection, exchange=exchange_id)
    return await get(connection, exchange_id)


async def before_operator(
    connection: Connection, coalition_id: str, after: tuple[datetime, str], most: int
) -> list[Exchange]:
    """The exchanges of a coalition that are before the operator, oldest first, from after the given time and id."""
    time, exchange_id = after
    rows = queries.exchanges_before_operator(
        connection, coalition=coalition_id, after_time=time, after_exchange=exchange_id, most=most
    )
    ids = [row["exchange"] async for row in rows]
    found = await find(connection, ids)
    return [found[one] for one in ids]


async def begin_posting(connection: Connection, begun: Sequence[Begun]) -> set[str]:
    """From RECEIVED to POSTING, and which of them were: fixes what the ledger is asked, and when it is first asked."""
    rows = queries.begin_posting(
        connection,
        begun=[
            {
                "exchange": one.exchange.exchange_id,
                "legs": legs_to_keep(one.exchange.legs),
                "sources": legs_to_keep(one.sources),
                "locked": _kept_locked(one.exchange.locked),
                "ask_time": one.ask_time.isoformat(),
            }
            for one in begun
        ],
    )
    return {row["exchange"] async for row in rows}


async def look_again(
    connection: Connection,
    void: Exchange,
    exchange: Exchange,
    sources: Sequence[Leg],
    ask_time: datetime,
    due_time: datetime,
) -> bool:
    """Fixes anew what the ledger is asked in a state, where nothing will come of what it was asked with, `void`."""
    return bool(
        await queries.look_again(
            connection,
            exchange=exchange.exchange_id,
            state=exchange.state.value,
            void=_kept_locked(void.locked),
            legs=legs_to_keep(exchange.legs),
            sources=legs_to_keep(sources) or None,
            locked=_kept_locked(exchange.locked),
            ask_time=ask_time,
            due_time=due_time,
        )
    )


async def move(
    connection: Connection,
    before: State,
    exchange: Exchange,
    asked: str | None,
    *,
    now: datetime,
    due_time: datetime,
    latest_asked: datetime | None,
) -> bool:
    """From a state to that of `exchange`, in which `asked`, if anybody remote, is asked. With `latest_asked` only where
    no attempt has begun after that one.
    """
    refusal = exchange.refusal
    return bool(
        await queries.move_exchange(
            connection,
            exchange=exchange.exchange_id,
            before=before.value,
            state=exchange.state.value,
            legs=legs_to_keep(exchange.legs) or None,
            locked=_kept_locked(exchange.locked),
            reservation=exchange.reservation,
            credit=exchange.credit,
            refusal_reason=None if refusal is None else refusal.reason,
            refusal_metadata=None if refusal is None else refusal.metadata,
            asked=asked,
            now=now,
            due_time=due_time,
            ask_time=latest_asked,
        )
    )


async def not_answered(connection: Connection, exchange: Exchange, *, needs_operator: bool) -> bool:
    """Keeps that the remote partner has not answered; answers whether that puts it before the operator."""
    row = await queries.not_answered(
        connection, exchange=exchange.exchange_id, state=exchange.state.value, needs_operator=needs_operator
    )
    return row is not None and row["newly"]


async def commit(connection: Connection, before: State, ended: Mapping[str, Commitment]) -> set[str]:
    """From POSTING or CREDITED to COMMITTED, by their ids; answers which of them were `before`."""
    rows = queries.commit_exchanges(
        connection,
        before=before.value,
        exchanges=list(ended),
        transactions=[commitment.transaction or None for commitment in ended.values()],
        commit_times=[commitment.commit_time for commitment in ended.values()],
    )
    return {row["exchange"] async for row in rows}


async def abort(
    connection: Connection, before: State, exchange_id: str, refusal: Refusal, latest_asked: datetime | None
) -> bool:
    """From a state before to ABORTED. With `latest_asked` only where no attempt has begun after that one."""
    return bool(
        await queries.abort_exchange(
            connection,
            exchange=exchange_id,
            before=before.value,
            refusal_reason=refusal.reason,
            refusal_metadata=refusal.metadata,
            ask_time=latest_asked,
        )
    )


async def ask_again(connection: Connection, exchange: Exchange, ask_time: datetime) -> Attempt | None:
    """Keeps that the ledger is asked again, before it is; None where the exchange is no longer in its state."""
    row = await queries.ask_again(
        connection, exchange=exchange.exchange_id, state=exchange.state.value, ask_time=ask_time
    )
    return None if row is None else Attempt(row["ask_time"], row["asked_before"])


async def answered(connection: Connection, exchange: Exchange, attempt: Attempt) -> None:
    """Keeps that an attempt of asking the ledger is over, with nothing decided."""
    await queries.answered(
        connection, exchange=exchange.exchange_id, state=exchange.state.value, ask_time=attempt.ask_time
    )


async def newest(connection: Connection, partner_id: str, before: tuple[datetime, str], most: int) -> list[Exchange]:
    """What a partner sent or received, newest first, from before the given time and id."""
    time, exchange_id = before
    rows = queries.list_exchanges(
        connection, partner=partner_id, before_time=time, before_exchange=exchange_id, most=most
    )
    return [_exchange(row) async for row in rows]


async def positions(
    connection: Connection, coalition_id: str, window: int, after: tuple[str, str], most: int
) -> list[Position]:
    """What brands of a coalition sent each other in a window, by sender and receiver, for up to `most` pairs after
    `after`.
    """
    rows = queries.pairs_with_positions(
        connection, coalition=coalition_id, number=window, after_sender=after[0], after_receiver=after[1], most=most
    )
    pairs = [(row["sender"], row["receiver"]) async for row in rows]
    if not pairs:
        return []
    found: dict[tuple[str, str], Position] = {}
    for row in [
        row
        async for row in queries.list_positions(
            connection,
            coalition=coalition_id,
            number=window,
            after_sender=after[0],
            after_receiver=after[1],
            last_sender=pairs[-1][0],
            last_receiver=pairs[-1][1],
        )
    ]:
        pair = row["sender"], row["receiver"]
        so_far = found.get(pair, Position(*pair, exchanges=0, debited=0, received=0, owed=Fraction(0)))
        price = Fraction(row["price_numerator"], row["price_denominator"])
        found[pair] = Position(
            *pair,
            exchanges=so_far.exchanges + row["exchanges"],
            debited=so_far.debited + int(row["debited"]),
            received=so_far.received + int(row["received"]),
            owed=so_far.owed + int(row["received"]) * price,
        )
    return list(found.values())


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[str]]:
    """Takes up to `most` exchanges that are due, for the lease."""
    rows = queries.claim_exchanges(connection, now=now, lease_time=lease_end, most=most)
    return [Claim(row["exchange"], row["attempts"]) async for row in rows]


async def claim_asked(
    asked: str, connection: Connection, now: datetime, lease_end: datetime, most: int
) -> list[Claim[str]]:
    """Takes up to `most` exchanges in which that remote partner is due to be asked, for the lease."""
    rows = queries.claim_asked(connection, asked=asked, now=now, lease_time=lease_end, most=most)
    return [Claim(row["exchange"], row["attempts"]) async for row in rows]


async def partners_due(connection: Connection, now: datetime) -> list[str]:
    """The remote partners that are due to be asked something."""
    return [row["partner"] async for row in queries.partners_due(connection, now=now)]


async def put_off(connection: Connection, exchange_id: str, due_time: datetime) -> None:
    """Has the recovery loop take the exchange again at `due_time`, unless it is at its end."""
    await queries.postpone_exchange(connection, exchange=exchange_id, due_time=due_time)


def _columns(received: Received) -> dict[str, Any]:
    exchange = received.exchange
    return {
        "exchange": exchange.exchange_id,
        "coalition": exchange.coalition_id,
        "version": exchange.book_version,
        "sender": exchange.sender,
        "receiver": exchange.receiver,
        "source_account": exchange.source_account_id,
        "destination_account": exchange.destination_account_id,
        "debited": exchange.debited,
        "received": exchange.received,
        "bonus": exchange.bonus,
        "price_numerator": exchange.agreed_price.numerator,
        "price_denominator": exchange.agreed_price.denominator,
        "fee": exchange.fee,
        "cash_fee": exchange.cash_fee,
        "promotion": exchange.promotion_id,
        "funder": exchange.funder,
        "promoted": exchange.promoted,
        "asked": received.asked,
        "authorization_reference": exchange.authorization_reference or None,
        "bonus_period": exchange.bonus_count.period.value if exchange.bonus_count else None,
        "bonus_begin_date": exchange.bonus_count.begin.isoformat() if exchange.bonus_count else None,
        "actor": exchange.actor,
        "create_time": exchange.create_time.isoformat(),
        "due_time": received.due_time.isoformat(),
    }


def _exchange(row: asyncpg.Record) -> Exchange:
    return Exchange(
        exchange_id=row["exchange"],
        coalition_id=row["coalition"],
        book_version=row["version"],
        sender=row["sender"],
        receiver=row["receiver"],
        source_account_id=row["source_account"],
        destination_account_id=row["destination_account"],
        debited=row["debited"],
        received=row["received"],
        bonus=row["bonus"],
        agreed_price=Fraction(row["price_numerator"], row["price_denominator"]),
        fee=row["fee"],
        cash_fee=row["cash_fee"],
        promotion_id=row["promotion"],
        funder=row["funder"],
        promoted=row["promoted"],
        bonus_count=bonus_count(row["bonus_period"], row["bonus_begin_date"]),
        authorization_reference=row["authorization_reference"] or "",
        actor=row["actor"],
        create_time=row["create_time"],
        returned=row["returned"],
        state=State(row["state"]),
        legs=legs_of(row["legs"]),
        locked=_locked(row["locked"]),
        state_time=row["state_time"],
        reservation=row["reservation"],
        credit=row["credit"],
        unanswered=row["unanswered"],
        needs_operator=row["needs_operator"],
        refusal=None if row["refusal_reason"] is None else Refusal(row["refusal_reason"], row["refusal_metadata"]),
        commitment=None if row["commit_time"] is None else Commitment(row["transaction"] or "", row["commit_time"]),
    )


def legs_to_keep(legs: Sequence[Leg]) -> list[dict[str, Any]]:
    """Legs as JSON."""
    return [{"points": leg.points, "expire_time": _text(leg.expire_time)} for leg in legs]


def legs_of(kept: list[dict[str, Any]] | None) -> tuple[Leg, ...]:
    """Legs from JSON."""
    return tuple(
        Leg(leg["points"], None if leg["expire_time"] is None else datetime.fromisoformat(leg["expire_time"]))
        for leg in kept or ()
    )


def _locked(kept: dict[str, Any] | None) -> Locked | None:
    if kept is None:
        return None
    until = kept["valid_until"]
    return Locked(kept["points"], kept["account_version"], None if until is None else datetime.fromisoformat(until))


def _kept_locked(locked: Locked | None) -> dict[str, Any] | None:
    if locked is None:
        return None
    return {
        "points": locked.points,
        "account_version": locked.account_version,
        "valid_until": _text(locked.valid_until),
    }


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
