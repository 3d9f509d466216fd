"""Which of the rows that came are new: what is known already is compared, and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from guerdon_kit.errors import DomainError
from guerdon_kit.postgres import Connection
from membership.domain.errors import PurchaseDiffers
from membership.domain.program import Program
from membership.domain.rows import Row
from membership.store import purchases, ratings

_FACTS = {"member": "member_id", "event_time": "event_us", "amount": "amount"}
"""What a purchase that was recorded before has in common with one that comes again, by the words for it."""


async def sort_known(
    connection: Connection, program: Program, rows: Sequence[Row]
) -> tuple[list[Row], list[int], dict[int, DomainError], int, bool]:
    """The new rows, the places of those recorded before, those that contradict what is recorded, the revision of the
    program's rules, and whether returns may be waiting for purchases.
    """
    known, revision, returns_wait = await purchases.known(connection, program, [row.purchase_id for row in rows])
    fresh: list[Row] = []
    already: list[int] = []
    refused: dict[int, DomainError] = {}
    came: dict[str, Row] = {}
    for row in rows:
        before = known.get(row.purchase_id) or came.get(row.purchase_id)
        if before is None:
            came[row.purchase_id] = row  # the same id again in these rows is the same purchase, or refused
            fresh.append(row)
            continue
        differing = [name for name, field in _FACTS.items() if getattr(before, field) != getattr(row, field)]
        if not differing:
            if row.basket is not None and row.basket != await ratings.basket(connection, program, row.purchase_id):
                refused[row.place] = PurchaseDiffers(f"{program.name}/purchases/{row.purchase_id}", "basket")
                continue
            already.append(row.place)
        else:
            refused[row.place] = PurchaseDiffers(f"{program.name}/purchases/{row.purchase_id}", ",".join(differing))
    return fresh, already, refused, revision, returns_wait
