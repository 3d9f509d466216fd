"""Until when a guest's purchase can be claimed, and what proves it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from membership.domain.claims import WRONG_CLAIMS_MAX, GuestPurchase, Proof, claim_end_time, proves, refusal
from membership.domain.earning import Rounding
from membership.domain.errors import ClaimLocked, ClaimTooLate
from membership.domain.program import Program, Settings
from membership.domain.rules import Outcome, Rule

ACME = Program(
    1,
    Settings(
        "acme",
        "points",
        "USD",
        Rule("base", Outcome.SPEND, Fraction(1, 100), Rounding.DOWN),
        None,
        0,
        (),
        claim_days=30,
    ),
    "America/New_York",
    datetime(2026, 1, 1, tzinfo=UTC),
)
BOUGHT = datetime(2026, 2, 10, 4, 30, tzinfo=UTC)
"""Half past eleven in the evening of the ninth in New York."""
GUEST = GuestPurchase("p1", BOUGHT, BOUGHT, 12_34, 0)
END = datetime(2026, 3, 12, 4, tzinfo=UTC)
"""The end of the 11 March in New York, where clocks went forward on the eighth."""


def test_the_window_ends_with_a_day_of_the_programs_zone_across_a_change_of_its_clocks() -> None:
    assert claim_end_time(ACME, BOUGHT) == END
    assert refusal(ACME, GUEST, END - timedelta(microseconds=1)) is None
    assert isinstance(refusal(ACME, GUEST, END), ClaimTooLate)


@pytest.mark.parametrize(
    ("proof", "expected"),
    [
        (Proof(12_34, date(2026, 2, 9)), True),
        (Proof(12_34, date(2026, 2, 10)), False),
        (Proof(12_35, date(2026, 2, 9)), False),
    ],
)
def test_the_amount_and_the_day_of_the_receipt_prove_a_purchase(proof: Proof, expected: bool) -> None:
    assert proves(ACME, GUEST, proof) is expected


def test_after_so_many_wrong_claims_nobody_can_claim_it() -> None:
    assert refusal(ACME, dataclasses.replace(GUEST, wrong_claims=WRONG_CLAIMS_MAX - 1), BOUGHT) is None
    assert isinstance(refusal(ACME, dataclasses.replace(GUEST, wrong_claims=WRONG_CLAIMS_MAX), BOUGHT), ClaimLocked)
