"""Points become a partner's, through the real services: wholly and once, or not at all, whatever is refused or dies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from guerdon import GuerdonError, InvalidRequestError, new_request_id
from guerdon.exchange.v1 import limits_pb2 as exchange_limits
from guerdon.exchange.v1 import resources_pb2 as exchange_res
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from guerdon_kit.clock import MovableClock, set_offset
from tests.contract.partner_exchange.world import World
from tests.integration.partner_transfers.conftest import Pair, Three, pair_of
from tests.integration.rewards_catalog.fallible import arm
from tests.integration.rewards_catalog.test_crashes import all_at_rest

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

FULFILLED, FAILED = res.REDEMPTION_STATE_FULFILLED, res.REDEMPTION_STATE_FAILED
MOMENTS = ("PENDING", "EXCHANGING", "exchange quoted", "quote kept", "points exchanged")


@pytest.fixture
def clock(three: Three) -> Iterator[Path]:
    file = three.fallible.services.clock_file
    before = MovableClock(file).offset()
    yield file
    set_offset(file, before)


def last(name: str) -> str:
    return name.rpartition("/")[2]


async def refused(pair: Pair, reward: str, account: str, request_id: str = "", **more: Any) -> GuerdonError:
    with pytest.raises(GuerdonError) as refusal:
        await pair.shop.redeem(reward, account, request_id, **more)
    return refusal.value


async def test_a_transfer_is_one_exchange_of_what_buys_something(pair: Pair) -> None:
    reward, ada, there = await pair.reward(), await pair.sender.member(200), await pair.receiver.member()
    asked: dict[str, Any] = {"points": 51, "destination_account_id": last(there), "min_received_points": 25}
    answers = await asyncio.gather(*(pair.shop.redeem(reward, ada, "once", **asked) for _ in range(10)))
    done = answers[0]
    assert all(answer.name == done.name for answer in answers)
    assert (done.state, done.price, done.received_points, done.destination_account_id) == (
        FULFILLED,
        50,
        25,
        last(there),
    )
    [exchange] = await pair.sender.exchanges()
    assert (exchange.name, exchange.transaction) == (done.exchange, done.transaction)
    assert (exchange.debited_amount, exchange.received_amount) == (50, 25)
    assert exchange.authorization_reference == last(done.name)
    assert (await pair.receiver.balance(there)).available == 25
    assert await pair.untouched(ada, 150)

    whole = await pair.shop.redeem(reward, ada, destination_account_id=last(there))
    assert (whole.price, whole.received_points) == (100, 50)
    for undo in (pair.shop.cancel, pair.shop.refund):
        with pytest.raises(GuerdonError) as refusal:
            await undo(done.name)
        assert (refusal.value.reason, refusal.value.metadata["exchange"]) == ("TRANSFER_DONE", done.exchange)
    assert await pair.shop.verified() == []


async def test_what_is_refused_leaves_the_points_and_the_piece(pair: Pair) -> None:
    reward = await pair.reward(unlimited=False, stock=1)
    ada, ben, there = await pair.sender.member(100), await pair.sender.member(60), await pair.receiver.member()
    to = {"destination_account_id": last(there)}

    short = await refused(pair, reward, ben, **to)
    assert (short.reason, short.metadata["missing"]) == ("INSUFFICIENT_POINTS", "40")
    less = await refused(pair, reward, ada, min_received_points=51, **to)
    assert (less.reason, less.metadata) == ("TRANSFER_BELOW_MINIMUM", {"received": "50", "required": "51"})
    nobody = await refused(pair, reward, ada, destination_account_id="nobody")
    assert (nobody.reason, nobody.metadata["exchange_reason"]) == ("TRANSFER_REFUSED", "EXCHANGE_ABORTED")
    await pair.coalition.limit(pair.sender, member=exchange_limits.Caps(daily_points=40))
    limited = await refused(pair, reward, ada, "again", **to)
    assert (limited.reason, limited.metadata["exchange_reason"]) == ("TRANSFER_REFUSED", "DAILY_LIMIT")
    assert limited.metadata["limit"] == "40"
    corridor = {"sender": pair.sender.name, "receiver": pair.receiver.name}
    pause = exchange_limits.PauseCorridorRequest(**corridor, reason="A test", request_id=new_request_id())
    await pair.coalition.operator.exchange_limits.PauseCorridor(pause)
    paused = await refused(pair, reward, ada, points=10, **to)
    assert paused.metadata["exchange_reason"] == "CORRIDOR_PAUSED"
    for points in (9, 101):
        with pytest.raises(InvalidRequestError):
            await pair.shop.redeem(reward, ada, points=points, **to)
    with pytest.raises(InvalidRequestError):
        await pair.shop.redeem(reward, ada)

    assert await pair.untouched(ada, 100)
    assert await pair.untouched(ben, 60)
    assert await pair.shop.left(reward) == 1
    assert {one.state for one in await pair.shop.redemptions()} == {FAILED}
    resumed = exchange_limits.ResumeCorridorRequest(**corridor, request_id=new_request_id())
    await pair.coalition.operator.exchange_limits.ResumeCorridor(resumed)
    await pair.coalition.limit(pair.sender)
    assert (await pair.shop.redeem(reward, ada, "again", **to)).state == FULFILLED
    assert (await refused(pair, reward, await pair.sender.member(100), **to)).reason == "OUT_OF_STOCK"
    assert await pair.shop.verified() == []


async def test_accounts_that_are_not_linked_exchange_nothing_where_the_coalition_asks_for_it(
    three: Three, world: World
) -> None:
    pair = await pair_of(three, world, exchange_res.LinkPolicy())
    reward, ada, there = await pair.reward(), await pair.sender.member(100), await pair.receiver.member()
    refusal = await refused(pair, reward, ada, destination_account_id=last(there))
    assert (refusal.reason, refusal.metadata["exchange_reason"]) == ("TRANSFER_REFUSED", "NOT_LINKED")
    assert await pair.untouched(ada, 100)
    assert await pair.sender.exchanges() == []


async def test_a_reward_of_another_brands_points_transfers_nothing(pair: Pair) -> None:
    kind = res.PartnerTransfer(sender=pair.receiver.name, receiver=pair.sender.name)
    reward, ada = await pair.reward(partner_transfer=kind), await pair.sender.member(100)
    refusal = await refused(pair, reward, ada, destination_account_id=last(ada))
    assert (refusal.reason, refusal.metadata["exchange_reason"]) == ("TRANSFER_REFUSED", "INVALID_FIELD")
    assert await pair.untouched(ada, 100)


def transfer_request(reward: str, account: str, there: str) -> pb.RedeemRequest:
    return pb.RedeemRequest(
        reward=reward, account=account, destination_account_id=last(there), request_id=last(account)
    )


async def test_killed_at_each_moment_the_points_are_exchanged_once(three: Three, pair: Pair) -> None:
    three.fallible.catalog.process.restart()
    reward, there = await pair.reward(), await pair.receiver.member()
    for moment in MOMENTS:
        account = await pair.sender.member(200)
        await three.fallible.kill_catalog_at(moment, "Redeem", transfer_request(reward, account, there))
        redemptions = await all_at_rest(pair.shop)  # or the recovery of the one before is struck, and not the next
    assert [redemption.state for redemption in redemptions] == [FULFILLED] * len(MOMENTS)
    for redemption in redemptions:
        assert await pair.untouched(redemption.account, 100)
    assert (await pair.receiver.balance(there)).available == len(MOMENTS) * 50
    assert {one.name for one in await pair.sender.exchanges()} == {one.exchange for one in redemptions}
    assert await pair.shop.verified() == []


async def test_a_quote_that_ended_unused_is_replaced_by_one_more_and_after_its_time_by_none(
    three: Three, pair: Pair, clock: Path
) -> None:
    """Partner exchange dies when the redemption has a quote, before it is executed, and is away until that is over."""
    fallible = three.fallible
    reward, there = await pair.reward(), await pair.receiver.member()
    for waited, state, left in ((timedelta(minutes=2), FULFILLED, 0), (timedelta(minutes=20), FAILED, 100)):
        account = await pair.sender.member(100)
        arm(fallible.armed, (three.exchange.process.pid, "quote kept"))
        unfinished = await fallible.ask_once("Redeem", transfer_request(reward, account, there), timeout_s=1.0)
        assert unfinished is not None
        assert not fallible.armed.exists()
        set_offset(clock, MovableClock(clock).offset() + waited)
        await asyncio.to_thread(three.exchange.process.restart)
        [redemption] = await all_at_rest(pair.shop, account)
        assert redemption.state == state
        assert await pair.untouched(account, left)
    assert redemption.failure.reason == "HOLD_LAPSED"
    assert (await pair.receiver.balance(there)).available == 50
    assert len(await pair.sender.exchanges()) == 1
    assert await pair.shop.verified() == []
