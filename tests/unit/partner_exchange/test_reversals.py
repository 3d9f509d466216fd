"""Reversals: what goes back on each side, until when, and in which expiries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_exchange.domain.errors import ExchangeNotCommitted, OverReversal, ReversalTooLate
from partner_exchange.domain.exchanges import Commitment, Exchange, Leg, Refusal, State
from partner_exchange.domain.reversals import (
    GRACE,
    REVERSIBLE_FOR,
    check_reversible,
    ends_reversal,
    part_to_reverse,
    returned_legs,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def exchange(debited: int, received: int) -> Exchange:
    return Exchange(
        exchange_id="x1",
        coalition_id="north",
        book_version=1,
        sender="aurora",
        receiver="borealis",
        source_account_id="m-1",
        destination_account_id="m-2",
        debited=debited,
        received=received,
        bonus=0,
        agreed_price=Fraction(1),
        actor="partners/aurora|mobile",
        create_time=NOW,
        state=State.COMMITTED,
        commitment=Commitment("programs/aurora/transactions/1", NOW),
    )


@given(
    st.integers(1, 2**53),
    st.integers(1, 2**53),
    st.lists(st.integers(1, 2**53), max_size=6),
)
def test_parts_take_back_in_proportion_rounded_up_and_the_last_one_all_that_is_left(
    debited: int, received: int, parts: list[int]
) -> None:
    one = exchange(debited, received)
    returned = taken_back = 0
    for part in [*parts, 0]:
        if part > debited - returned:
            with pytest.raises(OverReversal):
                part_to_reverse(one, returned, part)
            continue
        amounts = part_to_reverse(one, returned, part) if returned < debited else None
        if amounts is None:
            break
        returned += amounts.returned
        taken_back += amounts.taken_back
        kept = received - taken_back
        # What the receiver keeps is what the rest would have brought, rounded down as every exchange is.
        assert kept == (debited - returned) * received // debited
    assert (returned, taken_back) == (debited, received)
    with pytest.raises(OverReversal) as refused:
        part_to_reverse(one, debited, 0)
    assert refused.value.metadata["remaining"] == "0"


@pytest.mark.parametrize(
    ("debited", "received", "parts", "taken"),
    [
        (60_000, 25_000, [30_000, 30_000], [12_500, 12_500]),
        (3_000, 15, [1, 199, 200], [1, 0, 1]),
        (2, 5, [1, 1], [3, 2]),
    ],
)
def test_what_parts_take_back(debited: int, received: int, parts: list[int], taken: list[int]) -> None:
    one, returned = exchange(debited, received), 0
    for part, expected in zip(parts, taken, strict=True):
        assert part_to_reverse(one, returned, part).taken_back == expected
        returned += part


def test_what_was_taken_last_comes_back_first_and_what_has_expired_gets_a_grace() -> None:
    over, soon = NOW - timedelta(days=1), NOW + timedelta(days=3)
    sources = [Leg(10, over), Leg(20, soon), Leg(30, None)]
    assert returned_legs(sources, 0, 25, NOW) == (Leg(25, None),)
    assert returned_legs(sources, 25, 30, NOW) == (Leg(20, soon), Leg(5, NOW + GRACE), Leg(5, None))
    assert returned_legs(sources, 55, 5, NOW) == (Leg(5, NOW + GRACE),)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(-5, 5)), min_size=1, max_size=6), st.data())
def test_parts_that_go_back_one_after_the_other_bring_back_each_expiry(
    bought: list[tuple[int, int]], data: st.DataObject
) -> None:
    sources = [Leg(points, NOW + timedelta(days=40 + days)) for points, days in bought]
    total, before = sum(leg.points for leg in sources), 0
    back: dict[datetime | None, int] = {}
    while before < total:
        part = data.draw(st.integers(1, total - before))
        for leg in returned_legs(sources, before, part, NOW):
            back[leg.expire_time] = back.get(leg.expire_time, 0) + leg.points
        before += part
    taken: dict[datetime | None, int] = {}
    for leg in sources:
        taken[leg.expire_time] = taken.get(leg.expire_time, 0) + leg.points
    assert back == taken


def test_only_what_is_committed_goes_back_and_only_for_so_long_unless_it_is_disputed() -> None:
    one = exchange(10, 10)
    check_reversible(one, NOW + REVERSIBLE_FOR, disputed=False)
    late = NOW + REVERSIBLE_FOR + timedelta(seconds=1)
    with pytest.raises(ReversalTooLate):
        check_reversible(one, late, disputed=False)
    check_reversible(one, late, disputed=True)
    for state in set(State) - {State.COMMITTED}:
        with pytest.raises(ExchangeNotCommitted):
            check_reversible(replace(one, state=state, commitment=None), NOW, disputed=True)


@pytest.mark.parametrize(
    ("reason", "asked_before", "ends"),
    [
        ("INSUFFICIENT_POINTS", timedelta(seconds=1), True),
        ("ACCOUNT_FROZEN", None, True),
        ("ACCOUNT_FROZEN", timedelta(minutes=2), True),
        ("ACCOUNT_FROZEN", timedelta(minutes=1), False),
        ("REQUEST_ID_REUSED", None, False),
    ],
)
def test_a_refusal_ends_a_reversal_once_no_earlier_attempt_can_still_post(
    reason: str, asked_before: timedelta | None, ends: bool
) -> None:
    before = None if asked_before is None else NOW - asked_before
    assert ends_reversal(Refusal(reason, {}), asked_before=before, now=NOW) is ends
