"""`guerdon import`: people and their history, from files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import guerdon
from guerdon_cli.imports import people as people_import
from guerdon_cli.imports import recognitions as recognition_import
from guerdon_cli.imports.people_files import read_people
from guerdon_cli.imports.recognition_files import FileMalformed, read_recognitions
from guerdon_cli.running import Target, running_recognition
from guerdon_cli.stack import RECOGNITION
from guerdon_cli.terminal import DATA_FOLDER, DataFolder, ends_on_signal, failures_told
from guerdon_kit.launch.ports import LOOPBACK

SUBJECT = "guerdon-import"
SCOPES = ("recognition.people.read", "recognition.people.write", "recognition.recognitions.import")
TARGET = f"{LOOPBACK}:{RECOGNITION.port}"
TOLD_MOST = 100
STREAM_S = 24 * 3600.0
TIMEOUT_S = 60.0

app = typer.Typer(help="Bring people and their history along from elsewhere.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The CSV file.", dir_okay=False, exists=True)]
Organisation = Annotated[str, typer.Option(help="Its name, such as organisations/acme.")]


@app.command()
def people(file: File, organisation: Organisation, data: DataFolder = DATA_FOLDER, target: Target = TARGET) -> None:
    """Add the people of a file, and bring those who are there up to date.

    Columns: id, and some of display_name, email, manager, teams (with ; between them), country, start_date, birthday.
    Teams that do not exist are made. A batch is imported whole or not at all; the same file may be imported again.
    """
    with _told() as (console, refusals):
        rows, fields = read_people(file, organisation)
        with running_recognition(data, target, SUBJECT, SCOPES) as (address, token), _bar(console, len(rows)) as bar:

            async def run() -> people_import.ImportedPeople:
                async with guerdon.Client(address, token=token, timeout_seconds=TIMEOUT_S) as client:
                    return await people_import.import_people(
                        client, organisation, rows, fields, bar.advance, refusals.add
                    )

            done = asyncio.run(run())
        refusals.tell()
        changed = f"{done.created} added, {done.updated} changed, {done.unchanged} as they were"
        typer.echo(f"{changed}, {done.refused} refused")
        raise typer.Exit(1 if done.refused else 0)
    raise typer.Exit(130)


@app.command()
def recognitions(
    file: File, organisation: Organisation, data: DataFolder = DATA_FOLDER, target: Target = TARGET
) -> None:
    """Import recognitions that were given elsewhere; their points come from the organisation's budget.

    Columns: external_id, giver, receivers, amount, time, and some of message, values, visibility (public, team or
    private), teams; several receivers, values and teams have a ; between them. An external id counts once: the same
    file may be imported again, and one that was interrupted goes on.
    """
    with _told() as (console, refusals):
        total = sum(1 for _ in read_recognitions(file))
        with running_recognition(data, target, SUBJECT, SCOPES) as (address, token), _bar(console, total) as bar:

            async def run() -> recognition_import.Imported:
                async with guerdon.Client(address, token=token, stream_timeout_seconds=STREAM_S) as client:
                    return await recognition_import.import_recognitions(
                        client, organisation, read_recognitions(file), bar.advance, refusals.add
                    )

            done = asyncio.run(run())
        refusals.tell()
        typer.echo(f"{done.imported} imported, {done.already_imported} were there, {done.refused} refused")
        raise typer.Exit(1 if done.refused else 0)
    raise typer.Exit(130)


class _Refusals:
    """Rows that were refused: told when the bar is gone, the first of many."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: list[str] = []
        self._count = 0

    def add(self, row: int, reason: str, words: str) -> None:
        """One row."""
        self._count += 1
        if len(self._lines) < TOLD_MOST:
            self._lines.append(f"row {row}: {words} ({reason})")

    def tell(self) -> None:
        """All of them, or the first."""
        for line in self._lines:
            self._console.print(line, markup=False)
        if self._count > len(self._lines):
            self._console.print(f"and {self._count - len(self._lines)} more rows")


class _Bar:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("rows", total=total)

    def advance(self, rows: int) -> None:
        """So many rows further."""
        self._progress.advance(self._task, rows)


@contextmanager
def _bar(console: Console, total: int) -> Iterator[_Bar]:
    columns = TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress, total)


@contextmanager
def _told() -> Iterator[tuple[Console, _Refusals]]:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with failures_told(), ends_on_signal():
        try:
            yield console, _Refusals(console)
        except FileMalformed as problem:
            console.print(f"guerdon: {problem}", markup=False)
            raise typer.Exit(1) from problem
