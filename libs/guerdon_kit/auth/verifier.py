"""Verifies bearer tokens (RFC 7519, RFC 8725), and remembers the verified ones for at most a minute."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeGuard

from joserfc import jwt
from joserfc.errors import JoseError

from guerdon_kit.auth.caller import Caller, Grant
from guerdon_kit.auth.issuers import Issuer, IssuerResolver
from guerdon_kit.errors import Unauthenticated

REMEMBER_S = 60
RESOLVED_REMEMBER_S = 3
"""How long a token of a resolved issuer is remembered: a suspension must work within five seconds."""
REMEMBER_MAX = 10_000
TOKEN_MAX = 8192
LEEWAY_S = 5
SUBJECT_MAX = 255
ACT_MAX = 1_000
"""Issuer and subject of the original caller: none is cut where our own services name them."""


class TokenVerifier:
    """Turns a bearer token into its caller.

    Tokens are checked against the machine's clock, never the moved one: moving a test's clock by a month must not
    expire the token that moves it.
    """

    def __init__(self, audience: str, issuers: Mapping[str, Issuer], resolve: IssuerResolver | None = None) -> None:
        self._audience = audience
        self._issuers = issuers
        self._resolve = resolve
        self._verified: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    async def verify(self, token: str) -> Caller:
        """The caller that a token speaks for.

        Raises:
            Unauthenticated: the token is malformed, not of a known issuer and key, not for this audience, expired,
                from the future, or longer-lived than its issuer may make.
        """
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        now = time.time()
        remembered = self._verified.get(digest)
        if remembered is not None and remembered[0] > now:
            return remembered[1]
        caller, until = await self._check(token, now)
        self._verified[digest] = (until, caller)
        self._verified.move_to_end(digest)
        if len(self._verified) > REMEMBER_MAX:
            self._verified.popitem(last=False)
        return caller

    async def _check(self, token: str, now: float) -> tuple[Caller, float]:
        header, claims = _peek(token)
        name, kid = claims.get("iss"), header.get("kid")
        if not isinstance(name, str) or not isinstance(kid, str):
            raise Unauthenticated
        issuer = self._issuers.get(name)
        remember = REMEMBER_S
        if issuer is None and self._resolve is not None:
            issuer, remember = await self._resolve(name), RESOLVED_REMEMBER_S
        if issuer is None or "|" in name:  # which divides issuer and subject in the name that requests are kept under
            raise Unauthenticated
        try:
            key = issuer.keys.get_by_kid(kid)
            verified = jwt.decode(token, key, algorithms=list(issuer.algorithms)).claims
        except (JoseError, ValueError, TypeError) as error:
            raise Unauthenticated from error
        caller = _caller(issuer, verified, self._audience, now)
        return caller, min(now + remember, float(verified["exp"]))


def _peek(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims before they are verified, to find the key by."""
    parts = token.split(".")
    if len(token) > TOKEN_MAX or len(parts) != 3:
        raise Unauthenticated
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (ValueError, binascii.Error, RecursionError) as error:
        raise Unauthenticated from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Unauthenticated
    return header, claims


def _caller(issuer: Issuer, claims: dict[str, Any], audience: str, now: float) -> Caller:
    audiences = claims.get("aud")
    if audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise Unauthenticated
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or not isinstance(expires, int):
        raise Unauthenticated
    if issued > now + LEEWAY_S or expires <= now or expires - issued > issuer.max_lifetime_s:
        raise Unauthenticated
    not_before = claims.get("nbf", issued)
    subject, scope, tenants = claims.get("sub"), claims.get("scope", ""), claims.get("tenants", [])
    if not isinstance(not_before, int) or not_before > now + LEEWAY_S:
        raise Unauthenticated
    if not _is_named(subject) or len(subject) > SUBJECT_MAX:
        raise Unauthenticated
    if (
        not isinstance(scope, str)
        or not isinstance(tenants, list)
        or not all(isinstance(tenant, str) for tenant in tenants)
    ):
        raise Unauthenticated
    if issuer.service is not None and subject != issuer.service:
        raise Unauthenticated
    return Caller(
        issuer=issuer.name,
        subject=subject,
        claims=Grant(frozenset(scope.split()), frozenset(tenants)) if issuer.claims_count else issuer.ceiling,
        ceiling=issuer.ceiling,
        service=issuer.service,
        act=_act(claims) if issuer.service else None,
    )


def _act(claims: dict[str, Any]) -> str | None:
    """Whom a service acts for. A service that names nobody properly is refused: the write would be booked to it."""
    if "act" not in claims:
        return None
    act = claims["act"]
    subject = act.get("sub") if isinstance(act, dict) else None
    if not _is_named(subject):
        raise Unauthenticated
    return subject[:ACT_MAX]


def _is_named(subject: object) -> TypeGuard[str]:
    # It is written beside what its bearer does, and text in PostgreSQL holds no NUL.
    return isinstance(subject, str) and subject != "" and subject.isprintable()
