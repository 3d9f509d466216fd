"""`guerdon up`, and what somebody can do with the addresses and the token that it prints."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2

import guerdon
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1.resources_pb2 import (
    ACCOUNT_KIND_MEMBER,
    TRANSACTION_KIND_EARN,
    Account,
    Posting,
    Program,
    Transaction,
    Unit,
)
from guerdon_cli.stack import SERVICES
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.launch.services import is_serving
from tests.e2e.commands import GUERDON, ROOT, plain_environment, processes_of

T = TypeVar("T", error_details_pb2.BadRequest, error_details_pb2.ErrorInfo)

SERVICE = "guerdon.ledger.v1.LedgerService"
PROGRAM = "programs/shop"
ACCOUNT = f"{PROGRAM}/accounts/m-42"
STOPPED_WITHIN_S = 12.0


@dataclass(frozen=True)
class Up:
    """The running command, and what it has printed."""

    process: subprocess.Popen[str]
    targets: dict[str, str]
    token: str
    identity: DevelopmentIdentity


@pytest.fixture(scope="module")
def up(data_folder: Path) -> Iterator[Up]:
    process = subprocess.Popen(
        [*GUERDON, "up", "--any-ports", "--data", str(data_folder)],
        cwd=ROOT,
        env=plain_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(len(SERVICES) + 3)]
        targets = dict(line.split()[:2] for line in lines[: len(SERVICES)])
        yield Up(process, targets, lines[-1].strip(), DevelopmentIdentity(data_folder / "keys"))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def balance(up: Up) -> int:
    """What a member can spend."""
    return asyncio.run(earn(up))


async def earn(up: Up) -> int:
    """Make a program and a member with points."""
    unit = f"{PROGRAM}/units/points"
    async with guerdon.Client(up.targets["ledger"], token=up.token) as client:
        program = Program(name=PROGRAM, time_zone="UTC")
        await client.ledger.CreateProgram(ledger.CreateProgramRequest(program=program, request_id="program"))
        await client.ledger.CreateUnit(ledger.CreateUnitRequest(unit=Unit(name=unit), request_id="unit"))
        account = Account(name=ACCOUNT, unit=unit, kind=ACCOUNT_KIND_MEMBER)
        await client.ledger.CreateAccount(ledger.CreateAccountRequest(account=account, request_id="account"))
        posting = Posting(source=f"{PROGRAM}/accounts/issuance.points", destination=ACCOUNT, amount=120)
        transaction = Transaction(kind=TRANSACTION_KIND_EARN, postings=[posting])
        answer = await client.ledger.PostTransaction(
            ledger.PostTransactionRequest(parent=PROGRAM, transaction=transaction, request_id="earn")
        )
        return answer.balances[0].available


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contracts as `buf` reads them where reflection is not to be had."""
    file = tmp_path_factory.mktemp("schema") / "guerdon.binpb"
    subprocess.run([sys.executable, "tools/protos.py", "image", str(file)], cwd=ROOT, check=True, capture_output=True)
    return file


def buf(up: Up, method: str, request: dict[str, Any], *options: str, token: str = "") -> tuple[int, dict[str, Any]]:
    """`buf curl`, with its exit code and what it answered, be it an error."""
    header = ["-H", f"authorization: Bearer {token}"] if token else []
    if token and "--schema" not in options:
        header += ["--reflect-header", f"authorization: Bearer {token}"]
    url = f"http://{up.targets['ledger']}/{SERVICE}/{method}"
    program = str(Path(sys.executable).with_name("buf"))
    connection = ("--protocol", "grpc", "--http2-prior-knowledge")
    done = subprocess.run(
        [program, "curl", *connection, *header, *options, "-d", json.dumps(request), url],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
    )
    said: dict[str, Any] = json.loads(done.stdout or done.stderr)
    return done.returncode, said


def detail(error: dict[str, Any], kind: T) -> T:
    """The detail of an error of that kind, as `buf curl` prints it where it has no schema of it: in base64."""
    [value] = [one["value"] for one in error["details"] if one["type"] == kind.DESCRIPTOR.full_name]
    kind.ParseFromString(base64.b64decode(value + "=="))
    return kind


