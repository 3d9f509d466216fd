"""Having the ledger told what was decided of an award: in the transaction that decides, under the lock on the member's
row.
"""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.postgres import Connection
from membership.domain.deliveries import Delivery
from membership.domain.program import Program
from membership.domain.purchases import Purchase, State
from membership.operations.returns import due_of
from membership.operations.tranches import bonuses_of
from membership.store import deliveries


async def deliver_later(
    connection: Connection, program: Program, purchase: Purchase, actor: str, due_time: datetime
) -> Delivery:
    """What brings it there: first the credits, as far as the ledger does not have them. The recovery loop leaves it
    alone until `due_time`.
    """
    due = [due_of(purchase)] if purchase.state is State.PENDING else []
    beside = await bonuses_of(connection, program, purchase)
    number = await deliveries.insert(
        connection,
        program,
        actor,
        due_time,
        member_nos=[],
        purchase_ids=[one.purchase_id for one in due],
        bonus_ids=[one.bonus_id for one in beside],
    )
    await deliveries.decide(connection, number, purchase.purchase_id)
    return Delivery(number, program, actor, [], due, bonuses=beside, decided=purchase.purchase_id)
