"""The way of an exchange with a remote partner: what each answer makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from partner_exchange.domain.exchanges import Exchange, Expiry, Leg, Refusal, State
from partner_exchange.domain.lifecycle import PartnerState
from partner_exchange.domain.partners import Partner, Profile
from partner_exchange.domain.steps import (
    RESERVED_OTHERWISE,
    Done,
    Patience,
    Source,
    Unclear,
    after,
    asked,
    given_up,
    is_too_late,
    waits_too_long,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)
NO = Refusal("NO", {}, kept=True)
PATIENCE = Patience(timedelta(minutes=15), timedelta(days=1))
ASKING = (State.RECEIVED, State.RESERVING, State.CREDITING, State.CREDITED, State.CANCELLING)


def brand(partner_id: str, *, remote: bool) -> Partner:
    home = {"program_id": "", "unit_id": "", "target": "sandbox"} if remote else {"program_id": "p", "unit_id": "u"}
    profile = Profile(partner_id, "c", "", agreed_price=Fraction(3, 2), received_lifetime_days=30, **home)
    return Partner(profile, PartnerState.LIVE, NOW)


HERE, THERE = brand("here", remote=False), brand("there", remote=True)


def exchange(state: State, **more: object) -> Exchange:
    price = Fraction(3, 2)
    made = Exchange("qt-1", "c", 1, "there", "here", "m-1", "m-2", 100, 50, 0, price, "someone", NOW, state)
    refusal = NO if state is State.CANCELLING else None
    return replace(made, refusal=refusal, legs=(Leg(50, None),), **more)  # type: ignore[arg-type]  # fields of it


@pytest.mark.parametrize(
    ("state", "answer", "next_state"),
    [
        (State.RECEIVED, NO, State.ABORTED),
        (State.RESERVING, Done("r"), State.RESERVED),
        (State.RESERVING, NO, State.ABORTED),
        (State.RESERVING, Unclear("another amount"), State.CANCELLING),
        (State.CREDITING, Done("c"), State.CREDITED),
        (State.CREDITING, NO, State.CANCELLING),
        (State.CREDITED, Done(), State.COMMITTED),
        (State.CANCELLING, Done(), State.ABORTED),
    ],
)
def test_an_answer_takes_an_exchange_one_step_on_or_back(
    state: State, answer: Done | Refusal | Unclear, next_state: State
) -> None:
    moved = after(exchange(state), answer, THERE, HERE, NOW)
    assert (moved.state, moved.needs_operator) == (next_state, False)


@pytest.mark.parametrize("answer", [NO, Unclear("another amount")])
@pytest.mark.parametrize("state", [State.CREDITED, State.CANCELLING])
def test_from_where_there_is_one_way_no_answer_leads_back(state: State, answer: Refusal | Unclear) -> None:
    moved = after(exchange(state), answer, THERE, HERE, NOW)
    assert (moved.state, moved.needs_operator) == (state, True)


def test_a_credit_of_another_amount_is_for_people_to_look_at() -> None:
    moved = after(exchange(State.CREDITING), Unclear("another amount"), THERE, HERE, NOW)
    assert (moved.state, moved.needs_operator) == (State.CREDITING, True)


def test_what_was_reserved_otherwise_is_given_back_and_says_why() -> None:
    moved = after(exchange(State.RESERVING), Unclear("another amount"), THERE, HERE, NOW)
    assert moved.refusal == RESERVED_OTHERWISE


def test_a_remote_reservation_says_when_what_is_received_expires() -> None:
    soon = NOW + timedelta(days=5)
    moved = after(exchange(State.RESERVING), Done("r", Source([Expiry(soon, 60)], complete=True)), THERE, HERE, NOW)
    assert moved.legs == (Leg(30, soon), Leg(20, NOW + timedelta(days=30)))
    assert moved.reservation == "r"


def test_a_remote_senders_reference_is_no_transaction_of_the_ledger() -> None:
    done = after(exchange(State.CREDITED, reservation="theirs"), Done(), THERE, HERE, NOW)
    assert done.commitment is not None
    assert done.commitment.transaction == ""
    ours = replace(exchange(State.CREDITED, reservation="programs/p/transactions/t"), sender="here", receiver="there")
    committed = after(ours, Done(), HERE, THERE, NOW).commitment
    assert committed is not None
    assert committed.transaction == "programs/p/transactions/t"


def test_the_partner_that_is_asked_is_the_remote_one_whose_turn_it_is() -> None:
    as_sender = {state: asked(exchange(state), THERE, HERE) for state in State}
    assert [state for state, partner in as_sender.items() if partner == "there"] == [
        State.RESERVING,
        State.CREDITED,
        State.CANCELLING,
    ]
    as_receiver = {state: asked(exchange(state), HERE, THERE) for state in State}
    assert [state for state, partner in as_receiver.items() if partner == "there"] == [
        State.RECEIVED,
        State.RESERVED,
        State.CREDITING,
    ]
    assert {asked(exchange(state), THERE, THERE) for state in ASKING} == {"there"}


@pytest.mark.parametrize("state", State)
def test_an_exchange_is_given_up_only_before_anything_may_have_been_credited(state: State) -> None:
    late = NOW + PATIENCE.to_reserve
    before = {State.RECEIVED, State.RESERVING, State.RESERVED}
    assert is_too_late(exchange(state), THERE, PATIENCE, late) is (state in before)
    assert not is_too_late(exchange(state), THERE, PATIENCE, late - timedelta(seconds=1))
    assert is_too_late(exchange(state), HERE, PATIENCE, late) is (state in before - {State.RESERVING})


def test_what_was_asked_of_nobody_is_aborted_and_what_may_be_reserved_is_cancelled() -> None:
    states = (State.RECEIVED, State.RESERVING, State.RESERVED)
    assert [given_up(exchange(state), NO).state for state in states] == [
        State.ABORTED,
        State.CANCELLING,
        State.CANCELLING,
    ]


@pytest.mark.parametrize("state", State)
def test_a_partner_that_is_silent_for_too_long_is_put_before_the_operator(state: State) -> None:
    waiting = exchange(state, state_time=NOW)
    late = NOW + PATIENCE.to_answer
    people = {State.CREDITING, State.CREDITED, State.CANCELLING}
    assert waits_too_long(waiting, PATIENCE, late) is (state in people)
    assert not waits_too_long(waiting, PATIENCE, late - timedelta(seconds=1))
