"""A value that is to be paid into a wallet, when its budget has too little."""

from __future__ import annotations

from datetime import timedelta

from rewards_catalog.domain.fulfilment import Undecided, told
from rewards_catalog.domain.redemption import Redemption, State, Step, next_step
from rewards_catalog.domain.wallets import CREDIT_PATIENCE, gives_up
from rewards_catalog.operations.news import news
from tests.unit.rewards_catalog.builders import NOW, a_redemption

CAPTURED = a_redemption(state=State.CAPTURED, wallet="programs/acme/accounts/ada~cash")


def test_the_ledger_is_asked_for_a_payment_until_there_is_one() -> None:
    assert next_step(CAPTURED, NOW) is Step.CREDIT
    waiting = told(CAPTURED, Undecided(), NOW)
    assert waiting.ask_time is not None
    assert next_step(waiting, NOW) is None
    assert next_step(waiting, waiting.ask_time) is Step.CREDIT


def test_people_are_told_once_and_at_once_that_a_budget_is_used_up() -> None:
    types, redemption, now = list[str](), CAPTURED, NOW
    while not gives_up(redemption, now):
        after: Redemption = told(redemption, Undecided(), now)
        if event := news(redemption, after):
            types.append(event.type)
            assert after.asks == 1
        assert after.ask_time is not None
        redemption, now = after, after.ask_time
    assert types == ["guerdon.rewards.v1.redemption_credit_overdue"]
    assert CREDIT_PATIENCE <= now - CAPTURED.create_time < CREDIT_PATIENCE + timedelta(hours=1)
