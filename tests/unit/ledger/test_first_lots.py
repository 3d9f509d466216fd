"""A debit that knows only the first lots of an account does what one that knows all of them does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from ledger.domain.book import Book, facts
from ledger.domain.errors import InsufficientPoints
from ledger.domain.model import LONG_AGO, NEVER, Hold, HoldState, Lot
from tests.unit.ledger.builders import ADA, NOW, later

EXPIRIES = st.one_of(st.just(NEVER), st.integers(2, 9).map(lambda day: NOW + timedelta(days=day)))
LOTS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 5), EXPIRIES), min_size=1, max_size=12)
STEPS = st.lists(
    st.tuples(st.sampled_from(["debit", "place", "credit", "pend"]), st.integers(1, 9), EXPIRIES),
    min_size=1,
    max_size=5,
)


def whole(lots: list[tuple[int, int, object]]) -> Book:
    """A book of these lots, each with its amount, what is held of it, and its expiry, as of a moment ago."""
    made: dict[int, Lot] = {}
    holds: dict[int, Hold] = {}
    for id_, (amount, most_held, expires) in enumerate(lots, 1):
        held = min(most_held, amount)
        made[id_] = Lot(id_, id_, amount, amount, held, 0, expires, LONG_AGO, later(id_ - 1000), None)  # type: ignore[arg-type]
        if held:
            holds[-id_] = Hold(
                -id_, ADA.id, held, HoldState.ACTIVE, 0, ((id_, held),), later(50 * id_), "", "tester", NOW, None
            )
    state = facts(made.values(), holds.values(), NOW)
    return Book(
        ADA,
        posted=sum(lot.open for lot in made.values()),
        held=state.held,
        available=state.free,
        valid_until=state.valid_until,
        lots=made,
        holds=holds,
        loaded=True,
    )


def front(of: Book, takes: int, most: int) -> Book:
    """The same book as it is read for a batch that takes so many points."""
    first = sorted(of.lots.values(), key=lambda lot: lot.order)[:most]
    read = replace(of.copy(), lots={}, loaded=False)
    read.begin_with(first, takes, complete=len(first) < most)
    return read


def do(book: Book, number: int, step: str, amount: int, expires: object) -> object:
    """One change, and what came of it."""
    now = later(number)
    try:
        match step:
            case "debit":
                return book.debit(amount, now)
            case "place":
                return book.place(amount, later(10_000), now)
            case _:
                available = now if step == "credit" else now + timedelta(days=1)
                lot = Lot(100 + number, 1, amount, amount, 0, 0, expires, available, now, None)  # type: ignore[arg-type]
                return book.credit(lot, now)
    except InsufficientPoints as refusal:
        return refusal.metadata


@given(LOTS, STEPS, st.integers(1, 8))
@example([(5, 0, NEVER), (5, 0, NEVER), (5, 0, NEVER)], [("debit", 5, NEVER)], 2)
@example([(5, 0, later(200_000)), (5, 0, later(300_000)), (5, 0, NEVER)], [("debit", 5, NEVER)], 2)
@example([(5, 0, later(200_000)), (5, 0, later(300_000)), (5, 0, later(400_000))], [("debit", 10, NEVER)], 2)
@example([(5, 0, later(200_000)), (5, 0, later(300_000)), (5, 0, later(400_000))], [("debit", 9, NEVER)], 2)
@example([(5, 5, later(200_000)), (5, 0, NEVER), (5, 0, NEVER)], [("place", 5, NEVER)], 3)
def test_the_first_lots_decide_as_all_of_them(
    lots: list[tuple[int, int, object]], steps: list[tuple[str, int, object]], most: int
) -> None:
    every = whole(lots)
    takes = sum(amount for step, amount, _ in steps if step in {"debit", "place"})
    first = front(every, takes, most)
    if not (first.loaded or first.front):
        return  # all are read then
    for number, (step, amount, expires) in enumerate(steps):
        assert do(first, number, step, amount, expires) == do(every, number, step, amount, expires)
        assert first.balance() == every.balance()
    assert {id_: every.lots[id_] for id_ in first.lots} == first.lots
    assert first.changed_lots == every.changed_lots


def test_lots_that_would_all_be_taken_are_not_enough() -> None:
    every = whole([(5, 0, later(200_000)), (5, 0, later(300_000)), (5, 0, NEVER)])
    assert not front(every, 10, 2).front
    assert front(every, 9, 2).front
    assert front(every, 15, 4).loaded
