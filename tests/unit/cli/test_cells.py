"""Cells that spreadsheets show and do not compute."""

from __future__ import annotations

import pytest

from guerdon_cli.cells import text_cell


@pytest.mark.parametrize("text", ["=1+1", "+44", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1"])
def test_a_text_that_begins_like_a_formula_is_none(text: str) -> None:
    assert text_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Ann", "Ann = Ben", "'=1"])
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert text_cell(text) == text
