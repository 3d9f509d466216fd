"""An atomic batch: like its transactions one after another, or as if it had never been."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import timedelta
from typing import Any, NamedTuple, cast

from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.clock import FixedClock
from guerdon_kit.errors import DomainError, RequestIdReused
from ledger.domain.errors import AlreadyPosted, BatchNotPosted, InsufficientPoints
from ledger.domain.model import LONG_AGO, NEVER, Account, Kind
from ledger.domain.posting import PostingOrder, TransactionOrder
from ledger.operations.batch import Answer, Batch, Done
from ledger.operations.work import Post, Work
from tests.unit.ledger.builders import ADA, BEN, ISSUANCE, NOW, REDEMPTION, SHOP, Ledger, require_sound
from tests.unit.ledger.test_batch import decide, fingerprint, move

AT = NOW + timedelta(seconds=30)
TICK = timedelta(microseconds=1)


def decide_whole(
    ledger: Ledger, works: Sequence[Work], *, before: Sequence[Work] = (), after: Sequence[Work] = ()
) -> list[tuple[Answer, bool]]:
    """Decides a batch of which `works` are posted together."""
    whole = range(len(before), len(before) + len(works))
    batch = Batch([*before, *works, *after], cast("Any", None), FixedClock(NOW), [whole])
    return batch._decide(ledger.desk, {}, AT)


def earn(key: str, amount: int, to: Account = ADA, *, life: int | None = None, wait: int | None = None) -> Post:
    """An earn whose points live, and wait, so many microseconds from the batch's beginning."""
    expires = NEVER if life is None else AT + life * TICK
    available = LONG_AGO if wait is None else AT + wait * TICK
    postings = (PostingOrder(ISSUANCE, to, amount, expires, available),)
    return Post.of(TransactionOrder(SHOP, Kind.EARN, postings, None, "tester", ""), fingerprint(key))


def state(ledger: Ledger) -> tuple[object, ...]:
    """All that a refusal must leave as it is."""
    return deepcopy((ledger.books, ledger.desk.journal, ledger.desk.reversals))


class Step(NamedTuple):
    """One item of a batch."""

    kind: Kind
    amount: int
    ada: bool
    life: int | None
    wait: int | None

    def work(self, key: str) -> Post:
        one, other = (ADA, BEN) if self.ada else (BEN, ADA)
        match self.kind:
            case Kind.EARN:
                life = None if self.life is None else self.life + (self.wait or 0)
                return earn(key, self.amount, one, life=life, wait=self.wait)
            case Kind.SPEND:
                return move(key, Kind.SPEND, (one, REDEMPTION, self.amount))
            case _:
                return move(key, self.kind, (one, other, self.amount))


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from([Kind.EARN, Kind.EARN, Kind.SPEND, Kind.RECOGNITION, Kind.TRANSFER]),
        st.integers(1, 60),
        st.booleans(),
        st.none() | st.integers(20, 60),
        st.none() | st.integers(1, 20),
    ),
    min_size=1,
    max_size=25,
)


def with_points() -> Ledger:
    """Two members; while a batch decides, some points expire, others mature, and a hold lapses."""
    ledger = Ledger()
    ledger.earn(40, expires=AT + 5 * TICK)
    ledger.earn(40, to=BEN)
    ledger.earn(30, available=AT + 9 * TICK)
    ledger.hold(10, (AT + 3 * TICK - ledger.now).total_seconds(), of=BEN)
    return ledger


@given(steps)
def test_it_equals_its_transactions_one_after_another_or_leaves_all_as_it_was(asked: list[Step]) -> None:
    works = [step.work(f"r{n}") for n, step in enumerate(asked)]
    ledger, single = with_points(), with_points()
    before = state(ledger)
    answers = decide_whole(ledger, works)
    alone = decide(single, *works, now=AT)
    refused = next((n for n, (answer, _) in enumerate(alone) if isinstance(answer, DomainError)), None)
    if refused is None:
        assert answers == alone
        assert state(ledger) == state(single)
    else:
        assert state(ledger) == before
        for n, (answer, keep) in enumerate(answers):
            assert isinstance(answer, DomainError)
            if n == refused:
                same, kept = alone[n]
                assert isinstance(same, DomainError)
                assert (answer.reason, answer.metadata, keep) == (same.reason, same.metadata, kept)
            else:
                assert (answer.reason, answer.metadata, keep) == ("BATCH_NOT_POSTED", {"item": str(refused)}, False)
    for book in ledger.books.values():
        require_sound(book, book.record_time)


