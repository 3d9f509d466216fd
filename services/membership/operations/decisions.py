"""Bringing to the ledger what was decided of held awards: their points are activated, or taken back."""

from __future__ import annotations

from collections.abc import Mapping

from guerdon_kit.postgres import Database
from membership.clients.ledger import Ledger
from membership.domain.deliveries import Delivery, rejection
from membership.domain.flags import FlagState
from membership.domain.late_changes import digest
from membership.domain.members import account_id
from membership.domain.purchases import FrozenTerms
from membership.domain.tranches import bonus_id
from membership.store import purchases, tranches


async def carry_out(
    database: Database,
    ledger: Ledger,
    delivery: Delivery,
    purchase_id: str,
    awards: Mapping[str, str],
    beside: Mapping[str, str],
) -> None:
    """Has the ledger do what was decided of a purchase's award; `awards` and `beside` have the transactions of what was
    credited just now.
    """
    program = delivery.program
    async with database.acquire() as connection:
        found = await purchases.find(connection, program, purchase_id)
        assert found is not None, "what is decided of is not deleted"
        purchase = found[0]
        count = len(purchase.terms.tranches) if isinstance(purchase.terms, FrozenTerms) else 0
        ids = [bonus_id(purchase_id, number) for number in range(1, count)]
        known = await tranches.transactions(connection, program, ids) if ids else {}
    every = [awards.get(purchase_id, purchase.transaction), *(beside.get(one, known[one]) for one in ids)]
    transactions = [one for one in every if one]
    assert purchase.flag is not None, "what was held is flagged"
    if purchase.flag.state is FlagState.REJECTED:
        for one in rejection(purchase, transactions):
            await ledger.take_back(program, one, delivery.actor)
    elif transactions:
        request_id = f"u-{digest(purchase_id)}"
        await ledger.activate(program, account_id(purchase.member_id), transactions, request_id, delivery.actor)
