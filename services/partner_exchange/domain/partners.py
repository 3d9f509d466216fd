"""Partners: what they are, which keys speak for them, and what their state lets them do."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from guerdon_kit.days import time_zones
from guerdon_kit.errors import FieldViolation, InvalidField
from guerdon_kit.names import check_id
from partner_exchange.domain.errors import PartnerLeaving, PartnerNotLive, PartnerSuspended, SandboxOnly
from partner_exchange.domain.lifecycle import PartnerState, Standing

PARTNER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_~-]{0,19}")
"""Short, since it is part of the ids of the ledger's exchange accounts."""

COALITION_ID_MAX = 50
"""It is part of the id of the coalition's program in the ledger."""

PRICE_MAX = 10_000
"""The highest agreed price of a point, in minor units: keeps what is owed inside an int64."""

PRICE_TERM_MAX = 10**9
RATE_MOVE_MAX = Fraction(1, 5)
"""Where a coalition says nothing else."""

LIFETIME_DAYS_MAX = 36_500
ACTIVE_KEYS_MAX = 2
TEXT_LENGTH_MAX = 200
JWK_LENGTH_MAX = 2_000
SANDBOX = "sandbox"
"""The target of a partner whose ledger this service plays."""


@dataclass(frozen=True, slots=True)
class Coalition:
    """Brands that exchange, and the currency they settle in."""

    coalition_id: str
    display_name: str
    currency: str
    time_zone: str
    """Whose days and months those of limits are."""
    create_time: datetime
    rate_move_max: Fraction = RATE_MOVE_MAX
    """By which fraction of itself one person may move a rate from one book to the next."""

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"coalitions/{self.coalition_id}"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A partner's public key; `jwk` has the public members only."""

    key_id: str
    algorithm: str
    """`ES256` or `Ed25519`."""
    jwk: dict[str, str]


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A key as it is kept."""

    key: PublicKey
    create_time: datetime
    retire_time: datetime | None


@dataclass(frozen=True, slots=True)
class Profile:
    """What the operator says of a partner."""

    partner_id: str
    coalition_id: str
    display_name: str
    program_id: str
    """Empty, as the unit's id is, where the partner is remote."""
    unit_id: str
    agreed_price: Fraction
    """Minor units of the settlement currency for one of its points."""
    received_lifetime_days: int | None
    """After how many days received points expire; None: never."""
    target: str = ""
    """Where its own ledger answers, as `host:port`, or SANDBOX; empty where it is hosted."""

    @property
    def remote(self) -> bool:
        """Whether its points live in a ledger of its own."""
        return bool(self.target)


@dataclass(frozen=True, slots=True)
class AgreedPrice:
    """A price as it was agreed at some time."""

    price: Fraction
    version: int
    """Counts from 1."""
    create_time: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner as it is kept."""

    profile: Profile
    state: PartnerState
    create_time: datetime
    keys: tuple[RegisteredKey, ...] = ()
    resumed: PartnerState | None = None
    """The state that a SUSPENDED one comes back to."""
    leave_time: datetime | None = None
    """When the notice of one that leaves is over."""

    @property
    def standing(self) -> Standing:
        """Where it is on its way through the coalition."""
        return Standing(self.state, self.resumed, self.leave_time)

    @property
    def tries(self) -> bool:
        """Whether nothing is owed for what it exchanges."""
        return self.state is PartnerState.SANDBOX

    @property
    def price_owed(self) -> Fraction:
        """What each of its points that is received is owed now."""
        return Fraction(0) if self.tries else self.profile.agreed_price

    @property
    def name(self) -> str:
        """Its resource name, which is also the `iss` of its tokens."""
        return f"partners/{self.profile.partner_id}"

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants whose resources its own tokens may name: itself, and its program where it has one."""
        if self.profile.remote:
            return frozenset({self.name})
        return frozenset({self.name, f"programs/{self.profile.program_id}"})

    def account_name(self, account_id: str) -> str:
        """The resource name of an account of its, or of a member where it is remote."""
        if self.profile.remote:
            return f"{self.name}/members/{account_id}"
        return f"programs/{self.profile.program_id}/accounts/{account_id}"


