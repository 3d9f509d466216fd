"""Wallets: accounts of a unit of cash, into which a budget of that unit pays what points buy."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from guerdon_kit.errors import InvalidField
from rewards_catalog.domain.redemption import Redemption, State

BUDGET_LABEL, ALLOWED = "cashback", "allowed"
"""The label by which whoever keeps the accounts lets a budget pay into wallets."""
_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
"""The decimal places of currencies in ISO 4217 that have not two."""
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


class Funding(NamedTuple):
    """What an account is that is to pay into wallets."""

    scale: int
    """The decimal places of its unit."""
    closed: bool
    allowed: bool
    """Whether it has the label."""


def check_funding(funding: Funding, currency: str) -> None:
    """Checks that an account may pay values of a currency, whose minor units its unit then counts.

    Raises:
        InvalidField: it may not.
    """
    if not funding.allowed or funding.closed:
        wrong = f"must be open, and labelled {BUDGET_LABEL}: {ALLOWED}"
    elif funding.scale != decimals(currency):
        wrong = f"must be of a unit with a scale of {decimals(currency)}, as {currency} has"
    else:
        return
    raise InvalidField.of("reward.cashback.budget", wrong)


def decimals(currency: str) -> int:
    """How many decimal places a currency has."""
    return next((places for places, some in _DECIMALS.items() if currency in some.split()), 2)


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
