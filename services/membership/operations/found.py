"""Purchases as they are told of: with what late events changed of their awards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from guerdon_kit.postgres import Database
from membership.domain.program import Program
from membership.domain.purchases import Purchase
from membership.store import late_changes, purchases


async def find_purchases(database: Database, program: Program, purchase_ids: Sequence[str]) -> dict[str, Purchase]:
    """Purchases by their ids, those that there are."""
    async with database.acquire() as connection:
        found = await purchases.find_all(connection, program, purchase_ids)
        if not program.has_timelines:
            return {id_: purchase for id_, (purchase, _) in found.items()}
        changed = await late_changes.of_purchases(connection, program, purchase_ids)
    return {
        id_: replace(purchase, changes=tuple(one.change for one in changed.get(id_, ())))
        for id_, (purchase, _) in found.items()
    }
