"""Personal data of members: their bounds, and when two contacts are the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import IntEnum
from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from guerdon_kit.errors import FieldViolation, InvalidField

CARDS_MAX = 10
EMAIL_LENGTH_MAX = 254
"""Of an address, as RFC 5321 bounds the path it stands in."""
FIRST_BIRTH_DATE = date(1850, 1, 1)

_CARD = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9 -]{1,40}")
_REGION = re.compile(r"[A-Z]{2}")
_PHONE_LENGTH_MAX = 40
_LENGTHS_MAX = {"external_id": 100, "display_name": 200, "sales_associate": 100}
_GOOGLE = {"gmail.com", "googlemail.com"}


class Kind(IntEnum):
    """What a member can be found by. The values are stored."""

    CARD = 1
    PHONE = 2
    EMAIL = 3
    EXTERNAL_ID = 4


FIELDS = {Kind.CARD: "cards", Kind.PHONE: "phone", Kind.EMAIL: "email", Kind.EXTERNAL_ID: "external_id"}
"""The field of a profile that a contact stands in."""


class Contact(NamedTuple):
    """What belongs to one member of a program at most, in the form in which it is compared."""

    kind: Kind
    value: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A member's personal data; see the contract's `Profile`. `phone` is in E.164 once it has been checked."""

    cards: tuple[str, ...] = ()
    phone: str = ""
    email: str = ""
    external_id: str = ""
    display_name: str = ""
    birth_date: date | None = None
    sales_associate: str = ""
    region_code: str = ""

    def contacts(self) -> frozenset[Contact]:
        """What the member can be found by, of a profile that has been checked."""
        found = {Contact(Kind.CARD, card_key(card)) for card in self.cards}
        if self.phone:
            found.add(Contact(Kind.PHONE, self.phone))
        if self.email:
            found.add(Contact(Kind.EMAIL, email_key(self.email)))
        if self.external_id:
            found.add(Contact(Kind.EXTERNAL_ID, self.external_id))
        return frozenset(found)

    def with_fields(self, names: frozenset[str], of: Profile) -> Profile:
        """The profile with the fields `names` as `of` has them."""
        return replace(self, **{name: getattr(of, name) for name in names})


PROFILE_FIELDS = frozenset(one.name for one in fields(Profile))
NOTHING_KNOWN = Profile()


def check(profile: Profile, today: date) -> Profile:
    """`profile` in the form in which it is kept, if every bound is kept.

    Raises:
        InvalidField: with all violations, by the contract's field paths within a profile. No value is repeated.
    """
    violations = list(_violations(profile, today))
    phone = ""
    if profile.phone and not any(one.field == "region_code" for one in violations):
        try:
            phone = e164(profile.phone, profile.region_code, "phone")
        except InvalidField as error:
            violations += error.violations
    if violations:
        raise InvalidField(violations)
    return replace(profile, phone=phone)


def card_key(card: str) -> str:
    """A card's number as it is compared: as it reads, however it is grouped."""
    return re.sub(r"[ -]", "", card).upper()


def email_key(email: str) -> str:
    """An address as it is compared.

    Case is folded although a local part may tell it apart (RFC 5321, 2.4): no provider of note does, and people do
    not. What follows a `+` names a folder of the same mailbox nearly everywhere; dots are ignored by Google alone
    (https://support.google.com/mail/answer/7436150), and elsewhere tell people apart.
    """
    local, _, domain = unicodedata.normalize("NFKC", email).casefold().rpartition("@")
    local = local.partition("+")[0] or local  # an address that begins with it has nothing else
    if domain in _GOOGLE:
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"


def e164(phone: str, region_code: str, field: str) -> str:
    """A telephone number in E.164, such as `+14155550132`: international, or as dialled in `region_code`.

    Its length is checked, not whether it is in use: numbering plans change, and a number once kept must stay valid.

    Raises:
        InvalidField: it is no such number; the violation names `field`.
    """
    try:
        if len(phone) > _PHONE_LENGTH_MAX:
            raise InvalidField.of(field, f"must be at most {_PHONE_LENGTH_MAX} characters")
        number = phonenumbers.parse(phone, region_code or None)
    except NumberParseException:
        rule = "must be a telephone number, with its country's code or a region_code"
        raise InvalidField.of(field, rule) from None
    if number.extension or not phonenumbers.is_possible_number(number):
        raise InvalidField.of(field, "must be a whole telephone number without an extension")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def contact(kind: Kind, value: str, region_code: str, field: str) -> Contact:
    """A contact that somebody looks for.

    Raises:
        InvalidField: nobody can have it; the violation names `field`.
    """
    if region_code and not _REGION.fullmatch(region_code):
        raise InvalidField.of("region_code", "must be two capital letters")
    if kind is Kind.PHONE:
        return Contact(kind, e164(value, region_code, field))
    asked = Profile(
        cards=(value,) if kind is Kind.CARD else (),
        email=value if kind is Kind.EMAIL else "",
        external_id=value if kind is Kind.EXTERNAL_ID else "",
    )
    wrong = list(_violations(asked, FIRST_BIRTH_DATE))
    if wrong or not asked.contacts():
        raise InvalidField.of(field, wrong[0].description if wrong else "is required")
    [found] = asked.contacts()
    return found


def fields_of(contacts: Iterable[Contact]) -> str:
    """The fields of a profile that contacts stand in, comma-separated."""
    return ",".join(FIELDS[kind] for kind in sorted({one.kind for one in contacts}))


def _violations(profile: Profile, today: date) -> Iterator[FieldViolation]:
    if len(profile.cards) > CARDS_MAX:
        yield FieldViolation("cards", f"must be at most {CARDS_MAX}")
    for place, card in enumerate(profile.cards[:CARDS_MAX]):
        if not _CARD.fullmatch(card) or not _is_plain(card):
            yield FieldViolation(f"cards[{place}]", "must be 1 to 40 letters, digits, blanks and hyphens")
    if profile.email and not _is_email(profile.email):
        yield FieldViolation("email", f"must be an email address of at most {EMAIL_LENGTH_MAX} characters")
    for name, most in _LENGTHS_MAX.items():
        value = getattr(profile, name)
        if len(value) > most or not _is_plain(value):
            yield FieldViolation(name, f"must be at most {most} characters, without blanks at its ends")
    if profile.birth_date is not None and not FIRST_BIRTH_DATE <= profile.birth_date <= today:
        yield FieldViolation("birth_date", "must be between 1850 and today")
    if profile.region_code and not _REGION.fullmatch(profile.region_code):
        yield FieldViolation("region_code", "must be two capital letters")


def _is_plain(text: str) -> bool:
    return text.isprintable() and text.strip() == text


def _is_email(text: str) -> bool:
    """Whether it may be an address: whether it is one only a letter to it can tell."""
    local, at, domain = text.rpartition("@")
    return (
        bool(at and local and domain)
        and len(text) <= EMAIL_LENGTH_MAX
        and text.isprintable()
        and not re.search(r"[\s@]", local + domain)
    )
