"""How much the sweeper takes at once, and that nothing is swept before its time."""

from __future__ import annotations

from typing import Any, cast

import pytest

from guerdon_kit.clock import FixedClock
from guerdon_kit.idempotency import Fingerprint
from ledger.domain.model import LONG_AGO, NEVER, Account, Kind
from ledger.domain.posting import PostingOrder, TransactionOrder
from ledger.jobs.sweeper import shares
from ledger.operations.batch import Batch, Done
from ledger.operations.work import Post, Sweep
from tests.unit.ledger.builders import ADA, BEN, NOW, REDEMPTION, SHOP, Ledger, later


def spend(of: Account) -> Post:
    order = TransactionOrder(SHOP, Kind.SPEND, (PostingOrder(of, REDEMPTION, 5, NEVER, LONG_AGO),), None, "tester", "")
    return Post.of(order, Fingerprint(str(of.id).encode(), b"body", b"", cast("Any", None)))


@pytest.mark.parametrize(
    ("lots", "accounts"),
    [
        ([0] * 500, [500]),
        ([1] * 500, [500]),
        ([100] * 25, [10, 10, 5]),
        ([999, 1, 1], [2, 1]),
        ([50_000, 1], [1, 1]),
        ([], []),
    ],
)
def test_a_sweep_takes_accounts_until_it_has_a_batch_of_postings_and_leaves_none_out(
    lots: list[int], accounts: list[int]
) -> None:
    due = list(enumerate(lots))
    made = list(shares(due))
    assert [len(one) for one in made] == accounts
    assert [one for share in made for one in share] == due


def test_a_sweep_weighs_as_many_postings_as_it_makes() -> None:
    assert [Sweep(None, ADA, lots).weight for lots in (0, 1, 70)] == [1, 1, 70]


def test_an_account_that_is_ahead_of_the_clock_hastens_no_others_expiry() -> None:
    ledger = Ledger()
    ledger.earn(10, expires=later(300), to=BEN)
    ledger.earn(10)
    ledger.ada.record_time = later(600)  # PostgreSQL's clock was set back since
    ends = [spend(of) for of in (ADA, BEN)]
    batch = Batch(ends, cast("Any", None), FixedClock(NOW))
    answers = batch._decide(ledger.desk, {}, later(10))
    assert all(isinstance(answer, Done) for answer, _ in answers)
    assert ledger.ben.record_time < later(300)
