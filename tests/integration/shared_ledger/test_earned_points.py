"""Points given at work are redeemed, and exchanged where the employer allows it; points to give are for giving only."""

from __future__ import annotations

import pytest

from guerdon import RefusedError
from guerdon.rewards.v1 import resources_pb2 as res
from tests.contract.recognition.world import Employer
from tests.integration.shared_ledger.conftest import Company


async def accounts(employer: Employer, person: str) -> tuple[str, str]:
    """What a person may give, and what they earned."""
    found = await employer.read_person(person)
    return found.allowance_account, found.rewards_account


async def test_earned_points_are_redeemed_for_an_employers_reward(company: Company) -> None:
    # Oracle: Assembly, $1 = 10 points: 1,000 points redeem as $100.
    employer = await company.employer()
    shop = company.rewards(employer)
    dollars = 100
    card = await shop.reward("gift-card-100", price=10 * dollars, unlimited=True)
    await employer.give("ann", ["ben"], 1000)
    _, earned = await accounts(employer, "ben")
    redeemed = await shop.redeem(card, earned)
    assert (redeemed.state, redeemed.price) == (res.REDEMPTION_STATE_ISSUED, 1000)
    assert await employer.earned("ben") == 0
    assert await shop.spent(earned) == [-1000]


async def test_points_to_give_are_neither_redeemed_nor_exchanged(company: Company) -> None:
    employer = await company.employer(exchange_allowed=True)
    shop = company.rewards(employer)
    mug = await shop.reward("mug", price=10, stock=5)
    to_give, _ = await accounts(employer, "ann")
    with pytest.raises(RefusedError) as refusal:
        await shop.redeem(mug, to_give)
    assert (refusal.value.reason, refusal.value.metadata["ledger_reason"]) == ("PAYMENT_REFUSED", "ACCOUNT_NOT_FOR")
    own, other = await company.brands(employer)
    quote = await own.quote(to_give, other, await other.member(), send=10)
    with pytest.raises(RefusedError) as refusal:
        await own.execute(quote)
    assert refusal.value.metadata["ledger_reason"] == "ACCOUNT_NOT_FOR"
    assert (await employer.left("ann"), await shop.left(mug)) == (2000, 5)


@pytest.mark.parametrize("allowed", [True, False])
async def test_earned_points_are_exchanged_where_the_organisation_allows_it(company: Company, allowed: bool) -> None:
    employer = await company.employer(exchange_allowed=allowed)
    await employer.give("ann", ["ben"], 100)
    _, earned = await accounts(employer, "ben")
    own, other = await company.brands(employer)
    destination = await other.member()
    quote = await own.quote(earned, other, destination, send=40)
    if allowed:
        await own.execute(quote)
    else:
        with pytest.raises(RefusedError) as refusal:
            await own.execute(quote)
        assert refusal.value.metadata["ledger_reason"] == "ACCOUNT_NOT_FOR"
    received = (await employer.balance(destination)).available
    assert (await employer.earned("ben"), received) == ((60, 40) if allowed else (100, 0))
