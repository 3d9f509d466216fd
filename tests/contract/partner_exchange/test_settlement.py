"""Settlement: what brands owe each other for a window is paid once, by all or by none, and the hub keeps nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from guerdon import NotFoundError, RefusedError
from guerdon.exchange.v1 import rates_pb2 as rates_pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon.exchange.v1 import settlement_pb2 as pb
from guerdon_kit.testing import wait_until
from tests.contract.partner_exchange.treasury import Treasurer, nets, sent
from tests.contract.partner_exchange.world import Brand, Coalition, World, rational

CLOSED, PENDING = pb.SETTLEMENT_WINDOW_STATE_CLOSED, pb.SETTLEMENT_WINDOW_STATE_PENDING_SETTLEMENT
SETTLED, ABORTED = pb.SETTLEMENT_WINDOW_STATE_SETTLED, pb.SETTLEMENT_WINDOW_STATE_ABORTED
OPEN = pb.SETTLEMENT_WINDOW_STATE_OPEN


@pytest.fixture
def treasurer(coalition: Coalition) -> Treasurer:
    return Treasurer(coalition)


async def three(coalition: Coalition) -> tuple[Brand, Brand, Brand]:
    """Three brands whose points are worth a minor unit each, one for one."""
    brands = await coalition.brand(), await coalition.brand(), await coalition.brand()
    await coalition.publish(*(one.to(other, "1") for one in brands for other in brands if one is not other))
    return brands


async def test_netting_in_one_currency(coalition: Coalition, treasurer: Treasurer) -> None:
    """The project's oracle of multilateral netting: what three brands owe each other in five sums comes to
    UK -632,517, SA -208,483 and FR +841,000.
    """
    uk, sa, fr = await three(coalition)
    for sender, receiver, points in (
        (uk, sa, 195_886),
        (uk, fr, 545_455),
        (fr, sa, 130_591),
        (sa, uk, 108_824),
        (sa, fr, 426_136),
    ):
        await sent(sender, receiver, points)
    assert (await treasurer.close(1)).state == CLOSED
    await treasurer.deposit(uk, 700_000)
    await treasurer.deposit(sa, 208_483)
    settled = await treasurer.settle(1, "settle")
    assert settled.state == SETTLED
    assert nets(settled) == {uk.name: -632_517, sa.name: -208_483, fr.name: 841_000}
    assert {one.state for one in settled.participants} == {pb.PARTICIPANT_STATE_SETTLED}
    assert [await treasurer.funds(brand) for brand in (uk, sa, fr)] == [67_483, 0, 841_000]
    assert await treasurer.hub() == 0
    # Settling twice: the same request is answered alike, and another one is refused.
    assert await treasurer.settle(1, "settle") == settled
    with pytest.raises(RefusedError) as twice:
        await treasurer.settle(1)
    assert (twice.value.reason, twice.value.metadata["state"]) == ("WINDOW_STATE_CONFLICT", "SETTLED")
    assert await treasurer.withdraw(fr, 841_000) == 0
    with pytest.raises(RefusedError) as poor:
        await treasurer.withdraw(fr, 1)
    assert (poor.value.reason, poor.value.metadata["missing"]) == ("INSUFFICIENT_FUNDS", "1")


async def test_nobody_is_paid_before_all_who_owe_have_paid_and_then_it_goes_on_by_itself(
    coalition: Coalition, treasurer: Treasurer
) -> None:
    uk, sa, fr = await three(coalition)
    exchange = await sent(uk, fr, 100)
    await sent(sa, fr, 50)
    await treasurer.close(1)
    await treasurer.deposit(uk, 100)
    waiting = await treasurer.settle(1)
    assert waiting.state == PENDING
    assert {one.party: (one.state, one.missing_amount) for one in waiting.participants} == {
        uk.name: (pb.PARTICIPANT_STATE_RESERVED, 0),
        sa.name: (pb.PARTICIPANT_STATE_RECORDED, 50),
        fr.name: (pb.PARTICIPANT_STATE_RECORDED, 0),
    }
    assert (await treasurer.funds(uk), await treasurer.hub()) == (0, 100)
    # Another window waits its turn: the hub's account is zero in between.
    await treasurer.close(2)
    with pytest.raises(RefusedError) as other:
        await treasurer.settle(2)
    assert (other.value.reason, other.value.metadata["window"]) == ("SETTLEMENT_UNDER_WAY", treasurer.window(1))
    assert (await uk.exchange(exchange.name)).state == res.EXCHANGE_STATE_COMMITTED
    await treasurer.deposit(sa, 50)

    async def settled() -> bool:
        return (await treasurer.read(1)).state == SETTLED

    await wait_until(settled)
    assert (await treasurer.funds(fr), await treasurer.hub()) == (150, 0)
    assert (await uk.exchange(exchange.name)).state == res.EXCHANGE_STATE_SETTLED


async def test_an_aborted_settlement_gives_back_what_was_set_aside_and_is_settled_again(
    coalition: Coalition, treasurer: Treasurer
) -> None:
    uk, sa, fr = await three(coalition)
    await sent(uk, fr, 100)
    await sent(sa, fr, 50)
    await treasurer.close(1)
    with pytest.raises(RefusedError) as early:
        await treasurer.abort(1)
    assert early.value.reason == "WINDOW_STATE_CONFLICT"
    await treasurer.deposit(uk, 100)
    await treasurer.settle(1)
    aborted = await treasurer.abort(1, "abort")
    assert aborted.state == ABORTED
    assert {one.state for one in aborted.participants} == {pb.PARTICIPANT_STATE_ABORTED}
    assert (await treasurer.funds(uk), await treasurer.hub()) == (100, 0)
    await treasurer.deposit(sa, 60)
    settled = await treasurer.settle(1)
    assert (settled.state, settled.attempt) == (SETTLED, 2)
    assert [await treasurer.funds(brand) for brand in (uk, sa, fr)] == [0, 10, 150]
    with pytest.raises(RefusedError) as late:
        await treasurer.abort(1)
    assert late.value.reason == "WINDOW_STATE_CONFLICT"


async def test_an_empty_window_is_closed_and_settled(treasurer: Treasurer) -> None:
    assert (await treasurer.close(1, "close")).state == CLOSED
    assert (await treasurer.close(1, "close")).state == CLOSED
    with pytest.raises(RefusedError) as twice:
        await treasurer.close(1)
    assert twice.value.reason == "WINDOW_STATE_CONFLICT"
    settled = await treasurer.settle(1)
    assert (settled.state, list(settled.participants)) == (SETTLED, [])
    assert [window.state for window in await treasurer.windows()] == [OPEN, SETTLED]
    with pytest.raises(RefusedError) as still_open:
        await treasurer.settle(2)
    assert (still_open.value.reason, still_open.value.metadata["state"]) == ("WINDOW_STATE_CONFLICT", "OPEN")
    with pytest.raises(NotFoundError):
        await treasurer.close(3)


async def test_what_two_brands_owe_each_other_is_rounded_once_for_the_window(
    coalition: Coalition, treasurer: Treasurer
) -> None:
    """Three exchanges of one point at a third of a penny come to a penny, not to nothing three times."""
    one, other = await coalition.brand(), await coalition.brand("1/3")
    await coalition.publish(one.to(other, "1"), other.to(one, "1"))
    for _ in range(3):
        await sent(one, other, 1)
    await treasurer.close(1)
    await treasurer.deposit(one, 1)
    assert nets(await treasurer.settle(1)) == {one.name: -1, other.name: 1}


async def test_fees_are_the_hubs_and_who_funds_a_promotion_pays_the_sender_for_it(
    coalition: Coalition, treasurer: Treasurer
) -> None:
    """1,000 points at a penny, of which 200 by a promotion that the hub funds, with a fee of 7 pence; and as many the
    other way, whose promotion a third brand funds.
    """
    now = datetime.now(UTC)
    uk, sa, fr = await coalition.brand(), await coalition.brand(), await coalition.brand()
    promoted = rates_pb.Promotion(promotion_id="spring", rate=rational("10/10"))
    promoted.start_time.FromDatetime(now - timedelta(minutes=1))
    promoted.end_time.FromDatetime(now + timedelta(hours=1))
    by_third = rates_pb.Promotion(funder=sa.name)
    by_third.MergeFrom(promoted)
    await coalition.publish(
        uk.to(fr, "8/10", cash_fee=rates_pb.Fee(fixed=7), promotions=[promoted]),
        fr.to(uk, "8/10", promotions=[by_third]),
    )
    await sent(uk, fr, 1_000)
    await sent(fr, uk, 500)
    await treasurer.close(1)
    operator = coalition.name
    await treasurer.deposit(operator, 200)
    for brand in (uk, sa, fr):
        await treasurer.deposit(brand, 1_000)
    settled = await treasurer.settle(1)
    assert settled.state == SETTLED
    assert nets(settled) == {
        operator: 7 - 200,
        uk.name: -1_000 - 7 + 200 + 500,
        fr.name: 1_000 - 500 + 100,
        sa.name: -100,
    }
    assert (await treasurer.funds(operator), await treasurer.hub()) == (7, 0)
    # What limits count is settled with it.
    assert [await coalition.net_debit(brand) for brand in (uk, sa, fr)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("tampering", "told"),
    [
        ("update settlement_amounts set amount = amount + 1, exact_numerator = exact_numerator + 1", "takes part with"),
        ("update exchanges set received = received + 1 where state = 'COMMITTED'", "was counted as"),
    ],
)
async def test_a_tampered_position_blocks(
    coalition: Coalition, treasurer: Treasurer, world: World, tampering: str, told: str
) -> None:
    uk, _, fr = await three(coalition)
    await sent(uk, fr, 100)
    await treasurer.close(1)
    await treasurer.settle(1)
    name = coalition.name.partition("/")[2]
    owner = await asyncpg.connect(world.exchange.database.owner_url)
    try:
        clause = "and" if " where " in tampering else "where"
        await owner.execute(f"{tampering} {clause} coalition = $1", name)
        await treasurer.deposit(uk, 100)

        async def blocked() -> bool:
            return told in (await treasurer.read(1)).mismatch

        await wait_until(blocked)
        with pytest.raises(RefusedError) as refused:
            await treasurer.settle(1)
        assert refused.value.reason == "SETTLEMENT_MISMATCH"
        assert (await treasurer.read(1)).state == PENDING
        assert await treasurer.funds(fr) == 0
        assert (await treasurer.abort(1)).state == ABORTED
        assert (await treasurer.funds(uk), await treasurer.hub()) == (100, 0)
    finally:
        await owner.close()


async def test_closed_under_load_each_committed_exchange_is_in_exactly_one_window(
    coalition: Coalition, treasurer: Treasurer
) -> None:
    """The fence: what was read right after closing a window is what is read at the end."""
    one, other = await coalition.pair("1", "1")
    accounts = [(await one.member(1_000), await other.member()) for _ in range(8)]
    closed: dict[int, int] = {}

    async def trade(source: str, destination: str) -> None:
        for _ in range(8):
            await one.execute(await one.quote(source, other, destination, send=1))

    async def close() -> None:
        while not trading.done():
            number = len(closed) + 1
            await treasurer.close(number)
            closed[number] = sum(position.exchange_count for position in await treasurer.positions(number))

    trading = asyncio.ensure_future(asyncio.gather(*(trade(*pair) for pair in accounts)))
    await asyncio.gather(trading, close())
    await treasurer.close(len(closed) + 1)
    counted = Counter[int]()
    for number in range(1, len(closed) + 2):
        counted[number] = sum(position.exchange_count for position in await treasurer.positions(number))
    assert sum(counted.values()) == 64
    assert {number: counted[number] for number in closed} == closed
    assert sum(1 for count in counted.values() if count) > 1
