"""A page token leads on in its own list, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from guerdon_kit.pages import page_size, read_token, write_token

QUERY = ("ListPeople", "organisations/umbrella", "")


@given(st.text(max_size=63).filter(str.isprintable), st.integers(-(2**63), 2**63 - 1))
def test_a_token_brings_back_its_position(text: str, number: int) -> None:
    assert read_token(write_token(QUERY, (number, text)), QUERY, (int, str)) == (number, text)


@pytest.mark.parametrize("token", ["x", "é", "bm90IGpzb24=", "W10=", "MQ==", "bnVsbA==", "A" * 1001, "[" * 900])
def test_anything_else_is_refused_by_its_field(token: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        read_token(token, QUERY, (int, str))
    assert [violation.field for violation in refusal.value.violations] == ["page_token"]


def test_a_token_of_another_list_or_shape_is_refused() -> None:
    token = write_token(QUERY, (1, "ann"))
    for query, kinds in [((*QUERY[:2], "#care"), (int, str)), (QUERY, (str, str)), (QUERY, (int,))]:
        with pytest.raises(InvalidField):
            read_token(token, query, kinds)


@pytest.mark.parametrize("position", [(2**63, "ann"), (1, "a\0b"), (1, "\ud800")])
def test_a_forged_position_that_no_database_takes_is_refused(position: tuple[int, str]) -> None:
    with pytest.raises(InvalidField):
        read_token(write_token(QUERY, position), QUERY, (int, str))


@pytest.mark.parametrize(("asked", "size"), [(0, 50), (1, 1), (1000, 1000)])
def test_a_page_has_fifty_rows_unless_asked_otherwise(asked: int, size: int) -> None:
    assert page_size(asked) == size


@pytest.mark.parametrize("asked", [-1, 1001])
def test_a_page_is_bounded(asked: int) -> None:
    with pytest.raises(InvalidField):
        page_size(asked)
