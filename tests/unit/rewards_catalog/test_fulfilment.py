"""What a provider says, and what becomes of a redemption then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from guerdon_kit.errors import InvalidField
from rewards_catalog.domain import errors
from rewards_catalog.domain.fulfilment import (
    PATIENCE,
    Issued,
    Order,
    Outcome,
    Refused,
    Undecided,
    is_said_already,
    order_of,
    told,
)
from rewards_catalog.domain.kinds import Cash, GiftCard
from rewards_catalog.domain.provider_messages import order_body, read_message
from rewards_catalog.domain.redemption import Redemption, State, Step, next_step, rests_until
from rewards_catalog.domain.reward import Fulfilment
from rewards_catalog.domain.sandbox import sandbox
from rewards_catalog.operations.news import news
from tests.unit.rewards_catalog.builders import NOW, a_redemption, a_reward


def captured(**changes: object) -> Redemption:
    """One whose points are spent, and whose provider is to be asked."""
    return a_redemption(**{"state": State.CAPTURED, "fulfilment": Fulfilment.PROVIDER, **changes})


def an_order(points: int, asks: int = 0) -> Order:
    return order_of(captured(price=points, asks=asks), a_reward())


def test_a_provider_is_asked_once_the_points_are_spent_and_again_when_it_did_not_decide() -> None:
    assert next_step(captured(), NOW) is Step.ASK
    unknown = told(captured(), Undecided(), NOW)
    assert (unknown.state, unknown.asks, unknown.ask_time) == (State.FULFILMENT_UNKNOWN, 1, NOW + timedelta(seconds=2))
    assert next_step(unknown, NOW) is None
    assert rests_until(unknown, NOW) == unknown.ask_time
    assert next_step(unknown, NOW + timedelta(seconds=2)) is Step.ASK


def test_it_is_asked_ever_less_often_and_at_least_hourly_and_people_are_told_once() -> None:
    times, now, redemption, told_people = [], NOW, captured(), 0
    while now < NOW + 2 * PATIENCE:
        after = told(redemption, Undecided(), now)
        event = news(redemption, after)
        told_people += event is not None and event.type.endswith(".redemption_fulfilment_overdue")
        assert after.ask_time is not None
        redemption, now = after, after.ask_time
        times.append(now)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(hours=1)
    assert told_people == 1


def test_what_is_issued_is_fulfilled_and_what_is_refused_is_given_back_as_a_whole() -> None:
    for before in (captured(), told(captured(), Undecided(), NOW)):
        assert next_step(told(before, Issued("CODE-1"), NOW), NOW) is None
        refused = told(before, Refused("SOLD_OUT"), NOW)
        assert refused.failure is not None
        assert refused.failure.error().metadata["provider_reason"] == "SOLD_OUT"
        assert next_step(refused, NOW) is Step.REFUND
        assert (refused.refund_due, refused.refund_step) == (100, "refund")
        assert next_step(replace(refused, state=State.REFUNDED), NOW) is None
        assert next_step(replace(refused, state=State.REFUND_REFUSED), NOW) is None


ISSUED_ONE = captured(state=State.FULFILLED, fulfil_time=NOW)
REFUSED_ONE = replace(told(captured(), Refused("no"), NOW), state=State.REFUNDED)


@pytest.mark.parametrize(
    ("redemption", "outcome", "said"),
    [
        (captured(), Issued("CODE-1"), False),
        (told(captured(), Undecided(), NOW), Refused("no"), False),
        (ISSUED_ONE, Issued("CODE-1"), True),
        (replace(ISSUED_ONE, state=State.REFUNDED), Issued("CODE-1"), True),
        (replace(ISSUED_ONE, state=State.REFUND_REFUSED), Issued("CODE-1"), True),
        (ISSUED_ONE, Issued("CODE-2"), errors.FulfilmentDecided),
        (ISSUED_ONE, Refused("no"), errors.FulfilmentDecided),
        (REFUSED_ONE, Refused("other words"), True),
        (REFUSED_ONE, Issued("CODE-1"), errors.FulfilmentDecided),
        (replace(REFUSED_ONE, state=State.FULFILMENT_FAILED), Issued("CODE-1"), errors.FulfilmentDecided),
        (captured(state=State.STOCK_RESERVED), Issued("CODE-1"), errors.FulfilmentNotAsked),
        (captured(state=State.FAILED), Refused("no"), errors.FulfilmentNotAsked),
        (a_redemption(state=State.CAPTURED), Issued("CODE-1"), errors.FulfilmentNotAsked),
    ],
)
def test_what_was_said_first_is_so(
    redemption: Redemption, outcome: Issued | Refused, said: bool | type[Exception]
) -> None:
    if isinstance(said, bool):
        assert is_said_already(redemption, outcome, "CODE-1") is said
    else:
        with pytest.raises(said):
            is_said_already(redemption, outcome, "CODE-1")


@pytest.mark.parametrize(
    ("points", "first", "again"),
    [
        (100, Issued("SANDBOX-rd-1"), Issued("SANDBOX-rd-1")),
        (1, Refused("SANDBOX_REFUSES"), Refused("SANDBOX_REFUSES")),
        (702, Undecided(), Issued("SANDBOX-rd-1")),
        (3, Undecided(), Refused("SANDBOX_REFUSES_LATER")),
        (104, Undecided(), Undecided()),
        (5, Issued(""), Issued("")),
    ],
)
def test_the_last_two_digits_of_the_points_choose_what_the_sandbox_does(
    points: int, first: Outcome, again: Outcome
) -> None:
    assert (sandbox(an_order(points)), sandbox(an_order(points, asks=1))) == (first, again)


def test_an_order_is_the_same_however_often_it_is_asked_and_says_nothing_when_it_is_sent_back() -> None:
    body = order_body(an_order(100))
    assert body == order_body(an_order(100, asks=7))
    with pytest.raises(InvalidField):
        read_message(body)
    assert order_of(captured(), a_reward(kind=GiftCard(Cash(2500, "EUR")))).value == Cash(2500, "EUR")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"type":"fulfilment.issued","data":{"redemption":"r","code":"C"},"more":1}', ("r", Issued("C"))),
        (b'{"type":"fulfilment.issued","data":{"redemption":"r"}}', ("r", Issued(""))),
        (b'{"type":"fulfilment.refused","data":{"redemption":"r","reason":"no"}}', ("r", Refused("no"))),
        (b'{"type":"fulfilment.accepted","data":{"redemption":"r"}}', ("r", Undecided())),
        (b'{"type":"fulfilment.refused","data":{"redemption":"r"}}', None),
        (b'{"type":"fulfilment.issued","data":{"redemption":"r","code":null}}', None),
        (b'{"type":"fulfilment.issued","data":["redemption"]}', None),
        (b'{"type":{},"data":{}}', None),
        (b"[" * 60_000, None),
        (b"\xff", None),
        (b'{"type":"fulfilment.accepted","data":{"redemption":"' + b"r" * 65_536 + b'"}}', None),
    ],
)
def test_only_what_a_message_says_plainly_counts(body: bytes, says: tuple[str, Outcome] | None) -> None:
    if says is None:
        with pytest.raises(InvalidField):
            read_message(body)
    else:
        assert read_message(body) == says
