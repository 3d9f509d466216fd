"""Statements, as partners read them: pages, whole files, and what their own files have otherwise."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from fractions import Fraction

from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.postgres import Database
from partner_exchange.domain.statements import (
    COMPARED,
    Difference,
    DifferenceKind,
    Line,
    LineKind,
    Place,
    Row,
    Statement,
    compare,
)
from partner_exchange.domain.windows import WindowState
from partner_exchange.store import partners, statements, windows

ROWS_MAX = 500_000
"""The most rows of a partner's file that are compared: their ids are remembered meanwhile."""
_STEP = 1_000


@dataclass(frozen=True)
class Statements:
    """Partners' statements."""

    database: Database

    async def get(self, partner_id: str, number: int) -> Statement:
        """A statement without its lines.

        Raises:
            NotFound: there is none.
        """
        name = f"partners/{partner_id}/statements/{number}"
        try:
            async with self.database.acquire() as connection:
                partner = await partners.get(connection, partner_id)
                coalition = await partners.coalition(connection, partner.profile.coalition_id)
                window = await windows.get(connection, coalition.coalition_id, number)
                opening = await statements.balance_before(connection, window, partner_id)
                closing = await statements.balance_before(connection, replace(window, number=number + 1), partner_id)
        except NotFound:
            raise NotFound(name) from None
        return Statement(partner_id, window, coalition.currency, opening, closing)

    async def closed(self, partner_id: str, number: int) -> Statement:
        """A statement that stands.

        Raises:
            NotFound: there is none.
            WindowStateConflict: its window is open, or was closed this moment and is not counted yet.
        """
        found = await self.get(partner_id, number)
        if found.closing is None:
            found.window.require(*(set(WindowState) - {WindowState.OPEN, WindowState.CLOSED}))
        return found

    async def lines(self, statement: Statement, after: Place | None) -> AsyncGenerator[Line]:
        """The lines, in order, from after a place on."""
        window, party = statement.window, statement.partner
        settling = after is not None and after.kind == LineKind.SETTLEMENT.value
        if not settling:
            async with self.database.acquire() as connection:
                pairs = await statements.pairs(connection, window, party)
            for pair, rounding in sorted(pairs.items()):
                if after is not None and pair < (after.payer, after.payee):
                    continue
                begin = after if after is not None and pair == (after.payer, after.payee) else Place(*pair)
                if begin.kind == LineKind.ROUNDING.value:
                    continue
                async with aclosing(self._entries(statement, pair, begin)) as entries:
                    async for line in entries:
                        yield line
                if rounding:
                    yield _rounding(party, pair, rounding)
        async with self.database.acquire() as connection:
            settled = await statements.settlements(
                connection, window, party, int(after.entry) if after is not None and settling else 0
            )
        for line in settled:
            yield line

    async def reconcile(
        self, statement: Statement, chunks: AsyncIterator[Sequence[Row]]
    ) -> AsyncGenerator[tuple[list[Difference], int]]:
        """Compares a partner's file with a statement; answers the next differences, and how many rows were compared.

        Raises:
            InvalidField: the file has more than 500,000 rows.
        """
        seen: set[str] = set()
        count = 0
        async for rows in chunks:
            count += len(rows)
            if count > ROWS_MAX:
                raise InvalidField.of("rows", f"must be at most {ROWS_MAX} in all")
            async with self.database.acquire() as connection:
                ours = await statements.entries(
                    connection, statement.window, statement.partner, [row.entry_id for row in rows]
                )
            yield list(compare(rows, ours, seen)), count
        missing: list[Difference] = []
        async with aclosing(self.lines(statement, None)) as lines:
            async for line in lines:
                if line.kind in COMPARED and line.entry not in seen:
                    missing.append(Difference(DifferenceKind.MISSING, line.entry))
                if len(missing) == _STEP:
                    yield missing, count
                    missing = []
        yield missing, count

    async def _entries(self, statement: Statement, pair: statements.Pair, after: Place) -> AsyncGenerator[Line]:
        while True:
            async with self.database.acquire() as connection:
                found = await statements.lines_between(
                    connection, statement.window, pair, statement.partner, after, _STEP
                )
            for line in found:
                yield line
            if len(found) < _STEP:
                return
            after = found[-1].place


def _rounding(party: str, pair: statements.Pair, rounding: Fraction) -> Line:
    payer, payee = pair
    sign, other = (-1, payee) if payer == party else (1, payer)
    place = Place(payer, payee, kind=LineKind.ROUNDING.value)
    return Line(LineKind.ROUNDING, place, sign * rounding, counterparty=other)
