"""`guerdon export`: a program's journal as plain-text accounting."""

from __future__ import annotations

import asyncio
from enum import Enum
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

import guerdon
from guerdon.ledger.v1.journal_pb2 import (
    JOURNAL_FORMAT_BEANCOUNT,
    JOURNAL_FORMAT_LEDGER,
    ExportJournalRequest,
    JournalFormat,
)
from guerdon_cli.running import TARGET, Target, running_ledger
from guerdon_cli.terminal import DATA_FOLDER, DataFolder, ends_on_signal, failures_told, written

SCOPES = ("ledger.journal.read",)
SUBJECT = "guerdon-export"
TIMEOUT_SECONDS = 24 * 3600.0


class Format(Enum):
    """The formats that a journal can be written in."""

    BEANCOUNT = "beancount"
    LEDGER = "ledger"


_FORMATS: dict[Format, JournalFormat.ValueType] = {
    Format.BEANCOUNT: JOURNAL_FORMAT_BEANCOUNT,
    Format.LEDGER: JOURNAL_FORMAT_LEDGER,
}


def export(
    program: Annotated[str, typer.Argument(help="The program's name, such as programs/acme.")],
    format_: Annotated[
        Format, typer.Option("--format", help="Beancount, or the text that Ledger and hledger read.")
    ] = Format.BEANCOUNT,
    output: Annotated[
        Path | None, typer.Option(help="Where it goes; the standard output by default.", dir_okay=False)
    ] = None,
    data: DataFolder = DATA_FOLDER,
    target: Target = TARGET,
) -> None:
    """Write all transactions of a program as plain-text accounting.

    Asks the ledger that runs at TARGET with the keys of the data folder (`guerdon up`). With none running, servers
    and a ledger are started on the data folder for the time it takes.
    """
    with failures_told(), ends_on_signal():
        request = ExportJournalRequest(parent=program, format=_FORMATS[format_])
        with running_ledger(data, target, SUBJECT, SCOPES) as (address, token), written(output) as file:
            asyncio.run(_export(address, token, request, file))
        raise typer.Exit(0)
    raise typer.Exit(130)


async def _export(target: str, token: str, request: ExportJournalRequest, file: TextIO) -> None:
    columns = SpinnerColumn(), TextColumn("exporting"), DownloadColumn(), TimeElapsedColumn()
    async with guerdon.Client(target, token=token, stream_timeout_seconds=TIMEOUT_SECONDS) as client:
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("exporting", total=None)
            async for part in client.ledger.ExportJournal(request):
                file.write(part.text)
                progress.advance(task, len(part.text))
