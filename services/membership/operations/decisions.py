"""Bringing to the ledger what was decided of points that were held or waited: they are activated, or taken back."""

from __future__ import annotations

from collections.abc import Mapping

from guerdon_kit.postgres import Database
from membership.clients.ledger import Ledger
from membership.domain.accounts import account_id, wallet_id
from membership.domain.deliveries import Delivery, activation_id, whole_clawback
from membership.domain.purchases import FrozenTerms
from membership.domain.tranches import bonus_id
from membership.domain.waits import Deed, deeds
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
        beside_it = list(purchase.terms.credits_beside()) if isinstance(purchase.terms, FrozenTerms) else []
        ids = [bonus_id(purchase_id, place) for place, _, _ in beside_it]
        known = await tranches.transactions(connection, program, ids) if ids else {}
    every = [awards.get(purchase_id, purchase.transaction), *(beside.get(one, known[one]) for one in ids)]
    wallets = {place: wallet_id(purchase.member_id, unit) for place, unit, _ in beside_it if unit}
    flag = None if purchase.flag is None else purchase.flag.state
    for place, deed in deeds(flag, purchase.awaited, len(every)).items():
        transaction = every[place]
        if transaction and deed is Deed.TAKE_BACK:
            await ledger.take_back(program, whole_clawback(purchase, place, transaction), delivery.actor)
        elif transaction:
            account = wallets.get(place, account_id(purchase.member_id))
            await ledger.activate(program, account, [transaction], activation_id(purchase_id, place), delivery.actor)
