"""Calling another service: the same request until it is answered, and never a guess about what became of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from guerdon_kit.auth import ServiceTokens, TokenVerifier, load_issuers
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.errors import AlreadyExists, DomainError, Status
from guerdon_kit.grpc import OutcomeUnknown, Remote, RemoteError
from guerdon_kit.grpc.status import DETAILS_KEY, to_status
from guerdon_kit.launch.ports import free_ports
from guerdon_kit.testing import wait_until
from tests.integration.kit.echo import ACCOUNT, Echo, asked, wire
from tests.kit_protos import message, message_class

CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
UNKNOWN = {
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "CANCELLED",
    "UNKNOWN",
    "INTERNAL",
    "DATA_LOSS",
    "RESOURCE_EXHAUSTED",  # without details it is no service's word, but grpc's own
}
Handler = Callable[[bytes, Any], Awaitable[bytes]]


class Callee:
    """A bare server that answers as told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.tokens: list[str] = []
        self.peers: set[str] = set()
        self.remaining_s: list[float] = []
        self.answers: list[grpc.StatusCode | DomainError | None] = []
        self.text = "yes"
        self.target = ""
        self.takes_s = 0.0

    async def unary(self, payload: bytes, context: Any) -> bytes:
        self.payloads.append(payload)
        self.tokens.append(dict(context.invocation_metadata())["authorization"].removeprefix("Bearer "))
        self.peers.add(context.peer())
        self.remaining_s.append(context.time_remaining())
        await asyncio.sleep(self.takes_s)
        answer = self.answers.pop(0) if len(self.answers) > 1 else (self.answers or [None])[0]
        if isinstance(answer, DomainError):
            context.set_trailing_metadata(((DETAILS_KEY, to_status(answer).SerializeToString()),))
            await context.abort(grpc.StatusCode[answer.public_status.name], answer.public_message)
        if answer is not None:
            await context.abort(answer, "said")
        response: bytes = message("Answer", text=self.text).SerializeToString()
        return response


@asynccontextmanager
async def listening(callee: Callee, port: int = 0) -> AsyncIterator[None]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handlers: dict[str, Any] = {"Unary": grpc.unary_unary_rpc_method_handler(callee.unary)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(Echo.service.full_name, handlers),))
    callee.target = f"127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
    await server.start()
    yield
    await server.stop(0)


@pytest.fixture
async def callee() -> AsyncIterator[Callee]:
    made = Callee()
    async with listening(made):
        yield made


@asynccontextmanager
async def calling(target: str, token: Any = None, channels: int = 2) -> AsyncIterator[Remote]:
    remote = Remote(target, Echo.service, token or (lambda *_wanted: "t"), channels)
    yield remote
    await remote.close()


@pytest.fixture
async def remote(callee: Callee) -> AsyncIterator[Remote]:
    async with calling(callee.target) as made:
        yield made


async def call(remote: Remote, timeout_s: float = 5.0, **options: Any) -> Any:
    wanted = {"tenants": ["programs/acme"]} | options
    return await remote.call("Unary", asked(), message_class("Answer"), timeout_s=timeout_s, **wanted)


async def test_an_answer_is_the_methods_message(remote: Remote) -> None:
    assert (await call(remote)).text == "yes"


async def test_an_absent_callee_is_asked_again_with_the_same_request(callee: Callee, remote: Remote) -> None:
    callee.answers = [grpc.StatusCode.UNAVAILABLE] * 3 + [None]
    assert (await call(remote)).text == "yes"
    assert callee.payloads == [asked().SerializeToString()] * 4


async def test_a_callee_that_starts_late_is_waited_for() -> None:
    callee = Callee()
    [port] = free_ports(1)
    async with calling(f"127.0.0.1:{port}") as remote:
        waiting = asyncio.ensure_future(call(remote, timeout_s=20))
        await asyncio.sleep(0)
        async with listening(callee, port):
            assert (await waiting).text == "yes"


async def test_it_is_given_up_when_the_time_is_over_and_nothing_is_known(callee: Callee, remote: Remote) -> None:
    callee.answers = [grpc.StatusCode.UNAVAILABLE]
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        await call(remote, timeout_s=0.5)
    assert time.monotonic() - started < 5
    assert 2 < len(callee.payloads) < 20, "ever later, and bounded"


async def test_nobody_there_is_an_unknown_outcome_within_the_time() -> None:
    [port] = free_ports(1)
    async with calling(f"127.0.0.1:{port}") as remote:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            await call(remote, timeout_s=0.3)
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("code", [code for code in CODES if code is not grpc.StatusCode.UNAVAILABLE])
async def test_nothing_else_is_asked_again(callee: Callee, remote: Remote, code: grpc.StatusCode) -> None:
    callee.answers = [code]
    with pytest.raises((OutcomeUnknown, RemoteError)) as error:
        await call(remote)
    assert len(callee.payloads) == 1
    assert isinstance(error.value, OutcomeUnknown if code.name in UNKNOWN else RemoteError)


async def test_a_refusal_is_told_with_its_reason_and_numbers(callee: Callee, remote: Remote) -> None:
    callee.answers = [AlreadyExists("programs/acme")]
    with pytest.raises(RemoteError) as refusal:
        await call(remote)
    error = refusal.value
    assert (error.remote_status, error.remote_reason) == (Status.ALREADY_EXISTS, "ALREADY_EXISTS")
    assert (error.remote_metadata, error.remote_message) == (
        {"resource": "programs/acme"},
        "programs/acme exists already.",
    )
    assert (error.status, error.metadata) == (Status.INTERNAL, {}), "an untranslated one tells its caller nothing"


