"""The tokens with which a service calls another: its own, short, and never its caller's."""

from __future__ import annotations

import time
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

LIFETIME_S = 60
RENEW_BEFORE_S = 20
KEPT_MAX = 5_000


class ServiceTokens:
    """Signs tokens of at most a minute: `sub` this service, `aud` the callee, the owning record's tenants, and
    `act` the original caller, by issuer and subject.
    """

    def __init__(self, service: str, key_file: Path) -> None:
        self._service = service
        key = ECKey.import_key(key_file.read_bytes(), {"use": "sig"})
        self._key = key
        self._kid = key.thumbprint()
        self._kept: dict[tuple[str, str, tuple[str, ...], str], tuple[float, str]] = {}

    def token(self, callee: str, scope: str, tenants: tuple[str, ...], act: str) -> str:
        """A token for `callee`. The same one is used again until twenty seconds before it expires."""
        now = time.time()
        wanted = (callee, scope, tenants, act)
        kept = self._kept.get(wanted)
        if kept is not None and kept[0] > now:
            return kept[1]
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        token = self._sign(wanted, int(now))
        self._kept[wanted] = (now + LIFETIME_S - RENEW_BEFORE_S, token)
        return token

    def _sign(self, wanted: tuple[str, str, tuple[str, ...], str], now: int) -> str:
        callee, scope, tenants, act = wanted
        claims = {
            "iss": f"service:{self._service}",
            "sub": self._service,
            "aud": f"guerdon.{callee}",
            "iat": now,
            "exp": now + LIFETIME_S,
            "scope": scope,
            "tenants": list(tenants),
        }
        if act:
            claims["act"] = {"sub": act}
        return jwt.encode({"alg": "ES256", "kid": self._kid}, claims, self._key, algorithms=["ES256"])
