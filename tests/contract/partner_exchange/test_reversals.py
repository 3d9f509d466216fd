"""Exchanges go back, wholly or in part, and with them what the brands owe and the room under the limits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import asyncpg
import pytest

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, RefusedError, new_request_id
from guerdon.exchange.v1 import limits_pb2, rates_pb2
from guerdon.exchange.v1 import reversals_pb2 as pb
from tests.contract.partner_exchange.test_promotions import promotion
from tests.contract.partner_exchange.treasury import Treasurer, nets
from tests.contract.partner_exchange.world import Brand, Coalition, World, rational

COMMITTED, ABORTED = pb.REVERSAL_STATE_COMMITTED, pb.REVERSAL_STATE_ABORTED


async def expiries(brand: Brand, account: str) -> list[tuple[datetime, int]]:
    balance = await brand.balance(account)
    return [(bucket.expire_time.ToDatetime(tzinfo=UTC), bucket.amount) for bucket in balance.expiries]


async def reversals_of(brand: Brand, name: str) -> list[pb.Reversal]:
    return list((await brand.own.reversals.ListReversals(pb.ListReversalsRequest(parent=name))).reversals)


async def test_the_whole_of_an_exchange_goes_back_to_where_it_was_with_room_and_debts(
    coalition: Coalition, world: World
) -> None:
    one, other = await coalition.brand("1/3"), await coalition.brand("2/7")
    await coalition.publish(one.to(other, "1/2"), other.to(one, "2"))
    await coalition.limit(one, member=limits_pb2.Caps(daily_points=100, monthly_exchanges=1), net_debit_cap=15)
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    source, destination = await one.member(60, expire=soon), await other.member()
    await one.earn(source, 60)
    sent = await one.execute(await one.quote(source, other, destination, send=100))
    assert await coalition.net_debit(one) == Fraction(100, 7) == -await coalition.net_debit(other)
    reversal = await coalition.reverse(sent, request_id="once")
    assert (reversal.returned_amount, reversal.taken_back_amount, reversal.state) == (100, 50, COMMITTED)
    assert (reversal.owed.minor_units, reversal.owed.fraction) == (14, rational("2/7"))
    assert (await one.posted(source), await other.posted(destination)) == (120, 0)
    assert await expiries(one, source) == [(soon, 60)]
    assert await coalition.net_debit(one) == 0 == await coalition.net_debit(other)
    assert (await one.exchange(sent.name)).returned_amount == 100
    assert await coalition.reverse(sent, request_id="once") == reversal
    with pytest.raises(RefusedError) as refused:
        await coalition.reverse(sent)
    assert (refused.value.reason, refused.value.metadata["remaining"]) == ("OVER_REVERSAL", "0")
    await one.execute(await one.quote(source, other, destination, send=100))
    await world.verify()


async def test_parts_go_back_in_the_exchanges_own_rate_and_never_more_than_all(
    coalition: Coalition, world: World
) -> None:
    one, other = await coalition.brand(), await coalition.brand(lifetime_days=20)
    await coalition.publish(one.to(other, "1/3"), other.to(one, "3"))
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=400)
    source, destination = await one.member(60, expire=soon), await other.member()
    await one.earn(source, 40)
    sent = await one.execute(await one.quote(source, other, destination, send=99))
    assert sent.received_amount == 33
    await coalition.publish(one.to(other, "1/9"), other.to(one, "3"))
    parts = [await coalition.reverse(sent, amount) for amount in (1, 2, 47)]
    assert [(part.returned_amount, part.taken_back_amount) for part in parts] == [(1, 1), (2, 0), (47, 16)]
    assert (await one.posted(source), await other.posted(destination)) == (51, 16)
    assert await expiries(one, source) == [(soon, 11)]  # what never expires was taken last
    assert await coalition.net_debit(one) == 16
    for amount in (50, -1):
        with pytest.raises((RefusedError, InvalidRequestError)):
            await coalition.reverse(sent, amount)
    rest = await coalition.reverse(sent)
    assert (rest.returned_amount, rest.taken_back_amount) == (49, 16)
    assert (await one.posted(source), await other.posted(destination)) == (100, 0)
    assert await expiries(one, source) == [(soon, 60)]
    assert await coalition.net_debit(one) == 0
    assert [r.name.rpartition("/")[2] for r in await reversals_of(other, sent.name.replace(one.name, other.name))] == [
        r.name.rpartition("/")[2] for r in (*parts, rest)
    ]
    await world.verify()


async def test_what_the_receiver_has_spent_is_not_taken_back_and_nothing_moves(coalition: Coalition) -> None:
    one, other = await coalition.pair("1", "1")
    third = await coalition.brand()
    await coalition.publish(one.to(other, "1"), other.to(one, "1"), other.to(third, "1"))
    await coalition.limit(one, net_debit_cap=100)
    source, destination = await one.member(100), await other.member()
    sent = await one.execute(await one.quote(source, other, destination, send=100))
    await other.execute(await other.quote(destination, third, await third.member(), send=60))
    for amount in (0, 50):
        for _ in range(2):
            with pytest.raises(RefusedError) as refused:
                await coalition.reverse(sent, amount, request_id=f"of-{amount}")
            metadata = refused.value.metadata
            assert (refused.value.reason, metadata["ledger_reason"]) == ("REVERSAL_ABORTED", "INSUFFICIENT_POINTS")
            assert metadata["available"] == "40"
    assert [r.state for r in await reversals_of(one, sent.name)] == [ABORTED, ABORTED]
    assert (await one.posted(source), await other.posted(destination)) == (0, 40)
    assert await coalition.net_debit(one) == 100
    assert (await coalition.reverse(sent, 40)).taken_back_amount == 40
    assert await coalition.net_debit(one) == 60


async def test_of_many_reversals_at_once_no_more_goes_back_than_was_exchanged(
    coalition: Coalition, world: World
) -> None:
    one, other = await coalition.pair("1/2", "2")
    source, destination = await one.member(100), await other.member()
    sent = await one.execute(await one.quote(source, other, destination, send=100))
    answers = await asyncio.gather(
        *[coalition.reverse(sent, 30) for _ in range(6)], coalition.reverse(sent), return_exceptions=True
    )
    done = [answer for answer in answers if isinstance(answer, pb.Reversal)]
    reasons = {answer.reason for answer in answers if isinstance(answer, GuerdonError)}
    assert reasons <= {"OVER_REVERSAL", "REVERSAL_IN_PROGRESS"}
    assert sum(reversal.returned_amount for reversal in done) == await one.posted(source) <= 100
    rest = 100 - await one.posted(source)
    if rest:
        await coalition.reverse(sent)
    assert (await one.posted(source), await other.posted(destination)) == (100, 0)
    await world.verify()


async def test_reversals_are_the_operators_and_read_by_the_two_partners(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    third = await coalition.brand()
    sent = await one.execute(await one.quote(await one.member(10), other, await other.member(), send=10))
    request = pb.ReverseExchangeRequest(name=sent.name, reason="Mine", request_id=new_request_id())
    with pytest.raises(GuerdonError) as refused:
        await one.own.reversals.ReverseExchange(request)
    assert refused.value.reason == "SCOPE_REQUIRED"
    request.name = sent.name.replace(one.name, other.name)
    with pytest.raises(NotFoundError):
        await coalition.operator.reversals.ReverseExchange(request)
    assert await reversals_of(one, sent.name) == []
    with pytest.raises(NotFoundError):
        await reversals_of(third, sent.name.replace(one.name, third.name))


async def test_a_reversal_is_settled_in_the_window_that_is_open_then_and_cap_and_cover_follow_settlements(
    coalition: Coalition,
) -> None:
    one, other = await coalition.brand("1/2"), await coalition.brand("1/2")
    await coalition.publish(one.to(other, "1"), other.to(one, "1"))
    treasurer = Treasurer(coalition)
    sent = await one.execute(await one.quote(await one.member(101), other, await other.member(), send=101))
    assert await coalition.net_debit(one) == Fraction(101, 2) == -await coalition.net_debit(other)
    await treasurer.close(1)
    await treasurer.deposit(one, 100)
    settled = await treasurer.settle(1)
    assert nets(settled) == {one.name: -50, other.name: 50}  # 50.5: rounded to the even one
    assert await coalition.net_debit(one) == 0 == await coalition.net_debit(other)
    await coalition.reverse(sent, 1)
    await coalition.reverse(sent)
    assert await coalition.net_debit(other) == Fraction(101, 2) == -await coalition.net_debit(one)
    await treasurer.close(2)
    assert nets(await treasurer.settle(2)) == {one.name: 50, other.name: -50}
    assert await coalition.net_debit(one) == 0 == await coalition.net_debit(other)
    assert (await treasurer.funds(one), await treasurer.funds(other), await treasurer.hub()) == (100, 0, 0)


async def test_who_funds_a_promotion_is_held_to_its_cap_and_gets_back_what_is_taken_back(coalition: Coalition) -> None:
    """1,000 points of which a third brand pays 200, with a fee of 7 pence that stays the operator's."""
    one, other, funder = await coalition.brand(), await coalition.brand(), await coalition.brand()
    on = promotion(rate=rational(1), funder=funder.name)
    await coalition.publish(one.to(other, "4/5", cash_fee=rates_pb2.Fee(fixed=7), promotions=[on]))
    await coalition.limit(funder, net_debit_cap=200)
    source, destination = await one.member(2_000), await other.member()
    sent = await one.execute(await one.quote(source, other, destination, send=1_000))
    assert sent.promotion_amount == 200
    brands = (one, other, funder)
    assert [await coalition.net_debit(brand) for brand in brands] == [1_000 + 7 - 200, -1_000, 200]
    with pytest.raises(RefusedError) as refused:
        await one.quote(source, other, destination, send=10)
    assert (refused.value.reason, refused.value.metadata["partner"]) == ("NET_DEBIT_CAP", funder.name)
    await coalition.reverse(sent, 500)
    assert [await coalition.net_debit(brand) for brand in brands] == [500 + 7 - 100, -500, 100]
    await coalition.reverse(sent)
    assert [await coalition.net_debit(brand) for brand in brands] == [7, 0, 0]
    treasurer = Treasurer(coalition)
    await treasurer.close(1)
    await treasurer.deposit(one, 7)
    assert nets(await treasurer.settle(1)) == {one.name: -7, coalition.name: 7} | {other.name: 0, funder.name: 0}
    assert [await coalition.net_debit(brand) for brand in brands] == [0, 0, 0]


