"""The errors a caller may see: a stable reason, a status, a public message and the numbers to act on.

A service's catalogue is its `domain/errors`: one `DomainError` subclass for each reason. Nothing here knows gRPC;
`guerdon_kit.grpc` translates in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from types import ModuleType
from typing import ClassVar, Self


class Status(Enum):
    """The canonical status codes, by the numbers of `google.rpc.Code`."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that is wrong, by its path, such as `transaction.postings[0].amount`."""

    field: str
    description: str


class DomainError(Exception):
    """A refusal that callers may see.

    `message` is a template over the metadata. `frozen` marks a refusal decided on state under lock: it is kept
    with the request and replayed, where others may pass when the same request is sent again.
    """

    reason: ClassVar[str] = ""
    status: ClassVar[Status] = Status.INTERNAL
    message: ClassVar[str] = ""
    frozen: ClassVar[bool] = False
    retry_after: timedelta | None = None

    def __init__(self, **metadata: str | int) -> None:
        self.metadata: dict[str, str] = {key: str(value) for key, value in metadata.items()}
        self.violations: tuple[FieldViolation, ...] = ()
        super().__init__(self.reason)

    @property
    def public_message(self) -> str:
        """The message a caller reads: the template with the metadata filled in."""
        return self.message.format_map(self.metadata)

    @property
    def public_reason(self) -> str:
        """The reason a caller reads; differs from the class's only for a replayed refusal."""
        return self.reason

    @property
    def public_status(self) -> Status:
        """The status a caller reads; differs from the class's only for a replayed refusal."""
        return self.status


class InvalidField(DomainError):
    """A field that is malformed, missing or out of its bounds."""

    reason = "INVALID_FIELD"
    status = Status.INVALID_ARGUMENT
    message = "The request has invalid fields."

    def __init__(self, violations: Iterable[FieldViolation]) -> None:
        super().__init__()
        self.violations = tuple(violations)

    @classmethod
    def of(cls, field: str, description: str) -> Self:
        """One violation."""
        return cls([FieldViolation(field, description)])

    def within(self, prefix: str) -> InvalidField:
        """The same violations, each path led by `prefix`, for a request that lies inside another."""
        return InvalidField(FieldViolation(f"{prefix}.{v.field}", v.description) for v in self.violations)


class MalformedRequest(DomainError):
    """The bytes of the request are not the message that the method takes."""

    reason = "MALFORMED_REQUEST"
    status = Status.INVALID_ARGUMENT
    message = "The request does not decode as the method's message."


class NotFound(DomainError):
    """No such resource, or not the caller's to see."""

    reason = "NOT_FOUND"
    status = Status.NOT_FOUND
    message = "{resource} does not exist, or is not yours to see."

    def __init__(self, resource: str) -> None:
        super().__init__(resource=resource)


class AlreadyExists(DomainError):
    """The resource's name is taken."""

    reason = "ALREADY_EXISTS"
    status = Status.ALREADY_EXISTS
    message = "{resource} exists already."

    def __init__(self, resource: str) -> None:
        super().__init__(resource=resource)


class RequestIdReused(DomainError):
    """The same `request_id` came with another body."""

    reason = "REQUEST_ID_REUSED"
    status = Status.INVALID_ARGUMENT
    message = "This request_id was used with another body; these fields differ: {fields}."

    def __init__(self, fields: str) -> None:
        super().__init__(fields=fields)


class Unauthenticated(DomainError):
    """No token, or one that does not verify. Says no more, so that nobody learns how to forge one."""

    reason = "UNAUTHENTICATED"
    status = Status.UNAUTHENTICATED
    message = "A valid bearer token is required."


class ScopeRequired(DomainError):
    """The caller's token lacks the method's scope."""

    reason = "SCOPE_REQUIRED"
    status = Status.PERMISSION_DENIED
    message = "This method requires the scope {scope}."

    def __init__(self, scope: str) -> None:
        super().__init__(scope=scope)


class Unavailable(DomainError):
    """A part that the answer needs is away for the moment. The same request may be sent again."""

    reason = "UNAVAILABLE"
    status = Status.UNAVAILABLE
    message = "The service cannot answer for the moment; send the same request again."
    retry_after = timedelta(milliseconds=500)


class Overloaded(DomainError):
    """The queue is full: the request was refused before it cost anything."""

    reason = "OVERLOADED"
    status = Status.UNAVAILABLE
    message = "The service is at its limit; send the same request again."
    retry_after = timedelta(milliseconds=250)


class DeadlineExceeded(DomainError):
    """The caller's deadline passed. A write may have taken effect: send the same request again to learn."""

    reason = "DEADLINE_EXCEEDED"
    status = Status.DEADLINE_EXCEEDED
    message = "The deadline passed before the answer was there; send the same request again."


class ReplayedRefusal(DomainError):
    """A frozen refusal, answered again from its record exactly as it was first answered."""

    def __init__(self, reason: str, status: Status, message: str, metadata: dict[str, str]) -> None:
        super().__init__(**metadata)
        self._reason, self._status, self._message = reason, status, message

    @property
    def public_message(self) -> str:
        """The message as first answered."""
        return self._message

    @property
    def public_reason(self) -> str:
        """The reason as first answered."""
        return self._reason

    @property
    def public_status(self) -> Status:
        """The status as first answered."""
        return self._status


def catalogue(*modules: ModuleType) -> Iterator[type[DomainError]]:
    """Every error class with a reason that the modules define, by reason. The reference is generated from it."""
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, DomainError) and value.reason
    }
    yield from sorted(found, key=lambda error: error.reason)
