"""Between `DomainError` and `google.rpc.Status`, in one place."""

from __future__ import annotations

from itertools import islice

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from guerdon_kit.errors import DomainError

DOMAIN = "guerdon.dev"
DETAILS_KEY = "grpc-status-details-bin"
CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}

# Clients take 8 KiB of metadata by default and answer a longer refusal with an error of their own, which would say
# RESOURCE_EXHAUSTED where we said what is wrong. Message and details travel both.
_MESSAGE_MAX = 300
_VALUE_MAX = 300
_VALUES_MAX = 8
_VIOLATIONS_BYTES_MAX = 2500


def to_status(error: DomainError) -> status_pb2.Status:
    """The status that a caller gets for a refusal: `ErrorInfo`, `BadRequest` for fields, `RetryInfo` where it helps."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.public_reason, domain=DOMAIN, metadata=_short_metadata(error))
    ]
    if error.violations:
        details.append(_bad_request(error))
    if error.retry_after is not None:
        delay = Duration()
        delay.FromTimedelta(error.retry_after)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return status_pb2.Status(
        code=error.public_status.value,
        message=_short(error.public_message, _MESSAGE_MAX),
        details=[_packed(detail) for detail in details],
    )


def _short_metadata(error: DomainError) -> dict[str, str]:
    return {key: _short(value, _VALUE_MAX) for key, value in islice(error.metadata.items(), _VALUES_MAX)}


def _bad_request(error: DomainError) -> error_details_pb2.BadRequest:
    """As many violations as fit, the first in any case."""
    bad = error_details_pb2.BadRequest()
    for violation in error.violations:
        bad.field_violations.add(
            field=_short(violation.field, _VALUE_MAX), description=_short(violation.description, _VALUE_MAX)
        )
        if bad.ByteSize() > _VIOLATIONS_BYTES_MAX:
            break
    return bad


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


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
    # A map has no order of its own: the same refusal, answered again, is the same bytes.
    packed.Pack(detail, deterministic=True)
    return packed
