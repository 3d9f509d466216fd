"""What connecting identity providers refuses."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class ScimTokensExceeded(DomainError):
    """The organisation has as many tokens as it may: one of them has to be revoked first."""

    reason = "SCIM_TOKENS_EXCEEDED"
    status = Status.FAILED_PRECONDITION
    message = "An organisation has at most {limit} SCIM tokens that are not revoked."

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)
