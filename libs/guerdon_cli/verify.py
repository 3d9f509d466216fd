"""`guerdon verify`: everything in the ledger recomputed from its postings."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from guerdon_cli.stack import LEDGER, Stack
from guerdon_cli.terminal import DATA_FOLDER, DataFolder, ends_on_signal, failures_told, steps
from guerdon_cli.verification import Verdict, findings_table, verify_ledger
from guerdon_kit.auth.development import write_development_keys
from guerdon_kit.launch.ports import LOOPBACK
from guerdon_kit.launch.services import is_serving

SCOPES = ("ledger.verify",)
SUBJECT = "guerdon-verify"
TOKEN_LIFETIME_S = 24 * 3600


def verify(
    data: DataFolder = DATA_FOLDER,
    target: Annotated[str, typer.Option(help="The ledger of a running stack.")] = f"{LOOPBACK}:{LEDGER.port}",
) -> None:
    """Recompute everything in the ledger from its postings, and name what is wrong.

    Asks the ledger that runs at TARGET with the keys of the data folder (`guerdon up`). With none running, servers
    and a ledger are started on the data folder for the time it takes.
    """
    with failures_told(), ends_on_signal():
        verdict = _ask(data, target) if is_serving(target) else _start_and_ask(data)
        if not verdict.ok:
            Console(stderr=True).print(findings_table(verdict.findings))
        typer.echo(verdict.line)
        raise typer.Exit(0 if verdict.ok else 1)
    raise typer.Exit(130)


def _ask(data: DataFolder, target: str) -> Verdict:
    token = write_development_keys(data / "keys").token(SUBJECT, scopes=SCOPES, lifetime_s=TOKEN_LIFETIME_S)
    return asyncio.run(verify_ledger(target, token))


def _start_and_ask(data: DataFolder) -> Verdict:
    stack = Stack(data, services=(LEDGER,), any_ports=True)
    with steps() as report:
        stack.start(report)
    try:
        token = stack.identity.token(SUBJECT, scopes=SCOPES, lifetime_s=TOKEN_LIFETIME_S)
        return asyncio.run(verify_ledger(stack.targets[LEDGER.name], token))
    finally:
        stack.stop()
