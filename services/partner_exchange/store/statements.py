"""The lines of statements, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from guerdon_kit.postgres import Connection
from partner_exchange.domain.statements import Line, LineKind, Place, Row
from partner_exchange.domain.windows import Window
from partner_exchange.store import queries

Pair = tuple[str, str]
"""Who owes, and who is owed."""


async def balance_before(connection: Connection, window: Window, party: str) -> int | None:
    """What a party's balance was when the window began; None while a window before is not counted."""
    row = await queries.balance_before(connection, **_key(window), party=party)
    return int(row["balance"]) if row["counted"] else None


async def pairs(connection: Connection, window: Window, party: str) -> dict[Pair, Fraction]:
    """Whom a party owes and who owes it, in order, with what rounding adds to what is owed: nothing as long as the
    window is not counted.
    """
    if window.count_time is None:
        rows = queries.pairs_so_far(connection, **_key(window), party=party)
        return {(row["payer"], row["payee"]): Fraction(0) async for row in rows}
    rows = queries.pairs_of_party(connection, **_key(window), party=party)
    return {
        (row["payer"], row["payee"]): row["amount"]
        - Fraction(int(row["exact_numerator"]), int(row["exact_denominator"]))
        async for row in rows
    }


async def lines_between(
    connection: Connection, window: Window, pair: Pair, party: str, after: Place, most: int
) -> list[Line]:
    """Up to `most` lines of a pair, by time, from after a place of it."""
    payer, payee = pair
    sign, other = (-1, payee) if payer == party else (1, payer)
    rows = queries.lines_between(
        connection,
        **_key(window),
        payer=payer,
        payee=payee,
        after_time=after.time,
        after_kind=after.kind,
        after_entry=after.entry,
        most=most,
    )
    return [
        Line(
            kind=LineKind(row["kind"]),
            place=Place(payer, payee, row["commit_time"], row["kind"], row["entry"]),
            amount=sign * row["points"] * Fraction(row["price_numerator"], row["price_denominator"]),
            entry=row["entry"],
            counterparty=other,
            time=row["commit_time"],
            debited=row["debited"],
            received=row["received"],
        )
        async for row in rows
    ]


async def settlements(connection: Connection, window: Window, party: str, after: int) -> list[Line]:
    """What a party paid or got while the window was open, by the window that it was for, from after a number."""
    rows = queries.settled_in(connection, **_key(window), party=party, after=after)
    return [
        Line(
            kind=LineKind.SETTLEMENT,
            place=Place(kind=LineKind.SETTLEMENT.value, entry=str(row["number"])),
            amount=Fraction(-row["net"]),
            time=row["settle_time"],
            settled_window=row["number"],
        )
        async for row in rows
    ]


async def entries(connection: Connection, window: Window, party: str, ids: Sequence[str]) -> dict[str, Row]:
    """Of the exchanges and reversals named, those in the window by which a party owes or is owed, by their ids."""
    rows = queries.lines_of_entries(connection, **_key(window), party=party, entries=list(ids))
    return {
        row["entry"]: Row(
            entry_id=row["entry"],
            owes=row["payer"] == party,
            counterparty_id=row["payee"] if row["payer"] == party else row["payer"],
            debited_amount=row["debited"],
            received_amount=row["received"],
        )
        async for row in rows
    }


def _key(window: Window) -> dict[str, str | int]:
    return {"coalition": window.coalition_id, "number": window.number}
