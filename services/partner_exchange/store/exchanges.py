"""Exchanges, as rows. A move to the next state does nothing, and says so, where somebody else has moved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from guerdon_kit.errors import NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from partner_exchange.domain.errors import AuthorizationUsed
from partner_exchange.domain.exchanges import Attempt, Commitment, Exchange, Leg, Position, Refusal, State
from partner_exchange.store import queries
from partner_exchange.store.exchange_rows import Received, columns, exchange_of, kept_locked, legs_to_keep


@dataclass(frozen=True, slots=True)
class Begun:
    """An exchange with what the ledger is asked, and when it is first asked."""

    exchange: Exchange
    sources: Sequence[Leg]
    """The debited points by their expiry, for a part that goes back."""
    ask_time: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of keeping new exchanges."""

    requests: int
    """How many of the requests had not been sent before."""
    changes: int
    """How often what exchanges are made by had changed by then."""


async def accept(
    connection: Connection, received: Sequence[Received], asked: Sequence[tuple[Fingerprint, bytes]] = ()
) -> Accepted:
    """Keeps new exchanges, that their quotes are used up, and the outcomes of the requests that asked for them.

    Raises:
        AuthorizationUsed: another one has the authorization of one of them; the transaction has to be rolled back.
    """
    ordered = sorted(asked, key=lambda one: one[0].key)  # two who record the same requests wait in one order
    row = await queries.accept_exchanges(
        connection,
        exchanges=[columns(one) for one in received],
        keys=[request.key for request, _ in ordered],
        digests=[request.digest for request, _ in ordered],
        fields=[request.fields for request, _ in ordered],
        outcomes=[outcome for _, outcome in ordered],
    )
    if row["accepted"] < len(received):
        raise AuthorizationUsed
    return Accepted(row["asked"], row["changes"])


async def find(connection: Connection, exchange_ids: Sequence[str]) -> dict[str, Exchange]:
    """The exchanges of those ids as they are now, as far as there are any."""
    rows = queries.find_exchanges(connection, exchanges=list(exchange_ids))
    return {row["exchange"]: exchange_of(row) async for row in rows}


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
                "locked": kept_locked(one.exchange.locked),
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
            void=kept_locked(void.locked),
            legs=legs_to_keep(exchange.legs),
            sources=legs_to_keep(sources) or None,
            locked=kept_locked(exchange.locked),
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
    sources: Sequence[Leg] = (),
) -> bool:
    """From a state to that of `exchange`, in which `asked`, if anybody remote, is asked. With `latest_asked` only where
    no attempt has begun after that one. `sources` are the debited points by their expiry, where that is known now.
    """
    refusal = exchange.refusal
    return bool(
        await queries.move_exchange(
            connection,
            exchange=exchange.exchange_id,
            before=before.value,
            state=exchange.state.value,
            legs=legs_to_keep(exchange.legs) or None,
            sources=legs_to_keep(sources) or None,
            locked=kept_locked(exchange.locked),
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
    return [exchange_of(row) async for row in rows]


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
