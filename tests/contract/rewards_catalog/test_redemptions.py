"""Redeeming, calling off, handing over: wholly or not at all."""

from __future__ import annotations

import asyncio

import pytest

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from tests.contract.rewards_catalog.world import Shop, World

ISSUED, FULFILLED = res.REDEMPTION_STATE_ISSUED, res.REDEMPTION_STATE_FULFILLED
FAILED, REFUNDED = res.REDEMPTION_STATE_FAILED, res.REDEMPTION_STATE_REFUNDED


async def test_a_reward_costs_its_price_and_one_piece_and_then_waits_to_be_handed_over(shop: Shop) -> None:
    mug, member = await shop.reward(price=100, stock=5), await shop.member(130)
    redemption = await shop.redeem(mug, member)
    assert (redemption.state, redemption.price, redemption.title) == (ISSUED, 100, "Mug")
    assert redemption.transaction
    balance = await shop.balance(member)
    assert (balance.available, balance.held) == (30, 0)
    assert await shop.spent(member) == [-100]
    assert await shop.left(mug) == 4
    assert (await shop.fulfil(redemption.name)).state == FULFILLED


async def test_the_ledger_books_what_is_spent_to_whoever_asked_by_issuer_and_subject(shop: Shop) -> None:
    redemption = await shop.redeem(await shop.reward(price=100, stock=1), await shop.member(100))
    read = await shop.books.ledger.GetTransaction(ledger.GetTransactionRequest(name=redemption.transaction))
    caller = "https://development.guerdon.dev|developer"
    assert read.transaction.actor == f"service:rewards_catalog for {caller}"


async def test_a_code_is_issued_at_once_and_each_redemption_gets_another(shop: Shop) -> None:
    card, member = await shop.reward("card", price=10, codes=["CODE-1", "CODE-2"]), await shop.member(30)
    one, other = await shop.redeem(card, member), await shop.redeem(card, member)
    assert one.state == other.state == FULFILLED
    assert {one.code, other.code} == {"CODE-1", "CODE-2"}
    with pytest.raises(RefusedError) as refused:
        await shop.redeem(card, member)
    assert refused.value.reason == "OUT_OF_STOCK"
    assert (await shop.balance(member)).available == 10


async def test_an_unlimited_reward_never_runs_out(shop: Shop) -> None:
    call, member = await shop.reward("call", price=1, unlimited=True), await shop.member(5)
    for _ in range(5):
        assert (await shop.redeem(call, member)).state == ISSUED
    assert (await shop.balance(member)).available == 0


async def test_with_too_few_points_nothing_is_taken_and_the_refusal_stays_for_this_request(shop: Shop) -> None:
    mug, member = await shop.reward(price=100, stock=1), await shop.member(30)
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await shop.redeem(mug, member, "too-early")
        assert refused.value.reason == "INSUFFICIENT_POINTS"
        assert dict(refused.value.metadata) == {"required": "100", "available": "30", "missing": "70"}
        await shop.earn(member, 70)
    assert await shop.left(mug) == 1
    [failed] = await shop.redemptions(member)
    assert (failed.state, failed.failure.reason) == (FAILED, "INSUFFICIENT_POINTS")
    assert (await shop.redeem(mug, member, "now")).state == ISSUED


async def test_out_of_stock_leaves_the_points_untouched_and_stays_for_this_request(shop: Shop) -> None:
    mug, member = await shop.reward(price=100, stock=0), await shop.member(100)
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await shop.redeem(mug, member, "too-late")
        assert (refused.value.reason, refused.value.metadata["reward"]) == ("OUT_OF_STOCK", mug)
        await shop.catalog.rewards.AddStock(pb.AddStockRequest(reward=mug, amount=1, request_id="one-more"))
    balance = await shop.balance(member)
    assert (balance.available, balance.held) == (100, 0)
    assert await shop.spent(member) == []
    assert await shop.left(mug) == 1


async def test_the_limit_of_an_account_counts_what_was_not_called_off(shop: Shop) -> None:
    mug, member, other = await shop.reward(price=10, stock=9, limit=2), await shop.member(100), await shop.member(10)
    first = await shop.redeem(mug, member)
    await shop.redeem(mug, member)
    with pytest.raises(GuerdonError) as refused:
        await shop.redeem(mug, member, "third")
    assert (refused.value.reason, refused.value.metadata["limit"]) == ("ACCOUNT_LIMIT", "2")
    assert (await shop.redeem(mug, other)).state == ISSUED
    assert (await shop.balance(member)).available == 80
    await shop.cancel(first.name)
    # A limit may pass: the same request is then a new try.
    assert (await shop.redeem(mug, member, "third")).state == ISSUED
    assert await shop.left(mug) == 6


