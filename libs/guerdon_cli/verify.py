"""`guerdon verify`: everything in the ledger recomputed from its postings."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from guerdon_cli.running import TARGET, Target, running_ledger
from guerdon_cli.terminal import DATA_FOLDER, DataFolder, ends_on_signal, failures_told
from guerdon_cli.verification import findings_table, read_heads, verify_ledger, write_heads

SCOPES = ("ledger.verify",)
SUBJECT = "guerdon-verify"


def verify(
    data: DataFolder = DATA_FOLDER,
    target: Target = TARGET,
    heads: Annotated[
        Path | None,
        typer.Option(
            help="A file, best kept elsewhere: the chain heads in it must still be in the ledger; those of now replace "
            "them if all is right.",
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Recompute everything in the ledger from its postings, and name the first thing that is wrong.

    Asks the ledger that runs at TARGET with the keys of the data folder (`guerdon up`). With none running, servers
    and a ledger are started on the data folder for the time it takes.
    """
    with failures_told(), ends_on_signal():
        told = read_heads(heads) if heads is not None else []
        with running_ledger(data, target, SUBJECT, SCOPES) as (address, token):
            verdict = asyncio.run(verify_ledger(address, token, told))
        if not verdict.ok:
            Console(stderr=True).print(findings_table(verdict.findings))
        elif heads is not None:
            write_heads(heads, verdict.heads)
        typer.echo(verdict.line)
        raise typer.Exit(0 if verdict.ok else 1)
    raise typer.Exit(130)
