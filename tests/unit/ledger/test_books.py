"""What closed books keep out, and who may open them again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.books import (
    BooksChange,
    IfClosed,
    close_time_of,
    effective_time,
    require_closable,
    require_reopenable,
)
from ledger.domain.clockwork import sweep
from ledger.domain.errors import BooksAlreadyClosed, BooksClosed, BooksNotClosed, SecondPersonRequired
from ledger.domain.model import LONG_AGO, NEVER, Kind, Program
from ledger.domain.posting import PostingOrder, TransactionOrder, post
from tests.unit.ledger.builders import ADA, ISSUANCE, NOW, SHOP, Ledger, later

OTHER = Program(2, "other", "UTC", 0)
MICROSECOND = timedelta(microseconds=1)


def day(number: float) -> datetime:
    """A time, in days before now."""
    return NOW - timedelta(days=number)


@pytest.mark.parametrize(
    ("asked", "if_closed", "effective"),
    [
        (None, IfClosed.REFUSE, NOW),
        (day(1), IfClosed.REFUSE, day(1)),
        (day(2), IfClosed.REFUSE, day(2)),
        (day(2) - MICROSECOND, IfClosed.REFUSE, None),
        (day(2) - MICROSECOND, IfClosed.CARRY_FORWARD, day(2)),
        (day(1), IfClosed.CARRY_FORWARD, day(1)),
        (day(-1), IfClosed.REFUSE, NOW),
    ],
)
def test_what_happened_before_the_close_time_is_refused_or_carried_forward(
    asked: datetime | None, if_closed: IfClosed, effective: datetime | None
) -> None:
    if effective is None:
        with pytest.raises(BooksClosed) as refused:
            effective_time(asked, NOW, SHOP, day(2), if_closed)
        assert refused.value.metadata["close_time"] == day(2).isoformat()
    else:
        assert effective_time(asked, NOW, SHOP, day(2), if_closed) == effective
    assert effective_time(asked, NOW, SHOP, None, if_closed) == min(asked or NOW, NOW)


def test_what_touches_several_programs_is_held_to_the_latest_close_time() -> None:
    assert close_time_of([SHOP, OTHER], {SHOP.number: day(3), OTHER.number: day(2)}) == day(2)
    assert close_time_of([SHOP], {SHOP.number: day(3), OTHER.number: day(2)}) == day(3)
    assert close_time_of([SHOP], {OTHER.number: day(2)}) is None


def test_a_refused_transaction_leaves_books_and_journal_as_they_were() -> None:
    ledger = Ledger()
    ledger.desk = replace(ledger.desk, close_times={SHOP.number: day(2)})
    postings = (PostingOrder(ISSUANCE, ADA, 10, NEVER, LONG_AGO),)
    with pytest.raises(BooksClosed):
        post(TransactionOrder(SHOP, Kind.EARN, postings, day(3), "tester", ""), ledger.desk, ledger.tick())
    assert (ledger.ada.posted, ledger.ada.version, ledger.desk.journal.records) == (0, 0, [])
    carried = TransactionOrder(SHOP, Kind.EARN, postings, day(3), "tester", "", IfClosed.CARRY_FORWARD)
    assert post(carried, ledger.desk, ledger.tick()).effective_time == day(2)


@pytest.mark.parametrize(("closed_to", "effective"), [(None, 100), (50, 100), (150, 150)])
def test_an_expiry_happened_when_its_time_passed_or_once_the_books_are_open(
    closed_to: int | None, effective: int
) -> None:
    ledger = Ledger()
    ledger.earn(10, expires=later(100))
    if closed_to is not None:
        ledger.desk = replace(ledger.desk, close_times={SHOP.number: later(closed_to)})
    sweep(ledger.ada, ledger.desk, later(200))
    expiry = ledger.desk.journal.records[-1]
    assert (expiry.kind, expiry.effective_time) == (Kind.EXPIRY, later(effective))


def history(*changes: tuple[str, float | None]) -> list[BooksChange]:
    """Changes by person and close time in days before now, newest first."""
    made = [
        BooksChange(number, None if days is None else day(days), person, person, "", NOW)
        for number, (person, days) in enumerate(changes, start=1)
    ]
    return made[::-1]


def test_books_are_closed_further_only() -> None:
    require_closable(SHOP, [], day(9))
    require_closable(SHOP, history(("a", 9)), day(8))
    require_closable(SHOP, history(("a", 5), ("b", None)), day(9))
    for days in (9, 10):
        with pytest.raises(BooksAlreadyClosed):
            require_closable(SHOP, history(("a", 9)), day(days))


@pytest.mark.parametrize(
    ("changes", "to", "refused"),
    [
        ([("ann", 9)], None, {"ann"}),
        ([("ann", 9)], 10, {"ann"}),
        # Each answers for what they closed: what stays closed is nobody's concern.
        ([("ann", 9), ("bob", 5)], 9, {"bob"}),
        ([("ann", 9), ("bob", 5)], 10, {"ann", "bob"}),
        # What was opened since and closed by another is the other's.
        ([("ann", 9), ("bob", None), ("bob", 9)], None, {"bob"}),
        ([("ann", 9), ("bob", 12), ("cid", 5)], 12, {"cid"}),
        ([("ann", 9), ("bob", 12), ("cid", 5)], 13, {"ann", "cid"}),
        ([("ann", 9), ("bob", 12), ("cid", 5), ("ann", 6)], 12, {"cid"}),
    ],
)
def test_who_closed_a_part_of_what_would_be_open_again_may_not_open_it(
    changes: list[tuple[str, float | None]], to: float | None, refused: set[str]
) -> None:
    wanted = None if to is None else day(to)
    for person in ("ann", "bob", "cid", "dot"):
        if person in refused:
            with pytest.raises(SecondPersonRequired):
                require_reopenable(SHOP, history(*changes), wanted, person)
        else:
            require_reopenable(SHOP, history(*changes), wanted, person)


@pytest.mark.parametrize(("changes", "to"), [([], None), ([("ann", 9)], 9), ([("ann", 9)], 8), ([("ann", None)], None)])
def test_what_is_not_closed_cannot_be_opened(changes: list[tuple[str, float | None]], to: float | None) -> None:
    with pytest.raises(BooksNotClosed):
        require_reopenable(SHOP, history(*changes), None if to is None else day(to), "dot")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6)), min_size=1, max_size=12), st.integers(0, 6))
def test_each_closed_day_answers_to_who_closed_it_last(steps: list[tuple[str, int]], to: int) -> None:
    """Against days kept one by one: a change up to a later day closes the days between for its person."""
    closer: dict[int, str] = {}
    changes: list[tuple[str, float | None]] = []
    for person, closed in steps:
        if len(closer) != closed:  # `closed` days, of which 0 is the earliest
            closer = {n: closer.get(n, person) for n in range(closed)}
            changes.append((person, 10 - closed if closed else None))
    if len(closer) <= to:
        with pytest.raises(BooksNotClosed):
            require_reopenable(SHOP, history(*changes), day(10 - to) if to else None, "z")
        return
    opened = {closer[n] for n in range(to, len(closer))}
    for person in "abc":
        try:
            require_reopenable(SHOP, history(*changes), day(10 - to) if to else None, person)
        except SecondPersonRequired:
            assert person in opened
        else:
            assert person not in opened
