"""What a caller learns of a refusal, and of what nobody foresaw."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import grpc
import pytest

from guerdon_kit.errors import (
    AlreadyExists,
    DomainError,
    FieldViolation,
    InvalidField,
    ReplayedRefusal,
    Status,
)
from guerdon_kit.grpc import RemoteError
from tests.integration.kit.echo import KINDS, Refused, Wire, asked, refusing

SECRET = "postgresql://guerdon:hunter2@db/ledger: duplicate key (card)=(4000)"


class InsufficientPoints(DomainError):
    reason = "INSUFFICIENT_POINTS"
    status = Status.FAILED_PRECONDITION
    message = "Needs {required} points, has {available}."
    retry_after = timedelta(milliseconds=1500)


@pytest.mark.parametrize("rpc", KINDS)
async def test_a_refusal_tells_its_reason_its_numbers_and_when_to_try_again(served: Wire, rpc: str) -> None:
    served.echo.answer = refusing(InsufficientPoints(required=7, available=5))
    assert await served.refused(rpc) == Refused(
        code=grpc.StatusCode.FAILED_PRECONDITION,
        message="Needs 7 points, has 5.",
        reason="INSUFFICIENT_POINTS",
        metadata={"required": "7", "available": "5"},
        fields=[],
        retry_s=1.5,
        replayed=False,
    )


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.CANCELLED])
async def test_every_status_leaves_as_itself(served: Wire, status: Status) -> None:
    served.echo.answer = refusing(ReplayedRefusal("SOME", status, "As first said {x}.", {"n": "1"}))
    refused = await served.refused("Unary")
    assert (refused.code.name, refused.reason, refused.message) == (status.name, "SOME", "As first said {x}.")


async def test_what_is_wrong_with_fields_says_each(served: Wire) -> None:
    served.echo.answer = refusing(InvalidField([FieldViolation("a", "x"), FieldViolation("b[0].c", "ü")]))
    refused = await served.refused("Unary")
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["a", "b[0].c"])


@pytest.mark.parametrize(
    "error",
    [
        InvalidField(
            FieldViolation(f"transaction.postings[{n}].amount", "must be between 1 and 2^53") for n in range(999)
        ),
        InvalidField([FieldViolation("f" * 50_000, "d" * 50_000)]),
        AlreadyExists("programs/" + "ä" * 50_000),
        ReplayedRefusal("SOME", Status.ABORTED, "m" * 50_000, {f"k{n}": "v" * 5_000 for n in range(50)}),
    ],
    ids=["many violations", "a long violation", "a long name", "long metadata"],
)
async def test_no_refusal_is_too_long_for_what_clients_take(served: Wire, error: DomainError) -> None:
    served.echo.answer = refusing(error)
    for _ in range(5):  # between the soft and the hard limit a client refuses at random
        refused = await served.refused("Unary")
        assert refused.code.name == error.public_status.name
        assert refused.reason == error.public_reason
    assert bool(refused.fields) is bool(error.violations)


class _Unspeakable(DomainError):
    reason = "UNSPEAKABLE"
    status = Status.ABORTED
    message = "Lacks {what_nobody_gave}."


@pytest.mark.parametrize("rpc", KINDS)
@pytest.mark.parametrize(
    "error",
    [
        _Unspeakable(),
        *(RuntimeError(SECRET), KeyError(SECRET), TimeoutError(SECRET), ConnectionError(SECRET)),
        *(asyncio.CancelledError(SECRET), AssertionError(SECRET), StopIteration(SECRET), RecursionError(SECRET)),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_nobody_foresaw_tells_an_error_id_and_nothing_else(
    served: Wire, rpc: str, error: BaseException
) -> None:
    served.echo.answer = refusing(error)
    refused = await served.refused(rpc, asked(secret="4000-1234", notes=["seen"]), timeout=5)
    [unexpected] = served.lines.of("unexpected")
    error_id = unexpected["error_id"]
    assert refused == Refused(
        grpc.StatusCode.INTERNAL, f"internal error {error_id}", "INTERNAL", {"error_id": error_id}, [], None, False
    )
    told = repr(unexpected["exc_info"].__cause__ or unexpected["exc_info"])
    assert SECRET in told or isinstance(error, _Unspeakable), "logged whole"
    assert unexpected["request"]["notes"] == ["seen"]
    assert "4000-1234" not in repr(unexpected)


async def test_what_another_service_refused_is_logged_and_not_told(served: Wire) -> None:
    served.echo.answer = refusing(RemoteError(Status.NOT_FOUND, "NOT_FOUND", {"resource": "programs/x"}, SECRET))
    refused = await served.refused("Unary")
    assert (refused.code, refused.reason) == (grpc.StatusCode.INTERNAL, "DEPENDENCY_REFUSED")
    assert (refused.metadata, refused.message) == ({}, "A service that this one relies on refused.")
    assert SECRET in str(served.lines.of("unexpected")[0]["exc_info"])
