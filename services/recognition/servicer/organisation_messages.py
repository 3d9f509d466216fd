"""Organisations, between the contract and the domain."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from fractions import Fraction
from typing import Any

from guerdon.recognition.v1 import organisations_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc.messages import rational, timestamp
from guerdon_kit.names import parse
from recognition.domain.countries import CountryValue
from recognition.domain.organisations import Organisation
from recognition.domain.periods import check_zone
from recognition.servicer.naming import ORGANISATION

ORGANISATION_FIELDS = frozenset({"countries", "display_name", "values"})
"""What of an organisation may change."""

_UNIT = "programs/{program}/units/{unit}"


def read_organisation(message: pb.Organisation, create_time: datetime) -> Organisation:
    """An organisation to make."""
    (organisation,) = parse(message.name, ORGANISATION, "organisation.name")
    program, unit = parse(message.unit, _UNIT, "organisation.unit")
    return Organisation(
        id=organisation,
        display_name=message.display_name,
        program=program,
        unit=unit,
        time_zone=check_zone(message.time_zone, "organisation.time_zone"),
        values=tuple(message.values),
        exchange_allowed=message.exchange_allowed,
        create_time=create_time,
        countries=_read_countries(message.countries),
    )


def read_organisation_changes(message: pb.Organisation, fields: Collection[str]) -> dict[str, Any]:
    """The new values of those of the fields that may change."""
    values = {
        "countries": _read_countries(message.countries),
        "display_name": message.display_name,
        "values": tuple(message.values),
    }
    return {field: values[field] for field in fields}


def _read_countries(messages: Iterable[pb.CountryValue]) -> tuple[CountryValue, ...]:
    return tuple(_read_country(message, index) for index, message in enumerate(messages))


def _read_country(message: pb.CountryValue, index: int) -> CountryValue:
    worth = message.minor_units_per_point
    if worth.denominator < 1:
        field = f"organisation.countries[{index}].minor_units_per_point.denominator"
        raise InvalidField.of(field, "must be at least 1")
    return CountryValue(message.country, message.currency_code, Fraction(worth.numerator, worth.denominator))


def write_organisation(organisation: Organisation) -> pb.Organisation:
    """The contract's organisation."""
    return pb.Organisation(
        name=organisation.name,
        display_name=organisation.display_name,
        unit=organisation.unit_name,
        time_zone=organisation.time_zone,
        values=organisation.values,
        exchange_allowed=organisation.exchange_allowed,
        budget_account=organisation.budget_account,
        create_time=timestamp(organisation.create_time),
        countries=[
            pb.CountryValue(
                country=value.country,
                currency_code=value.currency_code,
                minor_units_per_point=rational(value.minor_units),
            )
            for value in organisation.countries
        ],
    )
