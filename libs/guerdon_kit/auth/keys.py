"""The keys that services sign their calls with, and what the others are told of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

from guerdon_kit.auth.service_tokens import LIFETIME_S

SCOPES = {
    "ledger": [],
    "membership": ["ledger.*", "rewards.redemptions.grant", "rewards.redemptions.write"],
    "rewards_catalog": [
        "ledger.*",
        "membership.locked_points.read",
        "exchange.quotes.write",
        "exchange.exchanges.write",
        "exchange.exchanges.read",
    ],
    "partner_exchange": ["ledger.*", "membership.locked_points.read"],
    "recognition": ["ledger.*"],
}
"""The most that each service's tokens can grant: what it calls."""
SERVICES = tuple(SCOPES)


def signing_key(path: Path) -> ECKey:
    """The private key (PEM) at `path`; made, with mode 0600, where there is none."""
    if not path.exists():
        write_whole(path, ECKey.generate_key("P-256").as_pem(private=True), 0o600)
    return ECKey.import_key(path.read_bytes(), {"use": "sig"})


def public_keys(key: ECKey, kid: str = "") -> bytes:
    """The JWKS that verifies what `key` signs; its id is the key's thumbprint unless told otherwise."""
    public = key.as_dict(private=False) | {"kid": kid or key.thumbprint(), "alg": "ES256"}
    return json.dumps({"keys": [public]}).encode()


def service_issuer(service: str, jwks_file: str) -> dict[str, Any]:
    """The entry of an issuers file that lets `service` call the others."""
    return {
        "issuer": f"service:{service}",
        "jwks_file": jwks_file,
        "service": service,
        "scopes": SCOPES[service],
        "tenants": ["*"],
        "max_lifetime_s": LIFETIME_S,
    }


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """Writes a file whole or not at all, with its mode from the first moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
