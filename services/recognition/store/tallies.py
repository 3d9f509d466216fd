"""What was counted, as rows."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from guerdon_kit.postgres import Connection
from recognition.domain.tallies import Cell, Figures
from recognition.store import queries


async def change(connection: Connection, organisation: str, changes: Mapping[Cell, Figures]) -> None:
    """Counts more, or less where the figures are negative; never less than what was counted before."""
    more = {cell: by for cell, by in changes.items() if by.amount >= 0 and by.count >= 0}
    less = {cell: by for cell, by in changes.items() if cell not in more}
    if less:
        await queries.take_from_tallies(connection, organisation=organisation, **_columns(less))
    if more:
        await queries.add_to_tallies(connection, organisation=organisation, **_columns(more))


def _columns(changes: Mapping[Cell, Figures]) -> dict[str, list[Any]]:
    ordered = sorted(changes.items(), key=itemgetter(0))
    return {
        "periods": [cell.period for cell, _ in ordered],
        "measures": [cell.measure for cell, _ in ordered],
        "purposes": [cell.value for cell, _ in ordered],
        "publics": [cell.public for cell, _ in ordered],
        "people": [cell.person for cell, _ in ordered],
        "amounts": [by.amount for _, by in ordered],
        "counts": [by.count for _, by in ordered],
    }
