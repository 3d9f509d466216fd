"""Cashback over the service: paid into the member's wallet in the ledger, exact to the cent, and back as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from guerdon import GuerdonError, InvalidRequestError, RefusedError, new_request_id
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as ledger_res
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.type.v1.cash_pb2 import Cash
from tests.contract.rewards_catalog.wallets import (
    budget_of,
    cashback,
    dollars,
    limit,
    make_budget,
    open_budget,
    wallet_of,
)
from tests.contract.rewards_catalog.world import Shop


@pytest.fixture
async def bank(shop: Shop) -> Shop:
    await open_budget(shop)
    return shop


async def test_a_cashback_is_in_the_wallet_when_it_is_answered_and_never_twice(bank: Shop) -> None:
    reward, ada = await cashback(bank), await bank.member(2_500)
    done = await bank.redeem(reward, ada, "once", wallet=wallet_of(ada))
    assert (done.state, done.value, done.wallet) == (
        res.REDEMPTION_STATE_FULFILLED,
        dollars(9_99),
        wallet_of(ada),
    )
    assert done.credit_transaction
    assert await bank.redeem(reward, ada, "once", wallet=wallet_of(ada)) == done
    assert [(await bank.balance(one)).available for one in (ada, wallet_of(ada))] == [1_500, 9_99]
    await bank.redeem(reward, ada, wallet=wallet_of(ada))
    assert [(await bank.balance(one)).available for one in (ada, wallet_of(ada))] == [500, 19_98]
    assert (await bank.balance(budget_of(bank))).posted == -19_98
    assert await bank.verified() == []


async def test_fewer_points_are_worth_less_exactly(bank: Shop) -> None:
    steps = res.PointsRange(min_points=100, step_points=100, step_cash=dollars(99))
    reward, ada = await cashback(bank, points_range=steps), await bank.member(300)
    await bank.redeem(reward, ada, points=300, wallet=wallet_of(ada))
    assert (await bank.balance(wallet_of(ada))).available == 9_99 - 7 * 99


async def test_what_is_refunded_goes_back_wholly_or_not_at_all(bank: Shop) -> None:
    reward = await cashback(bank, refund_policy=res.REFUND_POLICY_WHOLE)
    ada, ben = await bank.member(1_000), await bank.member(1_000)
    had, spent = [(await bank.redeem(reward, who, wallet=wallet_of(who))).name for who in (ada, ben)]
    back = await bank.refund(had, request_id="back")
    assert (back.state, back.refunded_points) == (res.REDEMPTION_STATE_REFUNDED, 1_000)
    assert await bank.refund(had, request_id="back") == back
    wallet = await bank.balance(wallet_of(ada))
    assert ((await bank.balance(ada)).available, wallet.available, wallet.held) == (1_000, 0, 0)

    assert (await refused_refund(bank, had))[0] == "ALREADY_CANCELLED"
    await pay(bank, wallet_of(ben), 1)
    before = await bank.redemption(spent)
    numbers = {"wallet": wallet_of(ben), "required": "999", "available": "998"}
    assert await refused_refund(bank, spent, request_id="ben") == ("WALLET_SPENT", numbers)
    assert await bank.redemption(spent) == before
    wallet = await bank.balance(wallet_of(ben))
    assert ((await bank.balance(ben)).available, wallet.available, wallet.held) == (0, 9_98, 0)
    await bank.redeem(
        await bank.reward("cent", price=1, unlimited=True, cashback=cent(bank)), ada, wallet=wallet_of(ben)
    )
    assert (await bank.refund(spent, request_id="ben")).state == res.REDEMPTION_STATE_REFUNDED


async def refused_refund(shop: Shop, redemption: str, **more: Any) -> tuple[str, dict[str, str]]:
    with pytest.raises(RefusedError) as refused:
        await shop.refund(redemption, **more)
    return refused.value.reason, dict(refused.value.metadata)


def cent(shop: Shop) -> res.Cashback:
    """The smallest cashback."""
    return res.Cashback(value=dollars(1), budget=budget_of(shop))


async def pay(shop: Shop, wallet: str, cents: int) -> None:
    """Pays with a wallet, straight in the ledger."""
    posting = ledger_res.Posting(source=wallet, destination=f"{shop.program}/accounts/redemption.cash", amount=cents)
    spend = ledger_res.Transaction(kind=ledger_res.TRANSACTION_KIND_SPEND, postings=[posting])
    await shop.books.ledger.PostTransaction(
        ledger.PostTransactionRequest(parent=shop.program, transaction=spend, request_id=new_request_id())
    )


async def test_what_is_not_refunded_counts_for_the_limits_as_before(bank: Shop) -> None:
    monthly = res.PeriodLimit(period=res.PERIOD_MONTH, limit=1)
    once = await cashback(bank, limit=1, refund_policy=res.REFUND_POLICY_WHOLE)
    each_month = await cashback(bank, "monthly", limit_per_period=monthly, refund_policy=res.REFUND_POLICY_WHOLE)
    for reward, reason in ((once, "ACCOUNT_LIMIT"), (each_month, "ACCOUNT_PERIOD_LIMIT")):
        ada = await bank.member(3_000)
        had = await bank.redeem(reward, ada, wallet=wallet_of(ada))
        reversing = ledger.ReverseTransactionRequest(name=had.transaction, request_id=new_request_id())
        await bank.books.ledger.ReverseTransaction(reversing)  # by somebody else, so that nothing is left to give back
        assert (await bank.refund(had.name)).state == res.REDEMPTION_STATE_REFUND_REFUSED
        with pytest.raises(GuerdonError) as refused:
            await bank.redeem(reward, ada, wallet=wallet_of(ada))
        assert refused.value.reason == reason


async def test_points_that_cannot_go_back_leave_the_wallet_as_it_is(bank: Shop) -> None:
    reward, ada = await cashback(bank, refund_policy=res.REFUND_POLICY_WHOLE), await bank.member(1_000)
    done = await bank.redeem(reward, ada, wallet=wallet_of(ada))
    await bank.close_account(ada)
    refused = await bank.refund(done.name)
    assert (refused.state, refused.failure.metadata["ledger_reason"]) == (
        res.REDEMPTION_STATE_REFUND_REFUSED,
        "ACCOUNT_CLOSED",
    )
    wallet = await bank.balance(wallet_of(ada))
    assert (wallet.available, wallet.held) == (9_99, 0)


async def test_a_wallet_that_is_closed_is_found_before_any_points_are_set_aside(bank: Shop) -> None:
    reward, ada = await cashback(bank, unlimited=False, stock=1, limit=1), await bank.member(1_000)
    closed = await bank.member(unit="cash")
    await bank.close_account(closed)
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await bank.redeem(reward, ada, "the-same", wallet=closed)
        assert (refused.value.reason, refused.value.metadata["ledger_reason"]) == ("CREDIT_REFUSED", "ACCOUNT_CLOSED")
    assert ((await bank.balance(ada)).available, await bank.spent(ada)) == (1_000, [])
    assert await bank.redemptions() == []
    assert (await bank.redeem(reward, ada, wallet=wallet_of(ada))).state == res.REDEMPTION_STATE_FULFILLED


async def test_a_budget_that_is_used_up_costs_nobody_points(bank: Shop) -> None:
    reward, ada = await cashback(bank), await bank.member(3_000)
    await limit(bank, 10_00)
    await bank.redeem(reward, ada, wallet=wallet_of(ada))
    with pytest.raises(RefusedError) as refused:
        await bank.redeem(reward, ada, "later", wallet=wallet_of(ada))
    assert refused.value.metadata == {"wallet": wallet_of(ada), "ledger_reason": "BUDGET_EXHAUSTED"}
    assert (await bank.balance(ada)).available == 2_000
    await limit(bank, 20_00)
    assert (await bank.redeem(reward, ada, "later", wallet=wallet_of(ada))).state == res.REDEMPTION_STATE_FULFILLED
    assert (await bank.balance(wallet_of(ada))).available == 19_98


async def test_what_is_wrong_with_a_wallet_or_a_budget_is_said_by_field(bank: Shop) -> None:
    reward, mug, ada = await cashback(bank), await bank.reward(stock=1), await bank.member(2_000)
    impossible = [
        f"{bank.program}/accounts/{id_}" for id_ in ("~cash", "x" * 64)
    ]  # to be opened, once points are spent
    wrong = ["", ada, budget_of(bank), "programs/o/accounts/w", *impossible]
    redeeming = [*((reward, wallet) for wallet in wrong), (mug, ada)]
    for what, wallet in redeeming:
        with pytest.raises(InvalidRequestError) as refused:
            await bank.redeem(what, ada, wallet=wallet)
        assert [one.field for one in refused.value.violations] == ["wallet"]
    assert await bank.redemptions() == []
    own = f"{bank.program}/accounts"
    budgets = [
        f"{own}/budget.points",
        f"{own}/issuance.cash",
        f"{own}/budget.cash.none",
        "programs/o/accounts/budget.c",
    ]
    for budget in budgets:
        with pytest.raises(InvalidRequestError) as refused:
            await cashback(bank, cashback=res.Cashback(value=dollars(1), budget=budget))
        assert [one.field for one in refused.value.violations] == ["reward.cashback.budget"]
    with pytest.raises(InvalidRequestError) as refused:
        await cashback(bank, refund_policy=res.REFUND_POLICY_PARTIAL)
    assert [one.field for one in refused.value.violations] == ["reward.refund_policy"]


async def test_only_a_budget_that_may_pays_cashback_and_only_in_its_units_currency(bank: Shop) -> None:
    own = f"{bank.program}/accounts"
    await bank.make_unit("coins", scale=0)
    unlabelled = await make_budget(bank, f"{own}/budget.cash.team", "cash")
    coins = await make_budget(bank, f"{own}/budget.coins", "coins", cashback="allowed")
    euro = Cash(minor_units=1, currency_code="EUR")
    await cashback(bank)
    for value, budget, field, said in (
        (dollars(1), unlabelled, "budget", "must be open, and labelled cashback: allowed"),
        (dollars(1), coins, "budget", "must be of a unit with a scale of 2, as USD has"),
        (euro, budget_of(bank), "value.currency_code", "must be USD, as wallets of the unit have"),
    ):
        with pytest.raises(InvalidRequestError) as refused:
            await cashback(bank, "other", cashback=res.Cashback(value=value, budget=budget))
        [wrong] = refused.value.violations
        assert (wrong.field, wrong.description) == (f"reward.cashback.{field}", said)
    yen = res.Cashback(value=Cash(minor_units=100, currency_code="JPY"), budget=coins)
    assert await cashback(bank, "yen", cashback=yen)