async def test_the_same_request_again_is_the_same_redemption_as_it_is_now(shop: Shop) -> None:
    mug, member = await shop.reward(stock=5), await shop.member(1000)
    first = await shop.redeem(mug, member, "once")
    await shop.fulfil(first.name)
    call = shop.catalog.rewards.Redeem(pb.RedeemRequest(reward=mug, account=member, request_id="once"))
    again = (await call).redemption
    assert await was_replayed(call)
    assert (again.name, again.state) == (first.name, FULFILLED)
    assert await shop.spent(member) == [-100]
    with pytest.raises(InvalidRequestError) as refused:
        await shop.redeem(mug, await shop.member(100), "once")
    assert (refused.value.reason, refused.value.metadata["fields"]) == ("REQUEST_ID_REUSED", "account")


async def test_the_same_request_many_times_at_once_is_one_redemption(shop: Shop) -> None:
    card, member = await shop.reward("card", codes=["CODE-1", "CODE-2"]), await shop.member(1000)
    answers = await asyncio.gather(*[shop.redeem(card, member, "at-once") for _ in range(8)])
    assert len({(answer.name, answer.code) for answer in answers}) == 1
    assert await shop.spent(member) == [-100]
    assert await shop.left(card) == 1


async def test_two_callers_may_use_the_same_id(shop: Shop, world: World) -> None:
    mug, member = await shop.reward(stock=5), await shop.member(1000)
    till = world.client(world.catalog, world.identity.token(subject="till"))
    mine = await shop.redeem(mug, member, "1")
    theirs = await till.rewards.Redeem(pb.RedeemRequest(reward=mug, account=member, request_id="1"))
    assert mine.name != theirs.redemption.name


async def test_only_an_active_reward_is_redeemed_and_the_request_may_pass_once_it_is(shop: Shop) -> None:
    mug, member = await shop.reward(stock=1, activate=False), await shop.member(100)
    with pytest.raises(RefusedError) as refused:
        await shop.redeem(mug, member, "early")
    assert refused.value.reason == "REWARD_NOT_ACTIVE"
    await shop.catalog.rewards.ActivateReward(pb.ActivateRewardRequest(name=mug, request_id="go"))
    assert (await shop.redeem(mug, member, "early")).state == ISSUED


async def test_an_account_that_does_not_exist_or_counts_another_unit_pays_for_nothing(shop: Shop, world: World) -> None:
    mug = await shop.reward(stock=1)
    with pytest.raises(NotFoundError):
        await shop.redeem(mug, f"{shop.program}/accounts/nobody")
    with pytest.raises(NotFoundError):
        await shop.redeem(f"{shop.program}/rewards/absent", await shop.member(100))
    await shop.make_unit("stamps")
    elsewhere = await world.shop()
    for account in (await shop.member(100, unit="stamps"), await elsewhere.member(100)):
        with pytest.raises(InvalidRequestError) as refused:
            await shop.redeem(mug, account)
        assert [violation.field for violation in refused.value.violations] == ["account"]
    assert await shop.left(mug) == 1
    assert await shop.redemptions() == []


async def test_goods_are_called_off_until_they_are_handed_over(shop: Shop) -> None:
    mug, member = await shop.reward(stock=2), await shop.member(200)
    kept, returned = await shop.redeem(mug, member), await shop.redeem(mug, member)
    await shop.fulfil(kept.name)
    with pytest.raises(RefusedError) as refused:
        await shop.cancel(kept.name)
    assert refused.value.reason == "ALREADY_FULFILLED"
    cancelled = await shop.cancel(returned.name, "changed-my-mind")
    assert cancelled.state == REFUNDED
    assert cancelled.refund_transaction
    assert (await shop.cancel(returned.name, "changed-my-mind")) == cancelled
    with pytest.raises(RefusedError) as refused:
        await shop.cancel(returned.name)
    assert refused.value.reason == "ALREADY_CANCELLED"
    with pytest.raises(RefusedError) as refused:
        await shop.fulfil(returned.name)
    assert refused.value.reason == "REDEMPTION_NOT_ISSUED"
    assert (await shop.balance(member)).available == 100
    assert await shop.spent(member) == [100, -100, -100]
    assert await shop.left(mug) == 1


