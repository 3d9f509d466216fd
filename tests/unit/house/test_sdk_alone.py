"""The SDK works where nothing else of the project is installed, with the newest libraries and with its floors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
UV = Path(sys.executable).parent / "uv"

# Run by the Python of the empty environment: imports every module, then reads the policy out of a stub.
PROBE = """
import importlib, importlib.util, pkgutil
import guerdon
for module in pkgutil.walk_packages(guerdon.__path__, "guerdon."):
    importlib.import_module(module.name)
from guerdon.ledger.v1.ledger_pb2 import DESCRIPTOR
from guerdon.options.v1.options_pb2 import access
methods = DESCRIPTOR.services_by_name["LedgerService"].methods
assert all(method.GetOptions().Extensions[access].scope for method in methods)
assert importlib.util.find_spec("grpc_status") is None, "needs more than it says"
assert importlib.util.find_spec("guerdon_kit") is None
print(guerdon.__file__)
"""

# A round trip through the client: it must run on the oldest grpc.aio that the SDK allows.
ROUND_TRIP = """
import asyncio, grpc, grpc.aio, guerdon
from guerdon.ledger.v1.ledger_pb2 import (
    GetBalanceRequest, GetBalanceResponse, VerifyRequest, VerifyResponse)
from guerdon.membership.v1.membership_pb2 import ImportPurchasesRequest, ImportPurchasesResponse

async def get_balance(request, context):
    assert dict(context.invocation_metadata())["authorization"] == "Bearer t"
    assert 0 < context.time_remaining() < 11
    if request.name == "nobody":
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such account")
    return GetBalanceResponse()

async def verify(request, context):
    yield VerifyResponse(phase="sums")
    await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")

async def import_purchases(requests, context):
    async for _ in requests:
        yield ImportPurchasesResponse()

async def two_requests():
    yield ImportPurchasesRequest()
    yield ImportPurchasesRequest()

async def main():
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("guerdon.ledger.v1.LedgerService", {
        "GetBalance": grpc.unary_unary_rpc_method_handler(
            get_balance, GetBalanceRequest.FromString, GetBalanceResponse.SerializeToString),
        "Verify": grpc.unary_stream_rpc_method_handler(
            verify, VerifyRequest.FromString, VerifyResponse.SerializeToString)}),
        grpc.method_handlers_generic_handler("guerdon.membership.v1.MembershipService", {
        "ImportPurchases": grpc.stream_stream_rpc_method_handler(
            import_purchases, ImportPurchasesRequest.FromString, ImportPurchasesResponse.SerializeToString)}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with guerdon.Client(f"127.0.0.1:{port}", token="t") as client:
        await client.ledger.GetBalance(GetBalanceRequest(name="a"))
        try:
            await client.ledger.GetBalance(GetBalanceRequest(name="nobody"))
        except guerdon.NotFoundError as error:
            print(error)
        try:
            async for progress in client.ledger.Verify(VerifyRequest()):
                print(progress.phase)
        except guerdon.PermissionDeniedError as error:
            print(error)
        print(len([answer async for answer in client.membership.ImportPurchases(two_requests())]))
    await server.stop(None)

asyncio.run(main())
"""


def _run(*command: str | Path, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(command, cwd=cwd, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("resolution", ["highest", "lowest-direct"])
def test_the_sdk_installs_alone_and_works(tmp_path: Path, resolution: str) -> None:
    if resolution == "lowest-direct" and sys.version_info >= (3, 12):
        pytest.skip("grpcio 1.49.1, the SDK's floor, has no wheel for this Python")
    _run(UV, "venv", "--quiet", "--python", sys.executable, "alone", cwd=tmp_path)
    python = tmp_path / "alone" / "bin" / "python"
    install = (UV, "pip", "install", "--quiet", "--python", python, "--resolution", resolution)
    _run(*install, ROOT / "libs" / "sdk", cwd=tmp_path)
    assert Path(_run(python, "-c", PROBE, cwd=tmp_path).strip()).is_relative_to(tmp_path)
    said = _run(python, "-c", ROUND_TRIP, cwd=tmp_path).splitlines()
    assert said == ["NOT_FOUND: no such account", "sums", "PERMISSION_DENIED: no", "2"]