def check_coalition(coalition: Coalition) -> None:
    """Checks the bounds of a new coalition.

    Raises:
        InvalidField: naming each field that is out of them.
    """
    violations: list[FieldViolation] = []
    if len(coalition.coalition_id) > COALITION_ID_MAX:
        violations.append(FieldViolation("coalition.name", f"the id must have at most {COALITION_ID_MAX} characters"))
    violations.extend(_wrong_text(coalition.display_name, "coalition.display_name"))
    if re.fullmatch("[A-Z]{3}", coalition.currency) is None:
        violations.append(FieldViolation("coalition.settlement_currency_code", "must be an ISO 4217 code"))
    if coalition.time_zone not in time_zones():
        violations.append(FieldViolation("coalition.time_zone", "must be the IANA name of a time zone"))
    move = coalition.rate_move_max
    if move.numerator > PRICE_TERM_MAX or move.denominator > PRICE_TERM_MAX:
        field, wrong = "coalition.rate_move_max", f"numerator and denominator must be 1 to {PRICE_TERM_MAX}"
        violations.append(FieldViolation(field, wrong))
    if violations:
        raise InvalidField(violations)


def check_profile(profile: Profile, *, target_ok: bool = True) -> None:
    """Checks the bounds of a new partner; `target_ok`: its target is an address that may be called.

    Raises:
        InvalidField: naming each field that is out of them.
    """
    violations: list[FieldViolation] = []
    if PARTNER_ID.fullmatch(profile.partner_id) is None:
        violations.append(FieldViolation("partner.name", "the id must be 1 to 20 of A-Z a-z 0-9 _ ~ -"))
    violations.extend(_wrong_text(profile.display_name, "partner.display_name"))
    if profile.remote is bool(profile.unit_id):
        violations.append(FieldViolation("partner.target", "exactly one of unit and target must be set"))
    elif not target_ok:
        violations.append(FieldViolation("partner.target", f"must be a public host and a port, or {SANDBOX}"))
    price = profile.agreed_price
    if not 0 < price <= PRICE_MAX or max(price.numerator, price.denominator) > PRICE_TERM_MAX:
        violations.append(
            FieldViolation(
                "partner.agreed_price",
                f"must be above 0 and at most {PRICE_MAX}, its terms at most {PRICE_TERM_MAX}",
            )
        )
    days = profile.received_lifetime_days
    if days is not None and not 1 <= days <= LIFETIME_DAYS_MAX:
        violations.append(FieldViolation("partner.received_points_lifetime_days", f"must be 0 to {LIFETIME_DAYS_MAX}"))
    if violations:
        raise InvalidField(violations)


def _wrong_text(text: str, field: str) -> list[FieldViolation]:
    if len(text) <= TEXT_LENGTH_MAX and text.isprintable():
        return []
    return [FieldViolation(field, f"must have at most {TEXT_LENGTH_MAX} printable characters")]


def check_exchanging(sender: Partner, receiver: Partner, now: datetime) -> None:
    """Whether points of the one may become points of the other.

    Raises:
        PartnerSuspended, PartnerNotLive: one side exchanges nothing.
        SandboxOnly: one side only tries, and the other does not.
        PartnerLeaving: the receiver gives out no more points, or the sender's notice is over.
    """
    for partner in (sender, receiver):
        if partner.state is PartnerState.SUSPENDED:
            raise PartnerSuspended(partner=partner.name)
        if partner.state in {PartnerState.DRAFT, PartnerState.LEFT}:
            raise PartnerNotLive(partner=partner.name, state=partner.state.value)
    if sender.tries is not receiver.tries:
        raise SandboxOnly(sender=sender.name, receiver=receiver.name)
    for partner in (sender, receiver):
        if partner.leave_time is not None and (partner is receiver or now >= partner.leave_time):
            raise PartnerLeaving(partner=partner.name, leave_time=partner.leave_time.isoformat())


