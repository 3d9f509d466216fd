"""What identity providers present."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from guerdon_kit.errors import InvalidField
from recognition.domain.profiles import NAME_LENGTH_MAX
from recognition.domain.texts import text_violations

TOKENS_MAX = 10
"""So many tokens of an organisation that are not revoked."""

_ISSUER_LENGTH_MAX = 200
_PREFIX = "scim_"  # so that who finds one knows what it opens
_SECRET_BYTES = 32
_SECRET_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class ScimToken:
    """A token of an organisation: what it is for, whose tokens name people by their external ids (empty: nobody's),
    and when it was made and revoked.
    """

    organisation: str
    id: str
    display_name: str
    issuer: str
    create_time: datetime
    revoke_time: datetime | None

    @property
    def name(self) -> str:
        """The resource name."""
        return token_name(self.organisation, self.id)

    @property
    def actor(self) -> str:
        """Whom writes with it are booked to."""
        return f"scim:{self.organisation}/{self.id}"

    def check(self) -> None:
        """Whether such a token can be.

        Raises:
            InvalidField: with every field that is out of its bounds.
        """
        violations = text_violations("scim_token.display_name", self.display_name, NAME_LENGTH_MAX)
        violations += text_violations("scim_token.issuer", self.issuer, _ISSUER_LENGTH_MAX)
        if violations:
            raise InvalidField(violations)
        if "|" in self.issuer:
            raise InvalidField.of("scim_token.issuer", "must not contain a |")


def token_name(organisation: str, token: str) -> str:
    """The resource name of a token."""
    return f"organisations/{organisation}/scimTokens/{token}"


def new_secret() -> str:
    """A text that nobody guesses."""
    return _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def secret_hash(secret: str) -> bytes:
    """A secret as it is kept. It has enough of chance in it to need no salt. What is too long to be one is cut."""
    return sha256(secret[:_SECRET_LENGTH_MAX].encode(errors="replace")).digest()
