"""The development issuer and the services' keys, made on first use under the data folder. Never for production."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from guerdon_kit.auth.issuers import DEVELOPMENT_ISSUER, DEVELOPMENT_KID
from guerdon_kit.auth.keys import SERVICES, public_keys, service_issuer, signing_key, write_whole

AUDIENCES = tuple([f"guerdon.{name}" for name in SERVICES])
ISSUER = DEVELOPMENT_ISSUER


@dataclass(frozen=True, slots=True)
class DevelopmentIdentity:
    """Where the keys are, and a maker of tokens for people and tests."""

    folder: Path

    @property
    def issuers_file(self) -> Path:
        """The issuers that development services accept."""
        return self.folder / "issuers.json"

    def signing_key_file(self, service: str) -> Path:
        """The private key of one service."""
        return self.folder / f"{service}.pem"

    def token(
        self,
        subject: str = "developer",
        scopes: Iterable[str] = ("*",),
        tenants: Iterable[str] = ("*",),
        audiences: Iterable[str] = AUDIENCES,
        lifetime_s: int = 3600,
        **claims: Any,
    ) -> str:
        """A token of the development issuer, by default for everything; further claims replace those made here."""
        key = ECKey.import_key((self.folder / "development.pem").read_bytes(), {"use": "sig"})
        now = int(time.time())
        made = {
            "iss": ISSUER,
            "sub": subject,
            "aud": list(audiences),
            "iat": now,
            "exp": now + lifetime_s,
            "scope": " ".join(scopes),
            "tenants": list(tenants),
        }
        header = {"alg": "ES256", "kid": _kid(key)}
        return jwt.encode(header, made | claims, key, algorithms=["ES256"])


def write_development_keys(folder: Path) -> DevelopmentIdentity:
    """Makes the keys and `issuers.json` that are missing in `folder`; private keys have mode 0600."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    issuers: list[dict[str, Any]] = [
        {"issuer": ISSUER, "jwks_file": "development.jwks.json", "scopes": ["*"], "tenants": ["*"]}
        | {"max_lifetime_s": 90 * 86400}
    ]
    key = signing_key(folder / "development.pem")
    write_whole(folder / "development.jwks.json", public_keys(key, _kid(key)), 0o644)
    issuers += [service_issuer(service, _service_key(folder, service)) for service in SERVICES]
    write_whole(folder / "issuers.json", json.dumps(issuers, indent=1).encode(), 0o644)
    return DevelopmentIdentity(folder)


def _kid(key: ECKey) -> str:
    return DEVELOPMENT_KID + key.thumbprint()


def _service_key(folder: Path, name: str) -> str:
    key = signing_key(folder / f"{name}.pem")
    write_whole(folder / f"{name}.jwks.json", public_keys(key), 0o644)
    return f"{name}.jwks.json"