def check_present(*sides: Partner) -> None:
    """Whether something may still be begun between partners who have exchanged: who has left is done with all of it.

    Raises:
        PartnerNotLive: one of them has left.
    """
    for partner in sides:
        if partner.state is PartnerState.LEFT:
            raise PartnerNotLive(partner=partner.name, state=partner.state.value)


def check_new_keys(keys: Collection[PublicKey], field: str) -> None:
    """Checks the keys that a partner starts with.

    Raises:
        InvalidField: there are more than two, or two have one id.
    """
    if len(keys) > ACTIVE_KEYS_MAX:
        raise InvalidField.of(field, f"at most {ACTIVE_KEYS_MAX} keys can be active")
    if len({key.key_id for key in keys}) < len(keys):
        raise InvalidField.of(field, "two keys have the same kid")


def parse_jwk(text: str, field: str) -> PublicKey:
    """Reads a public JWK: P-256 for ES256, or Ed25519.

    Members that these keys do not have are dropped, and a private key is refused, so that no secret is ever kept.

    Raises:
        InvalidField: it is not such a key, or has no usable `kid`.
    """
    if len(text) > JWK_LENGTH_MAX:
        raise InvalidField.of(field, f"must have at most {JWK_LENGTH_MAX} characters")
    try:
        jwk = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidField.of(field, "must be a JWK in JSON") from error
    if not isinstance(jwk, dict) or not all(isinstance(key, str) for key in jwk):
        raise InvalidField.of(field, "must be a JWK in JSON")
    if "d" in jwk or jwk.get("kty") == "oct":
        raise InvalidField.of(field, "holds a private key: send the public one, and stop using this one")
    if not isinstance(jwk.get("kid"), str):
        raise InvalidField.of(field, "must have a kid")
    key_id = check_id(jwk["kid"], f"{field}.kid")
    match jwk.get("kty"), jwk.get("crv"):
        case "EC", "P-256":
            algorithm, coordinates = "ES256", ["x", "y"]
        case "OKP", "Ed25519":
            algorithm, coordinates = "Ed25519", ["x"]
        case _:
            raise InvalidField.of(field, "must be of kty EC and crv P-256, or of kty OKP and crv Ed25519")
    _check_coordinates(jwk, coordinates, field)
    return PublicKey(key_id, algorithm, {member: jwk[member] for member in ("kty", "crv", *coordinates)})


def _check_coordinates(jwk: dict[str, Any], coordinates: Collection[str], field: str) -> None:
    for member in coordinates:
        if not _is_coordinate(jwk.get(member)):
            raise InvalidField.of(f"{field}.{member}", "must be 32 bytes in base64url")
    if "y" in coordinates and not _is_on_p256(jwk["x"], jwk["y"]):
        raise InvalidField.of(field, "is not a point of P-256")


def _is_on_p256(x: str, y: str) -> bool:
    """Whether coordinates are a point of the curve: with any others no key set that holds the key can be read."""
    first, second = (int.from_bytes(base64.urlsafe_b64decode(value + "=")) for value in (x, y))
    try:
        ec.EllipticCurvePublicNumbers(first, second, ec.SECP256R1()).public_key()
    except ValueError:
        return False
    return True


def _is_coordinate(value: object) -> bool:
    """Whether a JWK's member is 32 bytes, as the coordinates of both curves are."""
    if not isinstance(value, str) or re.fullmatch(r"[A-Za-z0-9_-]{43}", value) is None:
        return False
    try:
        return len(base64.urlsafe_b64decode(value + "=")) == 32
    except binascii.Error:
        return False