def test_the_printed_token_reads_a_balance_through_reflection(up: Up, balance: int) -> None:
    code, answer = buf(up, "GetBalance", {"name": ACCOUNT}, token=up.token)
    assert code == 0, answer
    assert int(answer["balance"]["available"]) == balance == 120


def test_no_token_is_unauthenticated(up: Up, schema: Path) -> None:
    _, error = buf(up, "GetBalance", {"name": ACCOUNT}, "--schema", str(schema))
    assert error["code"] == "unauthenticated"


def test_a_token_without_the_scope_is_denied_and_told_which(up: Up, schema: Path) -> None:
    token = up.identity.token(scopes=["ledger.programs.read"])
    _, error = buf(up, "GetBalance", {"name": ACCOUNT}, "--schema", str(schema), token=token)
    assert error["code"] == "permission_denied"
    info = detail(error, error_details_pb2.ErrorInfo())
    assert (info.reason, info.metadata) == ("SCOPE_REQUIRED", {"scope": "ledger.balances.read"})


def test_another_programs_token_learns_nothing(up: Up, balance: int, schema: Path) -> None:
    assert balance
    token = up.identity.token(tenants=["programs/other"])
    _, foreign = buf(up, "GetBalance", {"name": ACCOUNT}, "--schema", str(schema), token=token)
    missing_name = ACCOUNT.replace("m-42", "m-43")
    _, missing = buf(up, "GetBalance", {"name": missing_name}, "--schema", str(schema), token=token)
    assert foreign["code"] == missing["code"] == "not_found"
    assert foreign["message"].replace(ACCOUNT, missing_name) == missing["message"]


def test_a_malformed_request_is_told_field_by_field(up: Up) -> None:
    request = {
        "parent": PROGRAM,
        "transaction": {
            "kind": "TRANSACTION_KIND_EARN",
            "postings": [{"source": f"{PROGRAM}/accounts/issuance.points", "destination": ACCOUNT, "amount": "-1"}],
        },
        "requestId": "malformed",
    }
    code, error = buf(up, "PostTransaction", request, token=up.token)
    assert code != 0
    assert error["code"] == "invalid_argument"
    [violation] = detail(error, error_details_pb2.BadRequest()).field_violations
    assert (violation.field, violation.description) == ("transaction.postings[0].amount", "must be 1 to 2^53")


def test_garbage_bytes_are_an_invalid_argument_without_a_word_of_ours(up: Up) -> None:
    with grpc.insecure_channel(up.targets["ledger"]) as channel:
        call: Any = channel.unary_unary(f"/{SERVICE}/GetBalance", request_serializer=None, response_deserializer=None)
        with pytest.raises(grpc.RpcError) as failure:
            call(b"\xff\xff\xff garbage", timeout=10, metadata=[("authorization", f"Bearer {up.token}")])
    problem: Any = failure.value
    assert problem.code() == grpc.StatusCode.INVALID_ARGUMENT
    [details] = [value for key, value in problem.trailing_metadata() if key == "grpc-status-details-bin"]
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status_pb2.Status.FromString(details).details)
    assert info.domain == "guerdon.dev"
    said = f"{problem.details()} {details!r}"
    for internal in ("Traceback", "Exception", "protobuf", "DecodeError", "google.protobuf", ".py"):
        assert internal not in said


def test_every_service_tells_its_health(up: Up) -> None:
    for target in up.targets.values():
        with grpc.insecure_channel(target) as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            answer = check(health_pb2.HealthCheckRequest(), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_ctrl_c_stops_everything_within_seconds_and_cleanly(up: Up, data_folder: Path) -> None:
    begun = time.monotonic()
    os.killpg(up.process.pid, signal.SIGINT)  # as the terminal does: to the whole process group
    out, err = up.process.communicate(timeout=60)
    assert time.monotonic() - begun < STOPPED_WITHIN_S
    assert up.process.returncode == 0, err
    assert out.endswith("stopped\n")
    assert "Traceback" not in err
    assert not any(is_serving(target) for target in up.targets.values())
    assert processes_of(data_folder) == []
