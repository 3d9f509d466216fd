"""What a call can raise: one small tree, decoded from the `google.rpc.Status` that the services answer with.

GuerdonError
├── InvalidRequestError     the request is malformed; `violations` name the fields
├── UnauthenticatedError    no valid token
├── PermissionDeniedError   the token lacks a scope, or the tenant
├── NotFoundError           no such thing, or not yours to see
├── RefusedError            a rule or a state forbids it; `reason` and `metadata` say which and by how much
└── UnavailableError        the outcome is unknown: send the same request again, with the same request_id
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

_DETAILS_KEY = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_STUMBLED = "Internal error from Core"
"""What grpc's client says, now and then, of a stream that ends while it still writes: the server's word is lost."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of a request that is wrong, by its path, such as `transaction.postings[0].amount`."""

    field: str
    description: str


class GuerdonError(Exception):
    """A call failed.

    `code` is the gRPC status, `message` words for people. `reason` is the stable UPPER_SNAKE word to decide
    by, and `metadata` the numbers that go with it (`INSUFFICIENT_POINTS`: required, available, missing); both
    are empty when the failure did not come from a Guerdon service. `retry_after` is how long to wait, where
    waiting helps.
    """

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: Mapping[str, str]
    violations: tuple[Violation, ...]
    retry_after: timedelta | None

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: tuple[Violation, ...] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(f"{reason or code.name}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        self.metadata = MappingProxyType(dict(metadata or {}))
        self.violations = violations
        self.retry_after = retry_after


class InvalidRequestError(GuerdonError):
    """INVALID_ARGUMENT or OUT_OF_RANGE: the request is malformed and will never pass as it is."""


class UnauthenticatedError(GuerdonError):
    """UNAUTHENTICATED: there is no token, or it is not valid."""


class PermissionDeniedError(GuerdonError):
    """PERMISSION_DENIED: the token does not carry the scope or the tenant."""


class NotFoundError(GuerdonError):
    """NOT_FOUND: there is no such thing, or it is not yours to see."""


class RefusedError(GuerdonError):
    """FAILED_PRECONDITION, RESOURCE_EXHAUSTED, ALREADY_EXISTS, ABORTED: a rule or a state forbids it now."""


class UnavailableError(GuerdonError):
    """UNAVAILABLE or DEADLINE_EXCEEDED: the outcome is unknown; send it again with the same `request_id`."""


_KINDS: dict[grpc.StatusCode, type[GuerdonError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequestError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.FAILED_PRECONDITION: RefusedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: RefusedError,
    grpc.StatusCode.ALREADY_EXISTS: RefusedError,
    grpc.StatusCode.ABORTED: RefusedError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: UnavailableError,
}


def error_from_status(status: status_pb2.Status) -> GuerdonError:
    """Return the error that a `google.rpc.Status` describes, such as the outcome of one item of a batch."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    reason = ""
    metadata: dict[str, str] = {}
    violations: tuple[Violation, ...] = ()
    retry_after: timedelta | None = None
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry_info = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad_request):
            violations = tuple(Violation(v.field, v.description) for v in bad_request.field_violations)
        elif detail.Unpack(retry_info):
            retry_after = retry_info.retry_delay.ToTimedelta()
    return _KINDS.get(code, GuerdonError)(
        code,
        status.message,
        reason=reason,
        metadata=metadata,
        violations=violations,
        retry_after=retry_after,
    )


def error_from_call(failure: grpc.aio.AioRpcError) -> GuerdonError:
    """Return the error behind a failed call; one without readable details keeps its code and message.

    Where grpc's client has lost what the server said, the outcome is unknown.
    """
    stumbled = failure.code() is grpc.StatusCode.INTERNAL and failure.details() == _STUMBLED
    code = grpc.StatusCode.UNAVAILABLE if stumbled else failure.code()
    status = status_pb2.Status(code=code.value[0], message=failure.details() or "")
    for key, value in failure.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                status = status_pb2.Status.FromString(value)
            except DecodeError:
                break
    return error_from_status(status)
