"""Exchanges: when received points expire, and when a refusal is the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from partner_exchange.domain.exchanges import (
    LEGS_MAX,
    UNKNOWN_LASTS,
    Exchange,
    Expiry,
    Leg,
    Refusal,
    is_final_refusal,
    received_legs,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


def test_received_points_expire_with_the_points_they_came_from() -> None:
    source = [Expiry(day(10), 300), Expiry(day(20), 100)]
    legs = received_legs(1000, 500, source, complete=True, policy_expiry=None)
    assert legs == (Leg(150, day(10)), Leg(50, day(20)), Leg(300, None))


def test_received_points_expire_by_the_receivers_policy_where_that_is_sooner() -> None:
    source = [Expiry(day(10), 300), Expiry(day(20), 100)]
    legs = received_legs(1000, 500, source, complete=True, policy_expiry=day(15))
    assert legs == (Leg(150, day(10)), Leg(350, day(15)))


def test_what_lies_beyond_a_cut_list_of_expiries_expires_with_its_last() -> None:
    legs = received_legs(1000, 500, [Expiry(day(10), 300)], complete=False, policy_expiry=None)
    assert legs == (Leg(500, day(10)),)


@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.lists(st.integers(1, 100), max_size=80),
    st.none() | st.integers(1, 100),
)
def test_no_point_is_lost_and_none_gets_younger(
    debited: int, received: int, buckets: list[int], policy_days: int | None
) -> None:
    source = [Expiry(day(n + 1), points) for n, points in enumerate(buckets)]
    policy_expiry = None if policy_days is None else day(policy_days)
    legs = received_legs(debited, received, source, complete=True, policy_expiry=policy_expiry)
    assert sum(leg.points for leg in legs) == received
    assert all(leg.points > 0 for leg in legs)
    assert len(legs) <= LEGS_MAX
    for moment in range(1, 101):
        expired_at_source = min(debited, sum(bucket.points for bucket in source if bucket.expire_time <= day(moment)))
        expired = sum(leg.points for leg in legs if leg.expire_time is not None and leg.expire_time <= day(moment))
        assert expired * debited >= received * expired_at_source
        if policy_expiry is not None and policy_expiry <= day(moment):
            assert expired == received


def test_a_refusal_that_the_ledger_keeps_is_final_at_once() -> None:
    refusal = Refusal("INSUFFICIENT_POINTS", {})
    assert is_final_refusal(refusal, asked_before=NOW, now=NOW)


def test_another_refusal_is_final_only_when_no_earlier_attempt_can_still_post() -> None:
    refusal = Refusal("NOT_FOUND", {})
    assert is_final_refusal(refusal, asked_before=None, now=NOW)
    assert not is_final_refusal(refusal, asked_before=NOW, now=NOW + timedelta(seconds=119))
    assert is_final_refusal(refusal, asked_before=NOW, now=NOW + UNKNOWN_LASTS)


def test_that_the_ledger_knows_the_request_in_other_words_is_never_a_refusal() -> None:
    answer = Refusal("REQUEST_ID_REUSED", {})
    assert not is_final_refusal(answer, asked_before=None, now=NOW)
    assert not is_final_refusal(answer, asked_before=NOW, now=NOW + 100 * UNKNOWN_LASTS)


def test_the_sender_owes_received_points_at_the_receivers_price_exactly() -> None:
    exchange = Exchange(
        exchange_id="x1",
        coalition_id="north",
        book_version=1,
        sender="aurora",
        receiver="borealis",
        source_account_id="m-1",
        destination_account_id="m-2",
        debited=60_000,
        received=25_001,
        bonus=5_000,
        actor="aurora",
        create_time=NOW,
        agreed_price=Fraction(7, 10),
    )
    assert exchange.owed == Fraction(175_007, 10)
