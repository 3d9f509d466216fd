"""Personal data: bounds, and when two contacts are the same."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from membership.domain.profiles import Contact, Kind, Profile, card_key, check, contact, e164, email_key

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ada@example.com", "Ada@Example.COM", True),
        ("ada@example.com", "ada+shop@example.com", True),
        ("ada@example.com", "a.da@example.com", False),  # elsewhere dots tell people apart
        ("a.da@gmail.com", "ADA+x@googlemail.com", True),
        ("ada@example.com", "ada@example.org", False),
        ("straße@example.com", "STRASSE@example.com", True),
        ("+ada@example.com", "+ben@example.com", False),
    ],
)
def test_addresses_that_look_alike_are_the_same_by_rule(one: str, other: str, *, same: bool) -> None:
    assert (email_key(one) == email_key(other)) is same


@settings(max_examples=50)
@given(
    local=st.text("az09.", min_size=1, max_size=10),
    tag=st.text("az0+.", max_size=6),
    domain=st.sampled_from(["gmail.com", "example.com", "googlemail.com"]),
)
def test_a_spelling_of_an_address_is_found_by_any_other(local: str, tag: str, domain: str) -> None:
    key = email_key(f"{local}@{domain}")
    assert email_key(f"{local.upper()}+{tag}@{domain.title()}") == key
    assert email_key(key) == key


@pytest.mark.parametrize(
    ("given_", "region", "kept"),
    [
        ("+1 (415) 555-0132", "", "+14155550132"),
        ("(415) 555-0132", "US", "+14155550132"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("+44 20 7946 0958", "US", "+442079460958"),
        ("0049 30 901820", "DE", "+4930901820"),
    ],
)
def test_telephone_numbers_are_kept_in_e164(given_: str, region: str, kept: str) -> None:
    assert e164(given_, region, "phone") == kept
    assert e164(kept, "", "phone") == kept


@pytest.mark.parametrize("phone", ["4155550132", "+1", "hello", "+1415555013255555", "+14155550132 ext. 5", "+" * 41])
def test_what_is_no_whole_telephone_number_is_refused_without_repeating_it(phone: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check(Profile(phone=phone), TODAY)
    [violation] = refused.value.violations
    assert violation.field == "phone"
    assert phone not in violation.description


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        (Profile(cards=("1",) * 11), "cards"),
        (Profile(cards=("12", "--")), "cards[1]"),
        (Profile(cards=("1\n2",)), "cards[0]"),
        (Profile(email="ada"), "email"),
        (Profile(email="ada @example.com"), "email"),
        (Profile(email="a@b@c"), "email"),
        (Profile(email=f"{'a' * 250}@b.cd"), "email"),
        (Profile(external_id="x" * 101), "external_id"),
        (Profile(display_name=" Ada"), "display_name"),
        (Profile(display_name="A\0da"), "display_name"),
        (Profile(birth_date=date(2026, 11, 23)), "birth_date"),
        (Profile(birth_date=date(1849, 12, 31)), "birth_date"),
        (Profile(sales_associate="x" * 101), "sales_associate"),
        (Profile(region_code="usa", phone="5550132"), "region_code"),
    ],
)
def test_a_profile_has_bounds(profile: Profile, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check(profile, TODAY)
    assert [violation.field for violation in refused.value.violations] == [field]


@settings(max_examples=50)
@given(
    cards=st.lists(st.text("aZ09", min_size=1, max_size=20).map(" ".join), max_size=10),
    external_id=st.text("abcXYZ019:/", max_size=100),
    digits=st.integers(2_000_000, 9_999_999),
)
def test_every_contact_of_a_profile_is_the_one_that_is_looked_for(
    cards: list[str], external_id: str, digits: int
) -> None:
    profile = check(Profile(cards=tuple(cards), external_id=external_id, phone=f"+1415{digits}"), TODAY)
    assert check(profile, TODAY) == profile
    found = {contact(Kind.CARD, card.lower(), "", "card") for card in cards}
    found.add(contact(Kind.PHONE, f"(415) {digits}", "US", "phone"))
    if external_id:
        found.add(contact(Kind.EXTERNAL_ID, external_id, "", "external_id"))
    assert found == profile.contacts()


@pytest.mark.parametrize("kind", list(Kind))
def test_nobody_is_found_by_nothing(kind: Kind) -> None:
    with pytest.raises(InvalidField):
        contact(kind, "", "", "field")


def test_a_card_is_the_same_however_it_is_grouped() -> None:
    assert card_key("ab12 34-56") == card_key("AB123456")
    assert Profile(cards=("1 2", "1-2")).contacts() == {Contact(Kind.CARD, "12")}
