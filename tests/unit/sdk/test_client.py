"""What the SDK's client promises, over a real channel to a server that answers as told."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import cached_property
from typing import Any, NoReturn

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

import guerdon
from guerdon.client import _credentials
from guerdon.errors import error_from_call
from guerdon.ledger.v1.ledger_pb2 import (
    GetBalanceRequest,
    GetBalanceResponse,
    ReleaseHoldRequest,
    ReleaseHoldResponse,
    VerifyRequest,
    VerifyResponse,
)
from guerdon.ledger.v1.resources_pb2 import Balance
from guerdon.membership.v1.membership_pb2 import ImportPurchasesRequest, ImportPurchasesResponse
from guerdon.rewards.v1.rewards_pb2 import ImportCodesRequest, ImportCodesResponse

Context = grpc.aio.ServicerContext[GetBalanceRequest, GetBalanceResponse]
Answer = Callable[[GetBalanceRequest, Context], Awaitable[GetBalanceResponse]]


class Ledger:
    """A server on a loopback port whose `GetBalance` is `self.answer`."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str | bytes]] = []
        self.remaining_seconds: list[float | None] = []
        self.answer: Answer = _five_points
        self.target = ""

    async def get_balance(self, request: GetBalanceRequest, context: Context) -> GetBalanceResponse:
        self.seen.append(dict(context.invocation_metadata() or ()))
        self.remaining_seconds.append(context.time_remaining())
        return await self.answer(request, context)

    async def release_hold(self, request: ReleaseHoldRequest, context: Context) -> ReleaseHoldResponse:
        context.set_trailing_metadata((("guerdon-replayed", "true"),))
        return ReleaseHoldResponse()

    async def import_codes(self, requests: AsyncIterator[ImportCodesRequest], context: Context) -> ImportCodesResponse:
        self.seen.append(dict(context.invocation_metadata() or ()))
        received = [request async for request in requests]
        if len(received) != 2:
            await _refuse(context)
        return ImportCodesResponse()

    async def import_purchases(
        self, requests: AsyncIterator[ImportPurchasesRequest], context: Context
    ) -> AsyncIterator[ImportPurchasesResponse]:
        self.seen.append(dict(context.invocation_metadata() or ()))
        async for _ in requests:
            yield ImportPurchasesResponse()
        await _refuse(context)

    async def verify(self, request: VerifyRequest, context: Context) -> AsyncIterator[VerifyResponse]:
        self.seen.append(dict(context.invocation_metadata() or ()))
        self.remaining_seconds.append(context.time_remaining())
        yield VerifyResponse(phase="sums")
        await _refuse(context)


async def _five_points(request: GetBalanceRequest, context: Context) -> GetBalanceResponse:
    return GetBalanceResponse(balance=Balance(account=request.name, available=5))


def _packed(message: error_details_pb2.ErrorInfo) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


REFUSAL = status_pb2.Status(
    code=grpc.StatusCode.FAILED_PRECONDITION.value[0],
    message="not enough points",
    details=[
        _packed(
            error_details_pb2.ErrorInfo(
                reason="INSUFFICIENT_POINTS",
                domain="guerdon.dev",
                metadata={"required": "10", "available": "5"},
            )
        ),
        _packed(
            error_details_pb2.BadRequest(
                field_violations=[error_details_pb2.BadRequest.FieldViolation(field="amount", description="much")]
            )
        ),
        _packed(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000))),
    ],
)


async def _refuse(context: Context) -> NoReturn:
    details = (("grpc-status-details-bin", REFUSAL.SerializeToString()),)
    await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not enough points", details)


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    server = grpc.aio.server()
    ledger = Ledger()
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "GetBalance": grpc.unary_unary_rpc_method_handler(
            ledger.get_balance, GetBalanceRequest.FromString, GetBalanceResponse.SerializeToString
        ),
        "ReleaseHold": grpc.unary_unary_rpc_method_handler(
            ledger.release_hold, ReleaseHoldRequest.FromString, ReleaseHoldResponse.SerializeToString
        ),
        "Verify": grpc.unary_stream_rpc_method_handler(
            ledger.verify, VerifyRequest.FromString, VerifyResponse.SerializeToString
        ),
    }
    codes = grpc.stream_unary_rpc_method_handler(
        ledger.import_codes, ImportCodesRequest.FromString, ImportCodesResponse.SerializeToString
    )
    purchases = grpc.stream_stream_rpc_method_handler(
        ledger.import_purchases, ImportPurchasesRequest.FromString, ImportPurchasesResponse.SerializeToString
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler("guerdon.ledger.v1.LedgerService", handlers),
            grpc.method_handlers_generic_handler("guerdon.rewards.v1.RewardsService", {"ImportCodes": codes}),
            grpc.method_handlers_generic_handler(
                "guerdon.membership.v1.MembershipService", {"ImportPurchases": purchases}
            ),
        )
    )
    ledger.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield ledger
    await server.stop(None)


