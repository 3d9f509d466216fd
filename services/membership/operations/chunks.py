"""What membership's imports have in common: a recorded chunk is brought to the ledger, and its rows told apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from guerdon_kit.chunks import thaw_row
from guerdon_kit.errors import DomainError
from membership.domain.accounts import account_id
from membership.domain.deliveries import Delivery
from membership.domain.errors import AccountTaken
from membership.domain.program import Program
from membership.operations.deliveries import Deliveries


class OfMember(Protocol):
    """A row of an import, as far as it is some member's."""

    @property
    def place(self) -> int: ...
    @property
    def member_id(self) -> str: ...


async def bring(
    deliveries: Deliveries,
    delivery: Delivery | None,
    rows: Iterable[OfMember],
    kept: Iterable[tuple[int, dict[str, Any]]],
) -> tuple[int, dict[int, DomainError]]:
    """Brings a recorded chunk to the ledger; answers how much is left, and what is wrong with rows, by their places.
    `kept` is what was found wrong with them when they were recorded.

    Raises:
        OutcomeUnknown: the ledger did not answer; the delivery is taken up again.
    """
    errors: dict[int, DomainError] = {place: thaw_row(refusal) for place, refusal in kept}
    if delivery is None:
        return 0, errors
    brought = await deliveries.deliver(delivery)
    return brought.left, _taken_rows(delivery.program, rows, brought.taken) | errors


def _taken_rows(program: Program, rows: Iterable[OfMember], accounts: frozenset[str]) -> dict[int, DomainError]:
    """The rows, by their places, whose points the ledger cannot take because these accounts have another unit."""
    if not accounts:
        return {}
    account_ids = ((row.place, account_id(row.member_id)) for row in rows)
    return {
        place: AccountTaken(f"{program.name}/accounts/{account}")
        for place, account in account_ids
        if account in accounts
    }