async def test_a_refund_to_an_account_that_was_closed_rests_with_the_ledgers_reason_and_its_points_stay_spent(
    shop: Shop,
) -> None:
    mug, member = await shop.reward(stock=1), await shop.member(100)
    redemption = await shop.redeem(mug, member, "bought")
    await shop.close_account(member)
    cancelled = await shop.cancel(redemption.name, "changed-my-mind")
    assert cancelled.state == res.REDEMPTION_STATE_REFUND_REFUSED
    assert (cancelled.failure.reason, dict(cancelled.failure.metadata)) == (
        "PAYMENT_REFUSED",
        {"ledger_reason": "ACCOUNT_CLOSED"},
    )
    assert (cancelled.transaction, cancelled.refund_transaction) == (redemption.transaction, "")
    assert await shop.cancel(redemption.name, "changed-my-mind") == cancelled
    assert await shop.redeem(mug, member, "bought") == cancelled  # it was bought, whatever became of it since
    assert list(await shop.redemptions()) == [cancelled]
    with pytest.raises(RefusedError) as refused:
        await shop.cancel(redemption.name)
    assert refused.value.reason == "ALREADY_CANCELLED"
    assert (await shop.balance(f"{shop.program}/accounts/redemption.points")).posted == 100
    assert await shop.left(mug) == 1
    assert await shop.verified() == []


async def test_called_off_many_times_at_once_the_points_come_back_once(shop: Shop) -> None:
    mug, member = await shop.reward(stock=1), await shop.member(100)
    redemption = await shop.redeem(mug, member)
    answers = await asyncio.gather(
        *[shop.cancel(redemption.name, f"c-{number % 2}") for number in range(6)], return_exceptions=True
    )
    states = {answer.state for answer in answers if isinstance(answer, res.Redemption)}
    reasons = {answer.reason for answer in answers if isinstance(answer, GuerdonError)}
    assert (states, reasons) == ({REFUNDED}, {"ALREADY_CANCELLED"})
    assert (await shop.balance(member)).available == 100
    assert await shop.left(mug) == 1


async def test_a_code_that_was_issued_cannot_be_called_off(shop: Shop) -> None:
    card, member = await shop.reward("card", codes=["CODE-1"]), await shop.member(100)
    redemption = await shop.redeem(card, member)
    with pytest.raises(RefusedError) as refused:
        await shop.cancel(redemption.name)
    assert refused.value.reason == "ALREADY_FULFILLED"
    assert (await shop.balance(member)).available == 0


async def test_redemptions_are_listed_newest_first_by_account_and_page_by_page(shop: Shop) -> None:
    mug, one, other = await shop.reward(price=1, stock=9), await shop.member(9), await shop.member(9)
    made = [await shop.redeem(mug, account) for account in (one, other, one, one)]
    assert [redemption.name for redemption in await shop.redemptions()] == [item.name for item in reversed(made)]
    assert [redemption.name for redemption in await shop.redemptions(other)] == [made[1].name]
    seen: list[str] = []
    token = ""
    while True:
        request = pb.ListRedemptionsRequest(parent=shop.program, account=one, page_size=2, page_token=token)
        page = await shop.catalog.rewards.ListRedemptions(request)
        seen += [redemption.name for redemption in page.redemptions]
        token = page.next_page_token
        if not token:
            break
    assert seen == [made[3].name, made[2].name, made[0].name]


@pytest.mark.parametrize("token", ["", "x", "WyJ4IiwxLCIiXQ=="])
async def test_a_malformed_page_token_is_a_field_violation(shop: Shop, token: str) -> None:
    request = pb.ListRedemptionsRequest(parent=shop.program, page_token=token)
    if not token:
        assert not (await shop.catalog.rewards.ListRedemptions(request)).redemptions
        return
    with pytest.raises(InvalidRequestError) as refused:
        await shop.catalog.rewards.ListRedemptions(request)
    assert [violation.field for violation in refused.value.violations] == ["page_token"]


async def test_a_request_without_its_id_is_refused(shop: Shop) -> None:
    mug, member = await shop.reward(stock=1), await shop.member(100)
    with pytest.raises(InvalidRequestError) as refused:
        await shop.catalog.rewards.Redeem(pb.RedeemRequest(reward=mug, account=member))
    assert [violation.field for violation in refused.value.violations] == ["request_id"]
    assert (await shop.redeem(mug, member, new_request_id())).state == ISSUED
