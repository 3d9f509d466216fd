"""Personal data, between the contract and the domain."""

from __future__ import annotations

from datetime import date

from google.type.date_pb2 import Date

from guerdon.membership.v1 import profile_pb2
from guerdon_kit.errors import InvalidField
from membership.domain.profiles import PROFILE_FIELDS, Contact, Kind, Profile, contact

_CONTACTS = {"card": Kind.CARD, "phone": Kind.PHONE, "email": Kind.EMAIL, "external_id": Kind.EXTERNAL_ID}
_NO_DATE = date.max
"""Stands for a date that is none: the domain refuses it as it does every date to come."""


def read_profile(message: profile_pb2.Profile) -> Profile:
    """A profile as it came in; its bounds are the domain's to check."""
    return Profile(
        cards=tuple(message.cards),
        phone=message.phone,
        email=message.email,
        external_id=message.external_id,
        display_name=message.display_name,
        birth_date=day_of(message.birth_date) if message.HasField("birth_date") else None,
        sales_associate=message.sales_associate,
        region_code=message.region_code,
    )


def write_profile(profile: Profile) -> profile_pb2.Profile:
    """A profile as it is answered."""
    born = profile.birth_date
    return profile_pb2.Profile(
        cards=profile.cards,
        phone=profile.phone,
        email=profile.email,
        external_id=profile.external_id,
        display_name=profile.display_name,
        birth_date=None if born is None else Date(year=born.year, month=born.month, day=born.day),
        sales_associate=profile.sales_associate,
        region_code=profile.region_code,
    )


def read_contact(request: profile_pb2.FindMemberRequest) -> tuple[Contact, str]:
    """What a member is looked for by, and the field it came in.

    Raises:
        InvalidField: there is none, or nobody can have it.
    """
    field = request.WhichOneof("contact")
    if field is None:
        raise InvalidField.of("contact", f"must be one of {', '.join(_CONTACTS)}")
    return contact(_CONTACTS[field], getattr(request, field), request.region_code, field), field


def read_mask(request: profile_pb2.UpdateMemberRequest) -> frozenset[str]:
    """The fields of a profile that are to be changed.

    Raises:
        InvalidField: there is none, or one that a profile has not.
    """
    names = frozenset(request.update_mask.paths)
    if not names or not names <= PROFILE_FIELDS:
        raise InvalidField.of("update_mask", f"must be some of {', '.join(sorted(PROFILE_FIELDS))}")
    return names


def day_of(message: Date) -> date:
    """A day; the last one there is for what is none, which nobody was born on and nothing was bought on."""
    try:
        return date(message.year, message.month, message.day)
    except (ValueError, OverflowError):
        return _NO_DATE