async def test_a_call_carries_the_token_and_a_deadline(ledger: Ledger) -> None:
    async with guerdon.Client(ledger.target, token="t-1", timeout_seconds=7) as client:
        answer = await client.ledger.GetBalance(GetBalanceRequest(name="programs/p/accounts/a"))
    assert answer.balance == Balance(account="programs/p/accounts/a", available=5)
    assert ledger.seen[0]["authorization"] == "Bearer t-1"
    assert ledger.remaining_seconds[0] is not None
    assert 5 < ledger.remaining_seconds[0] <= 7.1


async def test_a_token_source_is_asked_before_each_call(ledger: Ledger) -> None:
    tokens = iter(["t-1", "t-2"])

    async def next_token() -> str:
        return next(tokens)

    async with guerdon.Client(ledger.target, token=next_token) as client:
        await client.ledger.GetBalance(GetBalanceRequest())
        await client.ledger.GetBalance(GetBalanceRequest())
    assert [seen["authorization"] for seen in ledger.seen] == ["Bearer t-1", "Bearer t-2"]


async def test_a_call_may_bring_its_own_deadline_and_credentials(ledger: Ledger) -> None:
    async with guerdon.Client(ledger.target, token="t-1") as client:
        own = (("authorization", "Bearer own"), ("x-request-id", "r"))
        await client.ledger.GetBalance(GetBalanceRequest(), timeout=3, metadata=own)
    assert ledger.seen[0]["authorization"] == "Bearer own"
    assert ledger.seen[0]["x-request-id"] == "r"
    assert ledger.remaining_seconds[0] is not None
    assert ledger.remaining_seconds[0] <= 3.1


async def test_without_a_token_none_is_sent(ledger: Ledger) -> None:
    async with guerdon.Client(ledger.target) as client:
        await client.ledger.GetBalance(GetBalanceRequest())
    assert "authorization" not in ledger.seen[0]


async def test_a_refusal_is_decoded_in_full(ledger: Ledger) -> None:
    async def refuse(request: GetBalanceRequest, context: Context) -> GetBalanceResponse:
        await _refuse(context)

    ledger.answer = refuse
    async with guerdon.Client(ledger.target) as client:
        with pytest.raises(guerdon.RefusedError) as caught:
            await client.ledger.GetBalance(GetBalanceRequest())
    _is_the_refusal(caught.value)


async def test_a_stream_gives_what_came_before_its_failure(ledger: Ledger) -> None:
    async with guerdon.Client(ledger.target, token="t-1", stream_timeout_seconds=20) as client:
        progress = aiter(client.ledger.Verify(VerifyRequest()))
        assert (await anext(progress)).phase == "sums"
        with pytest.raises(guerdon.RefusedError) as caught:
            await anext(progress)
    _is_the_refusal(caught.value)
    assert ledger.seen[0]["authorization"] == "Bearer t-1"
    assert ledger.remaining_seconds[0] is not None
    assert 15 < ledger.remaining_seconds[0] <= 20.1


async def test_a_stream_of_requests_is_answered_once(ledger: Ledger) -> None:
    async with guerdon.Client(ledger.target, token="t-1") as client:
        await client.rewards.ImportCodes(_sent(ImportCodesRequest(), ImportCodesRequest()))
        with pytest.raises(guerdon.RefusedError) as caught:
            await client.rewards.ImportCodes(_sent(ImportCodesRequest()))
    _is_the_refusal(caught.value)
    assert [seen["authorization"] for seen in ledger.seen] == ["Bearer t-1", "Bearer t-1"]


async def test_streams_both_ways_interleave(ledger: Ledger) -> None:
    async with guerdon.Client(ledger.target, token="t-1") as client:
        requests: asyncio.Queue[ImportPurchasesRequest | None] = asyncio.Queue()

        async def until_told() -> AsyncIterator[ImportPurchasesRequest]:
            while (request := await requests.get()) is not None:
                yield request

        answers = aiter(client.membership.ImportPurchases(until_told()))
        for _ in range(3):
            requests.put_nowait(ImportPurchasesRequest())
            assert await anext(answers) == ImportPurchasesResponse()
        requests.put_nowait(None)
        with pytest.raises(guerdon.RefusedError) as caught:
            await anext(answers)
    _is_the_refusal(caught.value)
    assert ledger.seen[0]["authorization"] == "Bearer t-1"


async def _sent(*requests: ImportCodesRequest) -> AsyncIterator[ImportCodesRequest]:
    for request in requests:
        yield request


