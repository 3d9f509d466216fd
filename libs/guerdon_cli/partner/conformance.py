"""`guerdon partner conformance`: does a partner's server keep what exchanges rely on?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import grpc
import typer
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from guerdon.exchange.v1 import partner_ledger_service_pb2 as pb
from guerdon_cli.partner.checks import CHECKS, Ask, Broken, Partner, Skipped
from guerdon_cli.terminal import failures_told
from guerdon_kit.auth.service_tokens import ServiceTokens

app = typer.Typer(help="For partner brands.", no_args_is_help=True)

CALL_S = 10.0
RETRY_S = 0.2
SERVICE = pb.DESCRIPTOR.services_by_name["PartnerLedgerService"]


@app.callback()
def partner() -> None:
    """For partner brands."""


@dataclass(frozen=True)
class Result:
    """What became of a check."""

    promise: str
    verdict: str
    """`kept`, `broken` or `not tried`."""
    words: str


@app.command()
def conformance(
    target: Annotated[str, typer.Option(help="Where the server listens, as host:port.")],
    name: Annotated[str, typer.Option(help="The partner's name, for whom tokens are made.")] = "partners/sandbox",
    sender: Annotated[str, typer.Option(help="A member with at least ten times AMOUNT points.")] = "ada",
    receiver: Annotated[str, typer.Option(help="Another member.")] = "bob",
    amount: Annotated[int, typer.Option(help="How many points are moved at a time.", min=1)] = 10,
    key: Annotated[Path | None, typer.Option(help="The private key (PEM) to sign tokens with.")] = None,
    patience: Annotated[float, typer.Option(help="Seconds for which a reservation is left alone.", min=0)] = 5.0,
    restart: Annotated[str, typer.Option(help="A command that restarts the server.")] = "",
    tls: Annotated[bool, typer.Option(help="Whether the server speaks TLS.")] = False,
) -> None:
    """Try a server of PartnerLedgerService against what exchanges rely on. It moves points of both members: use a
    server of its own for it. Exits with 1 where a promise is broken.
    """
    with failures_told():
        results = asyncio.run(_run(target, name, sender, receiver, amount, key, patience, restart, tls=tls))
    table = Table("Promise", "", "")
    for result in results:
        colour = {"kept": "green", "broken": "red"}.get(result.verdict, "yellow")
        table.add_row(result.promise, f"[{colour}]{result.verdict}[/]", result.words)
    Console(soft_wrap=True).print(table)
    raise typer.Exit(1 if any(result.verdict == "broken" for result in results) else 0)


async def _run(
    target: str,
    name: str,
    sender: str,
    receiver: str,
    amount: int,
    key: Path | None,
    patience_s: float,
    restart: str,
    *,
    tls: bool,
) -> list[Result]:
    credentials = grpc.ssl_channel_credentials()
    channel = grpc.aio.secure_channel(target, credentials) if tls else grpc.aio.insecure_channel(target)
    ask = asking(channel, name, key)
    under_test = Partner(ask, sender, receiver, amount, patience_s, _restarting(restart) if restart else None)
    columns = SpinnerColumn(), MofNCompleteColumn(), TextColumn("{task.description}")
    async with channel:
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=len(CHECKS))
            results = []
            for check in CHECKS:
                progress.update(task, description=promise_of(check))
                results.append(await tried(check, under_test))
                progress.advance(task)
    return results


def asking(channel: grpc.aio.Channel, name: str, key: Path | None) -> Ask:
    """Calls the server as partner exchange does; again while it is away, as after a restart."""
    tokens = ServiceTokens("partner_exchange", key) if key is not None else None

    async def ask(rpc: str, request: Message) -> Message:
        method = SERVICE.methods_by_name[rpc]
        scope = "partner.ledger.read" if rpc in {"ValidateMember", "GetLeg"} else "partner.ledger.write"
        bearer = "" if tokens is None else tokens.token(name, scope, (name,), "")
        call = channel.unary_unary(
            f"/{SERVICE.full_name}/{rpc}",
            request_serializer=GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        until = time.monotonic() + CALL_S
        while True:
            try:
                metadata = (("authorization", f"Bearer {bearer}"),) if bearer else ()
                answer: Message = await call(request, timeout=CALL_S, metadata=metadata)
                return answer
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > until:
                    raise
            await asyncio.sleep(RETRY_S)

    return ask


def promise_of(check: Callable[[Partner], Awaitable[None]]) -> str:
    """The check's promise, in words."""
    return (check.__doc__ or "").strip().rstrip(".")


async def tried(check: Callable[[Partner], Awaitable[None]], under_test: Partner) -> Result:
    """What becomes of a check."""
    try:
        await check(under_test)
    except Broken as broken:
        return Result(promise_of(check), "broken", str(broken))
    except Skipped as skipped:
        return Result(promise_of(check), "not tried", str(skipped))
    except grpc.aio.AioRpcError as error:
        return Result(promise_of(check), "broken", f"a call failed with {error.code().name}: {error.details()}")
    return Result(promise_of(check), "kept", "")


def _restarting(command: str) -> Callable[[], Awaitable[None]]:
    async def restart() -> None:
        process = await asyncio.create_subprocess_shell(command)
        await process.wait()

    return restart
