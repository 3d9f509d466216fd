"""Deciding a batch: in arrival order, at times that strictly increase, and a refusal leaves nothing behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from guerdon_kit.clock import FixedClock
from guerdon_kit.errors import ReplayedRefusal, RequestIdReused
from guerdon_kit.idempotency import Fingerprint
from ledger.domain.errors import InsufficientPoints, OverReversal
from ledger.domain.model import LONG_AGO, NEVER, Account, Kind
from ledger.domain.posting import PostingOrder, TransactionOrder
from ledger.domain.reversal import Policy, ReversalOrder
from ledger.operations.batch import Answer, Batch, Done
from ledger.operations.work import Post, Reverse, Work
from tests.unit.ledger.builders import ADA, BEN, ISSUANCE, NOW, REDEMPTION, SHOP, Ledger, original, require_sound

MICROSECOND = timedelta(microseconds=1)


def fingerprint(key: str, digest: str = "body") -> Fingerprint:
    return Fingerprint(key.encode(), digest.encode(), digest.encode()[:5], cast("Any", NoFields))


class NoFields:
    """A message type that knows no field."""

    fields_by_number: dict[int, Any] = {}  # noqa: RUF012 - never changed


def move(key: str, kind: Kind, *moves: tuple[Account, Account, int], digest: str = "body") -> Post:
    postings = tuple(PostingOrder(source, to, amount, NEVER, LONG_AGO) for source, to, amount in moves)
    return Post.of(TransactionOrder(SHOP, kind, postings, None, "tester", ""), fingerprint(key, digest))


def decide(ledger: Ledger, *works: Work, now: datetime) -> list[tuple[Answer, bool]]:
    batch = Batch(works, cast("Any", None), FixedClock(NOW))
    return batch._decide(ledger.desk, {}, now)


def test_every_work_has_a_time_of_its_own_later_than_all_before_it_on_its_accounts() -> None:
    ledger = Ledger()
    ledger.earn(100)
    at = ledger.ada.record_time - timedelta(seconds=5)  # PostgreSQL's clock was set back
    answers = decide(ledger, *(move(f"r{n}", Kind.SPEND, (ADA, REDEMPTION, 10)) for n in range(5)), now=at)
    times = [record.record_time for record in ledger.desk.journal.records]
    assert times == sorted(set(times))
    assert all(isinstance(answer, Done) and keep for answer, keep in answers)


@pytest.mark.parametrize(
    ("kind", "moves"),
    [
        (Kind.SPEND, [(ADA, REDEMPTION, 60), (ADA, REDEMPTION, 60)]),
        (Kind.RECOGNITION, [(ADA, BEN, 60), (ADA, BEN, 60)]),
        (Kind.RECOGNITION, [(ADA, BEN, 100), (BEN, ADA, 101)]),
    ],
)
def test_a_transaction_refused_at_its_second_posting_leaves_all_as_it_was(
    kind: Kind, moves: list[tuple[Account, Account, int]]
) -> None:
    ledger = Ledger()
    ledger.earn(100)
    before = [book.copy() for book in ledger.books.values()]
    [(answer, keep), (after, _)] = decide(
        ledger, move("a", kind, *moves), move("b", Kind.EARN, (ISSUANCE, BEN, 1)), now=NOW + timedelta(seconds=9)
    )
    assert isinstance(answer, InsufficientPoints)
    assert keep  # this refusal was decided on state: the same request is refused again
    assert isinstance(after, Done)
    assert ledger.ada == before[0]
    assert (ledger.ben.posted, ledger.ben.version) == (1, 1)
    assert len(ledger.desk.journal.records) == 2


@pytest.mark.parametrize("microseconds", range(-4, 6))
def test_a_lot_that_expires_while_the_batch_decides_is_never_spent_and_never_stops_it(microseconds: int) -> None:
    ledger = Ledger()
    moment = NOW + timedelta(seconds=60)
    ledger.earn(10, expires=moment)
    ledger.earn(10, to=BEN, expires=moment + MICROSECOND)
    works = [
        move(f"r{n}-{account.id}", Kind.SPEND, (account, REDEMPTION, 2)) for n in range(4) for account in (ADA, BEN)
    ]
    works.append(move("gift", Kind.RECOGNITION, (ADA, BEN, 1), (BEN, ADA, 1)))
    answers = decide(ledger, *works, now=moment + microseconds * MICROSECOND)
    for record in ledger.desk.journal.records[2:]:
        if record.kind is not Kind.EXPIRY:
            assert record.record_time < moment + MICROSECOND
    assert all(isinstance(answer, Done | InsufficientPoints) for answer, _ in answers)
    for book in ledger.books.values():
        require_sound(book, book.record_time)


def test_two_reversals_of_one_transaction_in_one_batch_see_each_other() -> None:
    ledger = Ledger()
    ledger.earn(100)
    spent = original(ledger.spend(40))
    order = ReversalOrder(30, Policy.ALLOW_NEGATIVE, "tester", "")
    works = [Reverse(fingerprint(key), order, spent, SHOP) for key in ("a", "b")]
    [(first, _), (second, _)] = decide(ledger, *works, now=NOW + timedelta(seconds=9))
    assert isinstance(first, Done)
    assert isinstance(second, OverReversal)
    assert (ledger.ada.posted, ledger.ada.spent) == (90, 10)


def test_the_same_request_twice_in_one_batch_is_decided_once() -> None:
    ledger = Ledger()
    one, again = (move("a", Kind.EARN, (ISSUANCE, ADA, 10)) for _ in range(2))
    other = move("a", Kind.EARN, (ISSUANCE, ADA, 11), digest="other")
    [(first, keep), (second, kept), (third, _)] = decide(ledger, one, again, other, now=NOW)
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert isinstance(third, RequestIdReused)
    assert (first.replayed, second.replayed, second.outcome == first.outcome) == (False, True, True)
    assert (keep, kept, ledger.ada.posted) == (True, False, 10)


def test_the_same_refused_request_twice_in_one_batch_is_a_replay_the_second_time() -> None:
    ledger = Ledger()
    twice = [move("r1", Kind.SPEND, (ADA, REDEMPTION, 10)) for _ in range(2)]
    [(first, kept), (second, kept_again)] = decide(ledger, *twice, now=NOW)
    assert isinstance(first, InsufficientPoints)
    assert isinstance(second, ReplayedRefusal)
    assert (second.public_reason, second.metadata) == (first.reason, first.metadata)
    assert (kept, kept_again) == (True, False)
