"""Two brands' names are one person's: what is tolerated, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from partner_exchange.domain.member_names import MemberName, check_name, difference


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Zoë", "Müller"), ("ZOE", "muller")),
        (("José María", "Núñez"), ("jose maria", "NUNEZ")),
        (("Ana", "García-López"), ("Ana", "Garcia Lopez")),
        (("Sean", "O'Neill"), ("Seán", "O’NEILL")),
        (("Jean-Luc", "Picard"), ("Jean Luc", "Picard")),
        (("John Q.", "Public"), ("John", "Public")),
        (("John Q.", "Public"), ("John Quincy", "Public")),
        (("John Quincy Adam", "Public"), ("John Q", "Public")),
        (("Bjørn", "Ærø"), ("Bjorn", "Aero")),
        (("Łukasz", "Żak"), ("Lukasz", "Zak")),
        (("Anna", "Straße"), ("Anna", "Strasse")),
        (("Anna", "de la Cruz"), ("Anna", "Delacruz")),
    ],
)
def test_case_accents_hyphens_and_middle_names_make_no_difference(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert difference(MemberName(*one), MemberName(*other)) == difference(MemberName(*other), MemberName(*one)) == ""


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (("Ana", "Silva"), ("Ana", "Souza"), "family_name"),
        (("Ana", "Silva"), ("Eva", "Silva"), "given_names"),
        (("J", "Public"), ("John", "Public"), "given_names"),
        (("John Q", "Public"), ("John Zack", "Public"), "given_names"),
        (("John Paul", "Public"), ("John Peter", "Public"), "given_names"),
        (("Silva", "Ana"), ("Ana", "Silva"), "family_name"),
        (("Ана", "Силва"), ("Ana", "Silva"), "family_name"),
    ],
)
def test_anything_else_is_another_name_and_the_part_is_said(
    one: tuple[str, str], other: tuple[str, str], differs: str
) -> None:
    assert difference(MemberName(*one), MemberName(*other)) == differs
    assert difference(MemberName(*other), MemberName(*one)) == differs


@given(st.text(max_size=20), st.text(max_size=20))
def test_every_name_that_is_taken_is_its_own(given_names: str, family: str) -> None:
    name = MemberName(given_names, family)
    try:
        check_name(name)
    except InvalidField:
        return
    assert difference(name, MemberName(given_names.swapcase().swapcase(), f" {family} ")) == ""


@pytest.mark.parametrize("text", ["", " ", "-.'", "x" * 101, "nul \0"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        check_name(MemberName(text, "Silva"))
    with pytest.raises(InvalidField):
        check_name(MemberName("Ana", text))
