"""Codes that the service makes: hard to guess, hard to mistype unnoticed, and easy to read."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards_catalog.domain.errors import CodesTooShort
from rewards_catalog.domain.generated import (
    ALPHABET,
    GUESSES,
    CodeScheme,
    check_character,
    is_checked,
)

SCHEME = CodeScheme("GDN", 14)
ALL = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BODIES = st.text(st.sampled_from(ALL), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("text", "check"),
    [
        # The Global Release Identifier A1-2425G-ABC1234002-M of the GRid standard 2.1.
        ("A12425GABC1234002", "M"),
        # International Standard Audiovisual Numbers: 0000-0000-D07A-0090-Q, 0000-0000-3A8D-0000-Z-0000-0000-6 and
        # 0000-0001-8CFA-0000-I-0000-0000-K. The second character checks all but the first one.
        ("00000000D07A0090", "Q"),
        ("000000003A8D0000", "Z"),
        ("000000003A8D000000000000", "6"),
        ("000000018CFA0000", "I"),
        ("000000018CFA000000000000", "K"),
    ],
)
def test_the_check_character_is_that_of_iso_7064_mod_37_36_as_others_print_it(text: str, check: str) -> None:
    assert check_character(text) == check
    assert is_checked(text + check)


@given(body=BODIES)
def test_every_single_wrong_character_is_told(body: str) -> None:
    code = body + check_character(body)
    for place, wrong in itertools.product(range(len(code)), ALL):
        assert is_checked(code[:place] + wrong + code[place + 1 :]) == (code[place] == wrong)


def test_of_swaps_of_neighbours_hardly_one_in_a_hundred_is_not_told() -> None:
    told = swaps = 0
    for first, second, third in itertools.permutations(ALL, 3):
        body = first + second + third
        told += not is_checked(second + first + third + check_character(body))
        swaps += 1
    assert told / swaps > 0.99


@settings(max_examples=30)
@given(st.data())
def test_a_code_is_the_prefix_random_characters_and_a_check_character_none_of_which_look_alike(
    data: st.DataObject,
) -> None:
    scheme = CodeScheme(
        "GDN", 14, choose=lambda characters, count: data.draw(st.text(characters, min_size=count, max_size=count))
    )
    code = scheme.draw()
    assert code.startswith("GDN")
    assert len(code) == 3 + 14 + 1
    assert set(code[3:]) <= set(ALPHABET)
    assert not scheme.mistyped(code)


def test_no_two_characters_look_alike_and_none_is_a_vowel() -> None:
    for alike in ("0OQD", "1IL", "2Z", "5S", "8B", "UV", "VW"):
        assert len(set(alike) & set(ALPHABET)) <= 1
    assert not set("AEIOU") & set(ALPHABET)
    assert len(set(ALPHABET)) == len(ALPHABET) == 20


@given(gaps=st.lists(st.sampled_from(["", "-", " "]), min_size=18, max_size=18))
def test_a_code_is_known_in_small_letters_and_with_blanks_and_hyphens(gaps: list[str]) -> None:
    code = SCHEME.draw()
    typed = "".join(gap + character for gap, character in zip(gaps, code.lower(), strict=True))
    assert SCHEME.canonical(typed) == code


@pytest.mark.parametrize("code", ["gift-1234", "A b", "GD-1234", "", "gd n"])
def test_a_code_from_elsewhere_is_left_as_it_is_and_never_called_mistyped(code: str) -> None:
    expected = code if code != "gd n" else "GDN"  # begins as ours, whatever it is
    assert SCHEME.canonical(code) == expected
    assert SCHEME.mistyped(SCHEME.canonical(code)) == (code == "gd n")


@pytest.mark.parametrize("rest", ["", "é", "\u2460", "ß", "!", "x y\0"])
def test_whatever_begins_with_the_prefix_and_has_no_right_check_character_is_mistyped(rest: str) -> None:
    assert SCHEME.mistyped(SCHEME.canonical("GDN" + rest))


@pytest.mark.parametrize("length", [10, 12, 14, 16])
def test_a_pool_grows_until_a_code_of_it_would_be_found_in_fewer_guesses_than_promised(length: int) -> None:
    # Independently: bits of the characters, less what the check character decides, less the pool's.
    bits = length * math.log2(20) + math.log2(20 / 36)
    most = int(2 ** (bits - math.log2(GUESSES)))
    scheme = CodeScheme("GDN", length)
    scheme.check_unguessable(int(most * 0.999))
    with pytest.raises(CodesTooShort) as refused:
        scheme.check_unguessable(int(most * 1.001) + 1)
    assert abs(int(refused.value.metadata["most"]) - most) <= most * 0.001 + 1


def test_many_codes_use_every_character_at_every_place() -> None:
    codes = {SCHEME.draw() for _ in range(2_000)}
    assert len(codes) == 2_000
    for place in range(3, 17):
        assert {code[place] for code in codes} == set(ALPHABET)
