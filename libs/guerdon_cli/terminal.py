"""What the commands share at the terminal: the data folder, steps, failures, and the end by signal."""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal, TextIO

import asyncpg
import typer
from rich.console import Console

import guerdon
from guerdon_cli.stack import StackError
from guerdon_cli.verification import HeadsMalformed
from guerdon_kit.embedded import EmbeddedError
from guerdon_kit.postgres.migrate import MigrationRefused
from guerdon_kit.processes import ProcessFailed

DataFolder = Annotated[
    Path, typer.Option("--data", help="Where data, keys, secrets and logs are kept.", envvar="GUERDON_DATA")
]
DATA_FOLDER = Path(".guerdon")
ServerChoice = Annotated[
    Literal["grpc", "envoy"], typer.Option("--server", help="What takes the services' calls: GUERDON_SERVER.")
]
TOLD = (
    StackError,
    EmbeddedError,
    ProcessFailed,
    MigrationRefused,
    OSError,
    asyncpg.PostgresError,
    guerdon.GuerdonError,
    HeadsMalformed,
)


@contextlib.contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Say which step is under way: as a line that changes on a terminal, as lines elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda step: console.print(f"{step} …")
        return
    with console.status("") as status:
        yield lambda step: status.update(f"{step} …")


@contextlib.contextmanager
def written(output: Path | None) -> Iterator[TextIO]:
    """The file to write, by default the standard output; it has its name only once it is whole."""
    if output is None:
        with _whole(sys.stdout) as file:
            yield file
        return
    part = output.with_name(f"{output.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        yield file
    part.replace(output)


@contextlib.contextmanager
def _whole(stream: TextIO) -> Iterator[TextIO]:
    """The stream, or one that writes to it all that it is given: with PYTHONUNBUFFERED the standard output is a raw
    file, whose write takes a part where a signal interrupts it (Ctrl-Z, say), and Python forgets about the rest.
    """
    raw = getattr(stream, "buffer", None)
    if not isinstance(raw, io.RawIOBase):
        yield stream
        return
    file = io.TextIOWrapper(io.BufferedWriter(raw), encoding=stream.encoding, newline="")
    try:
        yield file
    finally:
        file.detach().detach()  # both write what they have, and leave the stream open


@contextlib.contextmanager
def failures_told() -> Iterator[None]:
    """Turn what a person at the terminal can act on into a line and exit code 1."""
    try:
        yield
    except TOLD as problem:
        notes = "".join(f"\n({note})" for note in getattr(problem, "__notes__", ()))
        text = f"guerdon: {problem}{notes}"
        Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)
        raise typer.Exit(1) from problem


@contextlib.contextmanager
def ends_on_signal() -> Iterator[None]:
    """Leave the block in order on SIGINT or SIGTERM: the first one interrupts, further ones change nothing.

    The handlers are set even where SIGINT was ignored (a job in the background of a shell): whoever sends it
    means it.
    """
    interrupted = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except (KeyboardInterrupt, asyncio.CancelledError, Exception):  # what fails as it ends has failed because it ends
        if not interrupted:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