MANY = """
insert into reversals (
    reversal, exchange, coalition, payer, payee, price_numerator, price_denominator, returned, taken_back,
    promoted_back, legs, reason, state, refusal_reason, refusal_metadata, actor, create_time, due_time
)
select
    'rv-' || exchange || n, exchange, coalition, receiver, sender, 1, 1, 1, 1, 0, '[]', 'Asked for', ends.state,
    ends.reason, ends.metadata::jsonb, 'someone', now() + n * interval '1 ms', ends.due_time
from
    exchanges, generate_series(1, 1001) as n,
    lateral (
        select 'ABORTED', 'NO', '{}', null::timestamptz where n <= 1000
        union all
        select 'POSTING', null, null, now() + interval '9000 days' where n > 1000
    ) as ends (state, reason, metadata, due_time)
where exchange = $1
"""


async def test_one_reversal_is_under_way_at_a_time_however_many_there_were(coalition: Coalition, world: World) -> None:
    one, other = await coalition.pair("1", "1")
    sent = await one.execute(await one.quote(await one.member(10), other, await other.member(), send=10))
    connection = await asyncpg.connect(world.exchange.database.owner_url)
    try:
        await connection.execute(MANY, sent.name.rpartition("/")[2])
    finally:
        await connection.close()
    with pytest.raises(GuerdonError) as refused:
        await coalition.reverse(sent, 1)
    assert refused.value.reason == "REVERSAL_IN_PROGRESS"
