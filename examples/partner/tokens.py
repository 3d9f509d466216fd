"""Who calls: partner exchange's token, checked with its public key.

With a library for JWTs (joserfc, PyJWT) this is one call: use one. Here it is written out, since the example needs
nothing but the SDK: verifying an ES256 signature is FIPS 186-5, section 6.4.2, and handles no secret.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ISSUER = "service:partner_exchange"
LEEWAY_S = 30

# The curve P-256: y² = x³ - 3x + b modulo p, and the order n of its base point.
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

Point = tuple[int, int] | None


class NotAllowed(Exception):
    """The token is none of partner exchange's for us. The text is for our own log."""


@dataclass(frozen=True)
class Tokens:
    """Checks tokens. `jwks` is partner exchange's public keys, as the operator of the coalition publishes them."""

    jwks: Path
    audience: str
    """`guerdon.` and our name in the coalition: `guerdon.partners/skyways`."""

    def check(self, token: str, scope: str) -> None:
        """Raises NotAllowed unless the token is fresh, for us, and for this scope."""
        try:
            signed, _, signature = token.rpartition(".")
            header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
            x, y = self._key(header)
            fresh = claims["iat"] - LEEWAY_S <= time.time() <= claims["exp"] + LEEWAY_S
            meant = (claims["iss"], claims["aud"]) == (ISSUER, self.audience) and scope in claims["scope"].split()
            valid = verifies(signed.encode("ascii"), _decoded(signature), (x, y))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotAllowed("the token is malformed") from error
        if not (fresh and meant and valid):
            raise NotAllowed("the token is stale, for somebody else, or not signed by partner exchange")

    def _key(self, header: dict[str, Any]) -> tuple[int, int]:
        if header["alg"] != "ES256":
            raise NotAllowed("the token is not signed with ES256")
        for key in json.loads(self.jwks.read_text())["keys"]:
            if key["kid"] == header["kid"]:
                return int.from_bytes(_decoded(key["x"])), int.from_bytes(_decoded(key["y"]))
        raise NotAllowed("no such key is published")


def verifies(message: bytes, signature: bytes, key: tuple[int, int]) -> bool:
    """Whether an ES256 signature, 64 bytes, is the key's."""
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    x, y = key
    on_curve = (y * y - (x * x * x - 3 * x + _B)) % _P == 0
    if len(signature) != 64 or not (0 < r < _N and 0 < s < _N and on_curve):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest())
    inverse = pow(s, -1, _N)
    point = _add(_times(digest * inverse % _N, _G), _times(r * inverse % _N, key))
    return point is not None and point[0] % _N == r


def _times(factor: int, point: Point) -> Point:
    result: Point = None
    while factor:
        if factor & 1:
            result = _add(result, point)
        point, factor = _add(point, point), factor >> 1
    return result


def _add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % _P == 0:
        return None
    slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, _P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, _P)
    x = (slope * slope - a[0] - b[0]) % _P
    return x, (slope * (a[0] - x) - a[1]) % _P


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