def test_its_neighbours_in_the_database_batch_do_not_notice_that_it_was_refused() -> None:
    ledger, single = with_points(), with_points()
    before, after = [earn("b", 5)], [move("c", Kind.SPEND, (BEN, REDEMPTION, 30)), earn("d", 1, BEN)]
    whole = [move("e", Kind.SPEND, (BEN, REDEMPTION, 20)), move("f", Kind.SPEND, (ADA, REDEMPTION, 1_000))]
    [first, one, other, *rest] = decide_whole(ledger, whole, before=before, after=after)
    assert isinstance(one[0], BatchNotPosted)
    assert isinstance(other[0], InsufficientPoints)
    assert (one[1], other[1]) == (False, True)
    assert all(isinstance(answer, Done) and keep for answer, keep in (first, *rest))
    decide(single, *before, *after, now=AT)
    for book, same in zip(ledger.books.values(), single.books.values(), strict=True):
        assert (book.posted, book.version, book.available) == (same.posted, same.version, same.available)
    assert len(ledger.desk.journal.records) == len(single.desk.journal.records)


def test_an_item_is_decided_on_what_those_before_it_leave() -> None:
    ledger = Ledger()
    works = [earn("a", 50), move("b", Kind.TRANSFER, (ADA, BEN, 30)), move("c", Kind.SPEND, (BEN, REDEMPTION, 30))]
    assert all(isinstance(answer, Done) for answer, _ in decide_whole(ledger, works))
    assert (ledger.ada.posted, ledger.ben.posted) == (20, 0)
    [_, (refusal, _)] = decide_whole(
        Ledger(), [earn("a", 50), move("d", Kind.SPEND, (ADA, REDEMPTION, 60), (ADA, REDEMPTION, 1))]
    )
    assert isinstance(refusal, InsufficientPoints)
    assert (refusal.metadata["required"], refusal.metadata["available"]) == ("61", "50")


def test_what_was_posted_before_by_itself_is_not_posted_together_with_the_rest() -> None:
    ledger = Ledger()
    [_, (one, kept), (other, _)] = decide_whole(ledger, [earn("a", 50), earn("b", 1)], before=[earn("a", 50)])
    assert isinstance(one, AlreadyPosted)
    assert one.metadata["transaction"] == f"{SHOP.name}/transactions/{ledger.desk.journal.records[0].id}"
    assert isinstance(other, BatchNotPosted)
    assert (other.metadata, kept, ledger.ada.posted) == ({"item": "0"}, False, 50)


def test_the_same_batch_twice_in_one_database_batch_is_a_replay_and_posts_once() -> None:
    ledger = Ledger()
    works = [earn("a", 50), move("b", Kind.SPEND, (ADA, REDEMPTION, 30))]
    batch = Batch([*works, *works], cast("Any", None), FixedClock(NOW), [range(2), range(2, 4)])
    answers = batch._decide(ledger.desk, {}, AT)
    outcomes = [answer.outcome for answer, _ in answers if isinstance(answer, Done)]
    assert outcomes[:2] == outcomes[2:]
    assert [keep for _, keep in answers] == [True, True, False, False]
    assert [answer.replayed for answer, _ in answers if isinstance(answer, Done)] == [False, False, True, True]
    assert ledger.ada.posted == 20


def test_the_same_refused_batch_again_is_refused_for_the_same_item() -> None:
    ledger = Ledger()
    works = [earn("a", 50), move("b", Kind.SPEND, (ADA, REDEMPTION, 60))]
    batch = Batch([*works, *works], cast("Any", None), FixedClock(NOW), [range(2), range(2, 4)])
    told = [
        (answer.public_reason, answer.metadata, keep)
        for answer, keep in batch._decide(ledger.desk, {}, AT)
        if isinstance(answer, DomainError)
    ]
    assert [(reason, metadata) for reason, metadata, _ in told[:2]] == [(one, two) for one, two, _ in told[2:]]
    assert [keep for _, _, keep in told] == [False, True, False, False]


def test_an_id_that_stands_for_another_body_refuses_the_whole() -> None:
    ledger = Ledger()
    other = move("a", Kind.EARN, (ISSUANCE, ADA, 11), digest="other")
    [_, (reused, _), (rest, _)] = decide_whole(ledger, [other, earn("b", 1)], before=[earn("a", 50)])
    assert isinstance(reused, RequestIdReused)
    assert isinstance(rest, BatchNotPosted)
    assert ledger.ada.posted == 50
