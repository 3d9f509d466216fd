"""Files of purchases in the CDNOW format, read exactly or refused by row."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_cli.demo.purchases import SAMPLE, Purchase, PurchasesMalformed, by_points, in_chunks, read_purchases

NOON = 852_120_000
"""1997-01-01 12:00 UTC."""


def test_the_sample_is_read_whole() -> None:
    purchases = read_purchases(SAMPLE)
    assert len(purchases) == 3_365
    assert sum(purchase.whole_dollars for purchase in purchases) == 111_591
    assert by_points(purchases)[0] == "05420", "see examples/data/README.md"
    assert purchases[0] == Purchase(row=1, customer="00020", second=NOON, cents=36_360)


def test_rows_that_are_alike_are_purchases_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "purchases.txt"
    file.write_text("header\n" + " 7 19970101 1 5.00\n" * 2)
    assert [purchase.id for purchase in read_purchases(file)] == ["row-1", "row-2"]


@given(st.integers(0, 10**12 - 1))
def test_every_amount_is_read_to_the_cent(cents: int) -> None:
    assert Purchase.parse(1, f"7 19970101 1 {cents // 100}.{cents % 100:02}").cents == cents


@pytest.mark.parametrize(("dollars", "cents"), [("12", 1_200), ("12.5", 1_250), ("0.07", 7), ("0.29", 29), ("0", 0)])
def test_cents_may_be_left_out(dollars: str, cents: int) -> None:
    assert Purchase.parse(1, f"7 19970101 1 {dollars}").cents == cents


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("1 19970101 1", "row 3 has 3 fields"),
        ("", "row 3 has 0 fields"),
        ("2 19971301 1 1.00", "row 3: '19971301' is not a day"),
        ("1 19970101 1 1.005", "row 3: '1.005' is not an amount"),
        ("1 19970101 1 -1.00", "row 3: '-1.00' is not an amount"),
        ("1 19970101 1 1e3", "row 3: '1e3' is not an amount"),
        ("a/b 19970101 1 1.00", "row 3: 'a/b' is not a customer id"),
    ],
)
def test_a_row_that_is_not_a_purchase_is_told_by_its_number(row: str, told: str) -> None:
    with pytest.raises(PurchasesMalformed, match="^" + told.replace(".", r"\.")):
        Purchase.parse(3, row)


@pytest.mark.parametrize("text", ["", "customer date number dollars\n"])
def test_a_file_without_purchases_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "purchases.txt"
    file.write_text(text)
    with pytest.raises(PurchasesMalformed, match="no purchase"):
        read_purchases(file)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "purchases.txt"
    file.write_bytes(b"header\n\xff\xfe\x00")
    with pytest.raises(PurchasesMalformed, match="not text"):
        read_purchases(file)


@given(st.lists(st.integers(1, 9), max_size=12), st.integers(1, 8))
def test_chunks_are_whole_and_share_a_customer_only_where_one_has_more_than_a_chunk(
    counts: list[int], most: int
) -> None:
    purchases = [Purchase(0, str(customer), NOON, 1) for customer, count in enumerate(counts) for _ in range(count)]
    chunks = in_chunks(purchases, most)
    assert [purchase for chunk in chunks for purchase in chunk] == purchases
    assert all(0 < len(chunk) <= most for chunk in chunks)
    for one, other in itertools.pairwise(chunks):
        assert one[-1].customer != other[0].customer or len({purchase.customer for purchase in one}) == 1
    assert len(chunks) <= sum(-(-count // most) for count in counts)
