"""Between `DomainError` and `google.rpc.Status`, in one place."""

from __future__ import annotations

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from guerdon_kit.errors import DomainError

DOMAIN = "guerdon.dev"
DETAILS_KEY = "grpc-status-details-bin"


def to_status(error: DomainError) -> status_pb2.Status:
    """The status that a caller gets for a refusal: `ErrorInfo`, `BadRequest` for fields, `RetryInfo` where it helps."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.public_reason, domain=DOMAIN, metadata=error.metadata)
    ]
    if error.violations:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in error.violations
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    if error.retry_after is not None:
        delay = Duration()
        delay.FromTimedelta(error.retry_after)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return status_pb2.Status(
        code=error.public_status.value, message=error.public_message, details=[_packed(detail) for detail in details]
    )


def internal(error_id: str) -> status_pb2.Status:
    """The status for anything unexpected: an id to ask about, and nothing else."""
    info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"error_id": error_id})
    return status_pb2.Status(code=13, message=f"internal error {error_id}", details=[_packed(info)])


def read_details(status: status_pb2.Status) -> tuple[str, dict[str, str]]:
    """Reason and metadata of a status; empty where it has none."""
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        try:
            if detail.Unpack(info):
                return info.reason, dict(info.metadata)
        except DecodeError:
            continue
    return "", {}


def _packed(detail: Message) -> Any:
    packed = Any()
    packed.Pack(detail)
    return packed