def _is_the_refusal(error: guerdon.GuerdonError) -> None:
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.message == "not enough points"
    assert error.reason == "INSUFFICIENT_POINTS"
    assert error.metadata == {"required": "10", "available": "5"}
    assert error.violations == (guerdon.Violation("amount", "much"),)
    assert error.retry_after == timedelta(seconds=1.5)
    assert str(error) == "INSUFFICIENT_POINTS: not enough points"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, guerdon.InvalidRequestError),
        (grpc.StatusCode.UNAUTHENTICATED, guerdon.UnauthenticatedError),
        (grpc.StatusCode.PERMISSION_DENIED, guerdon.PermissionDeniedError),
        (grpc.StatusCode.NOT_FOUND, guerdon.NotFoundError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, guerdon.RefusedError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, guerdon.UnavailableError),
        (grpc.StatusCode.INTERNAL, guerdon.GuerdonError),
    ],
)
async def test_each_status_has_its_place_in_the_tree(
    ledger: Ledger, code: grpc.StatusCode, kind: type[guerdon.GuerdonError]
) -> None:
    async def fail(request: GetBalanceRequest, context: Context) -> GetBalanceResponse:
        await context.abort(code, "no", (("grpc-status-details-bin", b"\xff\xff"),))

    ledger.answer = fail
    async with guerdon.Client(ledger.target) as client:
        with pytest.raises(guerdon.GuerdonError) as caught:
            await client.ledger.GetBalance(GetBalanceRequest())
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.message, caught.value.reason) == (code, "no", "")


async def test_unavailable_is_tried_again(ledger: Ledger) -> None:
    async def recover(request: GetBalanceRequest, context: Context) -> GetBalanceResponse:
        if len(ledger.seen) < 3:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        return await _five_points(request, context)

    ledger.answer = recover
    async with guerdon.Client(ledger.target) as client:
        answer = await client.ledger.GetBalance(GetBalanceRequest())
    assert answer.balance.available == 5
    assert len(ledger.seen) == 3


async def test_nobody_at_the_address_is_unavailable(ledger: Ledger) -> None:
    async with guerdon.Client("unix:/nonexistent/ledger.sock", timeout_seconds=5) as client:
        with pytest.raises(guerdon.UnavailableError):
            await client.ledger.GetBalance(GetBalanceRequest())


@pytest.mark.parametrize(
    ("details", "kind"),
    [("Internal error from Core", guerdon.UnavailableError), ("error id err-1", guerdon.GuerdonError)],
)
def test_of_what_grpcs_client_has_lost_the_outcome_is_unknown(details: str, kind: type[guerdon.GuerdonError]) -> None:
    nothing = grpc.aio.Metadata()
    failure = grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, nothing, nothing, details=details)
    assert type(error_from_call(failure)) is kind


async def test_a_replay_is_told(ledger: Ledger) -> None:
    async with guerdon.Client(ledger.target) as client:
        again = client.ledger.ReleaseHold(ReleaseHoldRequest(request_id=guerdon.new_request_id()))
        await again
        first = client.ledger.GetBalance(GetBalanceRequest())
        await first
        assert await guerdon.was_replayed(again)
        assert not await guerdon.was_replayed(first)


async def test_the_client_speaks_to_every_service_there_is() -> None:
    contracts = [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(guerdon.__path__, "guerdon.")
        if module.name.endswith("_pb2")
    ]
    services = {name for contract in contracts for name in contract.DESCRIPTOR.services_by_name}
    async with guerdon.Client("localhost:1") as client:
        attributes = [name for name, value in vars(guerdon.Client).items() if isinstance(value, cached_property)]
        stubs = {type(getattr(client, name)).__name__ for name in attributes}
    served_by_partners = {"PartnerLedgerService"}
    assert stubs == {f"{service}Stub" for service in services - served_by_partners}


def test_request_ids_differ_and_fit_the_contract() -> None:
    ids = {guerdon.new_request_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(1 <= len(request_id) <= 64 and request_id.isprintable() for request_id in ids)


@pytest.mark.parametrize(
    ("target", "plain"),
    [
        ("127.0.0.1:7001", True),
        ("localhost:7001", True),
        ("[::1]:7001", True),
        ("dns:///localhost:7001", True),
        ("unix:/run/guerdon/ledger.sock", True),
        ("points.example.com:443", False),
        ("localhost.example.com:443", False),
        ("127.0.0.1.example.com", False),
        ("10.0.0.7:7001", False),
    ],
)
def test_a_token_leaves_this_machine_encrypted_unless_told_otherwise(target: str, plain: bool) -> None:
    assert (_credentials(target, None) is None) is plain
    assert _credentials(target, False) is None
    assert isinstance(_credentials(target, True), grpc.ChannelCredentials)