async def test_a_refusal_without_details_is_a_refusal(callee: Callee, remote: Remote) -> None:
    callee.answers = [grpc.StatusCode.FAILED_PRECONDITION]
    with pytest.raises(RemoteError) as refusal:
        await call(remote)
    assert (refusal.value.remote_status, refusal.value.remote_reason) == (Status.FAILED_PRECONDITION, "")


class _LimitReached(DomainError):
    reason = "DAILY_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = "Enough for today."


async def test_a_limit_that_the_callee_names_is_a_refusal(callee: Callee, remote: Remote) -> None:
    callee.answers = [_LimitReached()]
    with pytest.raises(RemoteError) as refusal:
        await call(remote)
    assert (refusal.value.remote_status, refusal.value.remote_reason) == (Status.RESOURCE_EXHAUSTED, "DAILY_LIMIT")


async def test_an_answer_too_large_to_take_is_an_unknown_outcome(callee: Callee, remote: Remote) -> None:
    callee.text = "y" * (16 * 1024 * 1024 + 1)
    with pytest.raises(OutcomeUnknown):
        await call(remote)
    assert len(callee.payloads) == 1, "the callee has done what it was asked"


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"])
async def test_who_is_not_let_in_the_second_time_does_not_know_what_became_of_the_first(
    callee: Callee, remote: Remote, code: str
) -> None:
    callee.answers = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode[code]]
    with pytest.raises(OutcomeUnknown):
        await call(remote)


async def test_the_callee_is_told_how_long_is_left(callee: Callee, remote: Remote) -> None:
    callee.answers, callee.takes_s = [grpc.StatusCode.UNAVAILABLE] * 3 + [None], 0.2
    await call(remote, timeout_s=9)
    # On the wire a deadline is rounded up, a long one more than a short one: what passed must be more than that.
    assert 5 < callee.remaining_s[-1] < callee.remaining_s[0] - 0.3 < 9.2


async def test_no_answer_in_time_is_an_unknown_outcome(identity: DevelopmentIdentity) -> None:
    async with wire(identity) as served, calling(served.target, lambda *_wanted: served.token()) as remote:

        async def forever(_request: Any, _call: Any) -> str:
            await asyncio.Event().wait()
            return ""

        served.echo.answer = forever
        with pytest.raises(OutcomeUnknown):
            await call(remote, timeout_s=0.3)
        assert len(served.echo.calls) == 1
        await wait_until(lambda: served.lines.of("call"))


@pytest.mark.parametrize("channels", [1, 3])
async def test_each_channel_is_a_connection_of_its_own(callee: Callee, channels: int) -> None:
    async with calling(callee.target, channels=channels) as remote:
        for _ in range(12):
            await call(remote)
    assert len(callee.peers) == channels


async def test_a_call_carries_this_services_own_token_for_this_callee_alone(
    callee: Callee, identity: DevelopmentIdentity
) -> None:
    tokens = ServiceTokens("membership", identity.signing_key_file("membership"))
    async with calling(callee.target, lambda *wanted: tokens.token("ledger", *wanted)) as remote:
        await call(remote, tenants=["programs/b", "programs/a"], act="ann")
    issuers = load_issuers(identity.issuers_file, development=True)
    caller = await TokenVerifier("guerdon.ledger", issuers).verify(callee.tokens[0])
    assert (caller.service, caller.act) == ("membership", "ann")
    assert caller.claims.tenants == {"programs/a", "programs/b"}
    assert caller.claims.scopes == {"echo.use"}, "the method's own scope, read from its contract"


async def test_each_attempt_has_a_token_that_is_valid_then(callee: Callee) -> None:
    numbers = iter(range(100))
    callee.answers = [grpc.StatusCode.UNAVAILABLE] * 2 + [None]
    async with calling(callee.target, lambda *_wanted: f"token-{next(numbers)}") as remote:
        await call(remote)
    assert callee.tokens == ["token-0", "token-1", "token-2"]


async def test_a_cancelled_call_is_cancelled_at_the_callee(identity: DevelopmentIdentity) -> None:
    async with wire(identity) as served, calling(served.target, lambda *_wanted: served.token()) as remote:

        async def forever(_request: Any, _call: Any) -> str:
            await asyncio.Event().wait()
            return ACCOUNT

        served.echo.answer = forever
        waiting = asyncio.ensure_future(call(remote))
        await wait_until(lambda: served.echo.calls)
        waiting.cancel()
        [line] = await wait_until(lambda: served.lines.of("call"))
        assert line["status"] == "CANCELLED"
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_tracing_changes_nothing_of_what_a_call_does(callee: Callee) -> None:
    remote = Remote(callee.target, Echo.service, lambda *_wanted: "t", traced=True)
    callee.answers = [grpc.StatusCode.UNAVAILABLE, None, AlreadyExists("programs/acme")]
    assert (await call(remote)).text == "yes"
    with pytest.raises(RemoteError) as refusal:
        await call(remote)
    assert refusal.value.remote_reason == "ALREADY_EXISTS"
    await remote.close()
