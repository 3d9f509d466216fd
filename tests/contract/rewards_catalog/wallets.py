"""Cashback for tests: a unit of cents, a budget that pays into wallets of it, and a reward."""

from __future__ import annotations

from typing import Any

from guerdon import new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import limits_pb2 as limits
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.type.v1.cash_pb2 import Cash
from tests.contract.rewards_catalog.world import Shop


async def open_budget(shop: Shop) -> None:
    """Makes a unit of cents, and a budget of it."""
    await shop.make_unit("cash", scale=2)
    await make_budget(shop, budget_of(shop), "cash", cashback="allowed")


async def make_budget(shop: Shop, name: str, unit: str, **labels: str) -> str:
    """Makes a BUDGET account."""
    kind = ledger_res.ACCOUNT_KIND_BUDGET
    account = ledger_res.Account(name=name, unit=f"{shop.program}/units/{unit}", kind=kind, labels=labels)
    await shop.books.ledger.CreateAccount(ledger.CreateAccountRequest(account=account, request_id=new_request_id()))
    return name


async def limit(shop: Shop, cents: int) -> None:
    """Sets how much the budget may pay in all."""
    request = limits.SetCreditLimitRequest(
        name=budget_of(shop), reason="a test", credit_limit=cents, request_id=new_request_id()
    )
    await shop.books.ledger.SetCreditLimit(request)


def budget_of(shop: Shop) -> str:
    """The account that pays."""
    return f"{shop.program}/accounts/budget.cash"


def wallet_of(account: str) -> str:
    """The wallet of whoever has this account."""
    return f"{account}~cash"


def dollars(cents: int) -> Cash:
    """An amount."""
    return Cash(minor_units=cents, currency_code="USD")


async def cashback(shop: Shop, id_: str = "cash-1000", *, unlimited: bool = True, **more: Any) -> str:
    """$9.99 for 1,000 points; `more` are fields of the reward."""
    kind = res.Cashback(value=dollars(9_99), budget=budget_of(shop))
    return await shop.reward(id_, price=1_000, unlimited=unlimited, **({"cashback": kind} | more))
