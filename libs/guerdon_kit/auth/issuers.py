"""The issuers whose tokens are accepted: their keys, algorithms and ceilings, from configuration."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import KeySet

from guerdon_kit.auth.caller import Grant

ALGORITHMS = ("ES256", "Ed25519")
"""What a token may be signed with: asymmetric, small and quick. `none` and the symmetric ones never are."""

DEVELOPMENT_ISSUER = "https://development.guerdon.dev"
DEVELOPMENT_KID = "development-"
"""What the ids of development keys begin with, so that they are known under any issuer's name."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who may sign tokens, with what, and the most that its tokens can grant."""

    name: str
    keys: KeySet
    ceiling: Grant
    algorithms: tuple[str, ...] = ALGORITHMS
    service: str | None = None
    claims_count: bool = True
    """False where what a caller may do comes from the ceiling alone, whatever its token claims (partners)."""
    max_lifetime_s: int = 3600
    """Tokens that live longer are refused."""


IssuerResolver = Callable[[str], Awaitable[Issuer | None]]
"""Finds an issuer that the configuration does not have, such as a partner in a service's own database."""


def load_issuers(path: Path, *, development: bool = False) -> dict[str, Issuer]:
    """The issuers of a JSON file: a list of objects with `issuer`, `jwks_file` (relative to the file), `scopes`,
    `tenants` and, where they differ from the defaults, `algorithms`, `service`, `max_lifetime_s`.

    Raises:
        ValueError: an algorithm is not one of `ALGORITHMS`, an issuer occurs twice, or the development issuer or
            its key is among them outside development.
    """
    issuers: dict[str, Issuer] = {}
    for entry in json.loads(path.read_text(encoding="utf-8")):
        issuer = _issuer(entry, path.parent)
        if issuer.name in issuers:
            raise ValueError(f"{path}: the issuer {issuer.name} occurs twice")
        if not development and _is_of_development(issuer):
            raise ValueError(f"{path}: the issuer {issuer.name} is for GUERDON_ENV=development only")
        issuers[issuer.name] = issuer
    return issuers


def _issuer(entry: dict[str, Any], folder: Path) -> Issuer:
    algorithms = tuple(entry.get("algorithms", ALGORITHMS))
    if not set(algorithms) <= set(ALGORITHMS):
        raise ValueError(f"issuer {entry['issuer']}: algorithms must be among {', '.join(ALGORITHMS)}")
    keys = json.loads((folder / entry["jwks_file"]).read_text(encoding="utf-8"))
    return Issuer(
        name=entry["issuer"],
        keys=KeySet.import_key_set(keys),
        ceiling=Grant(frozenset(entry["scopes"]), frozenset(entry["tenants"])),
        algorithms=algorithms,
        service=entry.get("service"),
        max_lifetime_s=int(entry.get("max_lifetime_s", 3600)),
    )


def _is_of_development(issuer: Issuer) -> bool:
    return issuer.name == DEVELOPMENT_ISSUER or any(
        (key.kid or "").startswith(DEVELOPMENT_KID) for key in issuer.keys.keys
    )
