"""Settlement windows and what the brands owe each other in them, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from partner_exchange.domain.exchanges import State
from partner_exchange.domain.windows import (
    Kind,
    Obligations,
    PairAmount,
    UnderWay,
    Window,
    WindowState,
    net_positions,
    window_name,
)
from partner_exchange.store import queries

Key = tuple[str, int]
"""A coalition's id, and the number of one of its windows."""


async def open_first(connection: Connection, coalition_id: str, open_time: datetime) -> None:
    """Opens the first window of a new coalition."""
    await queries.insert_window(connection, coalition=coalition_id, number=1, open_time=open_time)


async def get(connection: Connection, coalition_id: str, number: int) -> Window:
    """The window as it is now.

    Raises:
        NotFound: there is none.
    """
    row = await queries.find_window(connection, coalition=coalition_id, number=number)
    return _found(row, coalition_id, number)


async def lock(connection: Connection, coalition_id: str, number: int) -> Window:
    """The window, which nobody else changes until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    row = await queries.lock_window(connection, coalition=coalition_id, number=number)
    return _found(row, coalition_id, number)


async def open_number(connection: Connection, coalition_id: str) -> int:
    """The number of the open window, as it is at the moment.

    Raises:
        NotFound: there is no such coalition.
    """
    number: int | None = await queries.open_window_of(connection, coalition=coalition_id)
    if number is None:
        raise NotFound(f"coalitions/{coalition_id}")
    return number


async def keep_open(connection: Connection, coalition_id: str) -> None:
    """Keeps the open window open until the transaction ends. Before any row is locked by whoever will stamp something
    with it: all take the fence first, so that no two wait for each other with one between them that closes the window.
    """
    await queries.keep_window_open(connection, coalition=coalition_id)


async def newest(connection: Connection, coalition_id: str, before: int, most: int) -> list[Window]:
    """A coalition's windows, newest first, from before a number."""
    rows = queries.list_windows(connection, coalition=coalition_id, before=before, most=most)
    return [_window(row) async for row in rows]


async def fence(connection: Connection, coalition_id: str) -> None:
    """Waits until nobody is about to commit anything into the open window; until the transaction ends nobody does."""
    async for _ in queries.fence_windows(connection, coalition=coalition_id):
        pass


async def close(connection: Connection, window: Window, close_time: datetime, closer: str) -> None:
    """Closes the open window and opens the next. The fence must be held."""
    await queries.close_window(
        connection,
        coalition=window.coalition_id,
        number=window.number,
        close_time=close_time,
        closer=closer,
        due_time=close_time,
    )
    await queries.insert_window(
        connection, coalition=window.coalition_id, number=window.number + 1, open_time=close_time
    )


async def obligations(connection: Connection, window: Window, payer: str) -> list[Obligations]:
    """What a party owes others for the window, for each reason and at each price."""
    rows = queries.sum_obligations(connection, coalition=window.coalition_id, number=window.number, payer=payer)
    return [
        Obligations(
            payer=payer,
            payee=row["payee"],
            kind=Kind(row["kind"]),
            price=Fraction(row["price_numerator"], row["price_denominator"]),
            entries=row["entries"],
            points=int(row["points"]),
        )
        async for row in rows
    ]


async def keep_amounts(
    connection: Connection, window: Window, amounts: Sequence[PairAmount], count_time: datetime
) -> None:
    """Keeps what was counted, unless somebody else has counted it."""
    key = {"coalition": window.coalition_id, "number": window.number}
    if not await queries.counted(connection, **key, count_time=count_time):
        return
    await queries.insert_amounts(
        connection,
        **key,
        payers=[pair.payer for pair in amounts],
        payees=[pair.payee for pair in amounts],
        entries=[pair.entries for pair in amounts],
        numerators=[Decimal(pair.exact.numerator) for pair in amounts],
        denominators=[Decimal(pair.exact.denominator) for pair in amounts],
        amounts=[pair.amount for pair in amounts],
    )
    nets = net_positions(amounts)
    await queries.insert_nets(connection, **key, parties=list(nets), nets=list(nets.values()))


async def amounts(connection: Connection, window: Window) -> list[PairAmount]:
    """What was counted, by payer and payee."""
    rows = queries.amounts_of(connection, coalition=window.coalition_id, number=window.number)
    return [
        PairAmount(
            payer=row["payer"],
            payee=row["payee"],
            entries=row["entries"],
            exact=Fraction(int(row["exact_numerator"]), int(row["exact_denominator"])),
            amount=row["amount"],
        )
        async for row in rows
    ]


async def under_way(
    connection: Connection, coalition_id: str, after: tuple[datetime, str], most: int
) -> list[UnderWay]:
    """Exchanges that are not at their end, oldest first, from after the given time and id."""
    rows = queries.under_way(connection, coalition=coalition_id, after_time=after[0], after=after[1], most=most)
    return [
        UnderWay(row["exchange"], row["sender"], row["receiver"], State(row["state"]), row["create_time"])
        async for row in rows
    ]


async def settled(connection: Connection, exchange_ids: Sequence[str]) -> set[str]:
    """Those of the exchanges whose window is settled."""
    rows = queries.settled_exchanges(connection, exchanges=list(exchange_ids))
    return {row["exchange"] async for row in rows}


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[Key]]:
    """Takes up to `most` windows that are due, for the lease."""
    rows = queries.claim_windows(connection, now=now, lease_time=lease_end, most=most)
    return [Claim((row["coalition"], row["number"]), row["attempts"]) async for row in rows]


async def put_off(connection: Connection, key: Key, due_time: datetime) -> None:
    """Has the recovery loop take the window again at `due_time`, unless there is nothing to do."""
    await queries.postpone_window(connection, coalition=key[0], number=key[1], due_time=due_time)


def _found(row: asyncpg.Record | None, coalition_id: str, number: int) -> Window:
    if row is None:
        raise NotFound(window_name(coalition_id, number))
    return _window(row)


def _window(row: asyncpg.Record) -> Window:
    return Window(
        coalition_id=row["coalition"],
        number=row["number"],
        state=WindowState(row["state"]),
        open_time=row["open_time"],
        close_time=row["close_time"],
        closer=row["closer"],
        count_time=row["count_time"],
        attempt=row["attempt"],
        settler=row["settler"],
        aborter=row["aborter"],
        settle_time=row["settle_time"],
        paid_in=row["paid_in"],
        mismatch=row["mismatch"],
    )
