"""Partners: bounds of a profile, and which keys are taken."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from guerdon_kit.errors import InvalidField
from partner_exchange.domain.partners import Profile, check_new_keys, check_profile, parse_jwk


def jwk(key: ECKey | OKPKey | RSAKey, **changes: object) -> str:
    return json.dumps(key.as_dict(private=False) | {"kid": "k1"} | changes)


def profile(**changes: object) -> Profile:
    values: dict[str, object] = {
        "partner_id": "aurora",
        "coalition_id": "north",
        "display_name": "Aurora Air",
        "program_id": "aurora-miles",
        "unit_id": "miles",
        "agreed_price": Fraction(7, 10),
        "received_lifetime_days": None,
    }
    return Profile(**(values | changes))  # type: ignore[arg-type]  # the table below changes one value at a time


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"partner_id": "a" * 21}, "partner.name"),
        ({"partner_id": "a.b"}, "partner.name"),
        ({"display_name": "x" * 201}, "partner.display_name"),
        ({"display_name": "nul \0"}, "partner.display_name"),
        ({"agreed_price": Fraction(0)}, "partner.agreed_price"),
        ({"agreed_price": Fraction(10_001)}, "partner.agreed_price"),
        ({"agreed_price": Fraction(1, 10**9 + 1)}, "partner.agreed_price"),
        ({"received_lifetime_days": 36_501}, "partner.received_points_lifetime_days"),
    ],
)
def test_a_profile_out_of_its_bounds_is_refused_by_its_field(changes: dict[str, object], field: str) -> None:
    check_profile(profile())
    with pytest.raises(InvalidField) as refused:
        check_profile(profile(**changes))
    assert [violation.field for violation in refused.value.violations] == [field]


def test_p256_and_ed25519_keys_are_taken_with_their_public_members_only() -> None:
    taken = parse_jwk(jwk(ECKey.generate_key("P-256"), use="sig", x5c=["…"]), "jwk")
    assert (taken.key_id, taken.algorithm, sorted(taken.jwk)) == ("k1", "ES256", ["crv", "kty", "x", "y"])
    taken = parse_jwk(jwk(OKPKey.generate_key("Ed25519")), "jwk")
    assert (taken.algorithm, sorted(taken.jwk)) == ("Ed25519", ["crv", "kty", "x"])


def test_a_key_that_is_no_point_of_its_curve_is_refused_for_no_other_key_could_be_read_beside_it() -> None:
    with pytest.raises(InvalidField) as refused:
        parse_jwk(jwk(ECKey.generate_key("P-256"), x="A" * 43, y="A" * 43), "jwk")
    assert [violation.field for violation in refused.value.violations] == ["jwk"]


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        "[" * 1999,
        jwk(RSAKey.generate_key(2048)),
        jwk(ECKey.generate_key("P-384")),
        jwk(OKPKey.generate_key("X25519")),
        jwk(ECKey.generate_key("P-256"), kid=7),
        jwk(ECKey.generate_key("P-256"), kid="a/b"),
        jwk(ECKey.generate_key("P-256"), x="short"),
        jwk(ECKey.generate_key("P-256"), extra="x" * 2000),
        json.dumps({"kty": "oct", "k": "c2VjcmV0", "kid": "k1"}),
        json.dumps(ECKey.generate_key("P-256").as_dict(private=True) | {"kid": "k1"}),
    ],
    ids=[
        "no json",
        "an array",
        "too deep",
        "RSA",
        "P-384",
        "X25519",
        "id of a number",
        "id with a slash",
        "short x",
        "too long",
        "symmetric",
        "private",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        parse_jwk(text, "jwk")


def test_a_partner_starts_with_at_most_two_keys_of_different_ids() -> None:
    one, two, three = (
        parse_jwk(jwk(ECKey.generate_key("P-256"), kid=kid), "jwks[0]") for kid in ("one", "two", "three")
    )
    check_new_keys([one, two], "jwks")
    for keys in ([one, two, three], [one, one]):
        with pytest.raises(InvalidField):
            check_new_keys(keys, "jwks")
