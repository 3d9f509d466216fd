"""Wallets: accounts of a unit of cash, into which a budget of that unit pays what points buy."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from guerdon_kit.errors import InvalidField
from rewards_catalog.domain.redemption import Redemption, State

CREDIT_PATIENCE = timedelta(days=7)
"""For so long a value waits for its budget to be raised; then the points go back."""
_BUDGET = re.compile(r"programs/([^/]+)/accounts/budget\.([a-z0-9-]+)(?:\.[^/]+)?")
_WALLET = re.compile(r"programs/([^/]+)/accounts/[A-Za-z0-9][A-Za-z0-9_~-]{0,62}")


def unit_of_budget(budget: str) -> str:
    """The id of the unit that a BUDGET account counts, which its name has: `…/budget.cash`, `…/budget.cash.spring`."""
    found = _BUDGET.fullmatch(budget)
    assert found is not None, "it was checked"
    return found[2]


def check_budget(budget: str, program: str, unit: str) -> None:
    """Checks that an account may pay into wallets for points of `unit`.

    Raises:
        InvalidField: it may not.
    """
    found = _BUDGET.fullmatch(budget)
    if found is None or found[1] != program or found[2] == unit:
        needed = f"must be a BUDGET account of programs/{program}, such as {{}}, and not of the price's unit"
        raise InvalidField.of("reward.cashback.budget", needed.format("programs/p/accounts/budget.cash"))


def check_wallet(wallet: str, program: str, budget: str | None) -> None:
    """Checks that a redemption names a wallet where something is paid into one, by `budget`, and nowhere else.

    Raises:
        InvalidField: it does not.
    """
    if budget is None and wallet:
        raise InvalidField.of("wallet", "must be absent: the reward pays into none")
    if budget is None:
        return
    found = _WALLET.fullmatch(wallet)
    if found is None or found[1] != program:
        raise InvalidField.of("wallet", f"must be a MEMBER account of programs/{program}")


def gives_up(redemption: Redemption, now: datetime) -> bool:
    """Whether its budget has had its time to be raised."""
    return now >= redemption.create_time + CREDIT_PATIENCE


def begins_to_wait(before: Redemption, after: Redemption) -> bool:
    """Whether people are to be told, now and once, that a budget was used up before it paid what it owes."""
    waits = bool(after.wallet) and after.state is State.FULFILMENT_UNKNOWN
    return waits and before.state is not State.FULFILMENT_UNKNOWN
