"""From the contracts' messages to the domain's words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from google.protobuf.message import Message

from guerdon.exchange.v1 import resources_pb2 as res
from guerdon.type.v1 import rational_pb2
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import instant
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import check_id, parse
from partner_exchange.domain.book import Person
from partner_exchange.domain.partners import RATE_MOVE_MAX, Profile, PublicKey, parse_jwk
from partner_exchange.domain.quotes import Wanted
from partner_exchange.domain.windows import HUB, Party
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.quoting import Route

COALITION = "coalitions/{coalition}"
PARTNER = "partners/{partner}"
KEY = "partners/{partner}/keys/{key}"
RATE_BOOK = "coalitions/{coalition}/rateBooks/{version}"
QUOTE = "partners/{partner}/quotes/{quote}"
EXCHANGE = "partners/{partner}/exchanges/{exchange}"
WINDOW = "coalitions/{coalition}/settlementWindows/{window}"
STATEMENT = "partners/{partner}/statements/{statement}"
_UNIT = "programs/{program}/units/{unit}"
_ACCOUNT = "programs/{program}/accounts/{account}"
_MEMBER = "partners/{partner}/members/{member}"

_VERSION_DIGITS_MAX = 9


def asking(call: CallContext, request: Message, tenant: str) -> Asking:
    """Who asks for a write; `tenant` is the resource that its `request_id` belongs to."""
    caller = call.caller
    return Asking(Fingerprint.of(call, request, tenant), caller.actor, call.deadline)


def person(call: CallContext) -> Person:
    """Who decides where it takes two people: the caller, or whom a service acts for."""
    caller = call.caller
    return Person(caller.actor, caller.act or caller.name)


def mark(call: CallContext, replayed: bool) -> None:
    """Marks the answer where it is a replay."""
    if replayed:
        call.mark_replayed()


def rate_move_max(message: res.Coalition) -> Fraction:
    """By which fraction of itself one person may move a rate."""
    if not message.HasField("rate_move_max"):
        return RATE_MOVE_MAX
    return rational(message.rate_move_max, "coalition.rate_move_max")


def profile(message: res.Partner) -> Profile:
    """A partner to take in. Its bounds are the domain's to check."""
    (partner_id,) = parse(message.name, PARTNER, "partner.name")
    (coalition_id,) = parse(message.coalition, COALITION, "partner.coalition")
    program_id, unit_id = parse(message.unit, _UNIT, "partner.unit") if message.unit else ("", "")
    return Profile(
        partner_id=partner_id,
        coalition_id=coalition_id,
        display_name=message.display_name,
        program_id=program_id,
        unit_id=unit_id,
        agreed_price=rational(message.agreed_price, "partner.agreed_price"),
        received_lifetime_days=message.received_points_lifetime_days or None,
        target=message.target,
    )


def changes(message: res.Partner, paths: Collection[str]) -> dict[str, Any]:
    """The fields of a partner that are to change, as the domain calls and bounds them."""
    found: dict[str, Any] = {}
    if "display_name" in paths:
        found["display_name"] = message.display_name
    if "agreed_price" in paths:
        found["agreed_price"] = rational(message.agreed_price, "partner.agreed_price")
    if "received_points_lifetime_days" in paths:
        found["received_lifetime_days"] = message.received_points_lifetime_days or None
    return found


def keys(jwks: Sequence[str]) -> list[PublicKey]:
    """The keys that a partner starts with."""
    return [parse_jwk(jwk, f"jwks[{number}]") for number, jwk in enumerate(jwks)]


def rate_book(name: str) -> tuple[str, int]:
    """The coalition and the version in the name of a book."""
    coalition_id, text = parse(name, RATE_BOOK)
    return coalition_id, version(text, "name")


def version(text: str, field: str, template: str = RATE_BOOK) -> int:
    """The version of a book in its name, or the number of a window."""
    if not text.isdecimal() or len(text) > _VERSION_DIGITS_MAX:
        raise InvalidField.of(field, f"must be of the form {template}, its last part a number")
    return int(text)


def party(name: str) -> Party:
    """A partner, or by the coalition's name its operator."""
    if name.startswith("coalitions/"):
        (coalition_id,) = parse(name, COALITION, "party")
        return Party(coalition_id, HUB)
    (partner_id,) = parse(name, PARTNER, "party")
    return Party("", partner_id)


def window(name: str, field: str = "name") -> tuple[str, int]:
    """A settlement window: its coalition and its number."""
    coalition_id, number = parse(name, WINDOW, field)
    return coalition_id, version(number, field, WINDOW)


def route(parent: str, message: res.Quote) -> Route:
    """Between whom a quote is."""
    (sender,) = parse(parent, PARTNER, "parent")
    form = _MEMBER if message.source_account.startswith("partners/") else _ACCOUNT
    _, account_id = parse(message.source_account, form, "quote.source_account")
    return Route(
        sender=sender,
        source_account=message.source_account,
        source_account_id=account_id,
        receiver=check_id(message.receiver_id, "quote.receiver_id"),
        destination_account_id=check_id(message.destination_account_id, "quote.destination_account_id"),
    )


def wanted(message: res.Quote) -> Wanted:
    """What a quote is asked for."""
    chosen = message.WhichOneof("amount")
    return Wanted(
        send=message.send if chosen == "send" else None,
        receive_at_least=message.receive_at_least if chosen == "receive_at_least" else None,
    )


def rational(message: rational_pb2.Rational, field: str) -> Fraction:
    """An exact number above 0."""
    if message.numerator < 1 or message.denominator < 1:
        raise InvalidField.of(field, "numerator and denominator must be at least 1")
    return Fraction(message.numerator, message.denominator)


def optional_time(message: Message, field: str, path: str) -> datetime | None:
    """A timestamp where it is set."""
    if not message.HasField(field):
        return None
    return instant(getattr(message, field), path)
