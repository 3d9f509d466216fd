"""How much the sweeper takes at once."""

from __future__ import annotations

import pytest

from ledger.jobs.sweeper import shares
from ledger.operations.work import Sweep
from tests.unit.ledger.builders import ADA


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
