"""`guerdon up`: all services in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from guerdon_cli.stack import Stack, for_each
from guerdon_cli.terminal import DATA_FOLDER, DataFolder, ServerChoice, ends_on_signal, failures_told, steps

TOKEN_LIFETIME_S = 86400


def up(
    data: DataFolder = DATA_FOLDER,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes for each service.")] = 1,
    any_ports: Annotated[bool, typer.Option("--any-ports", help="Free ports instead of 7001 to 7006.")] = False,
    server: ServerChoice = "grpc",
) -> None:
    """Run all services in the foreground until Ctrl-C, with their addresses and a token to call them with."""
    run_in_foreground(Stack(data, any_ports=any_ports, settings=for_each(workers=str(workers), server=server)))


def run_in_foreground(stack: Stack) -> None:
    """Start the stack, say where everything is, and stop it on SIGINT or SIGTERM, or when a part of it has
    ended.

    Raises typer.Exit with code 1 in the last case, and when it could not be started.
    """
    with failures_told(), ends_on_signal():
        try:
            with steps() as report:
                stack.start(report)
            _tell(stack)
            stack.watch()
        finally:
            stack.stop()
    typer.echo("stopped")


def _tell(stack: Stack) -> None:
    """Where everything is. The token stands alone on the last line, to be copied."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, target in stack.targets.items():
        table.add_row(name, target, str(stack.services[name].plan.log))
    Console(highlight=False, soft_wrap=True).print(table)
    given = stack.embedded is None
    typer.echo(f"PostgreSQL and Redis: {'given by URL' if given else f'embedded, data in {stack.folder}'}")
    typer.echo("Token for everything (development only, valid for a day):")
    typer.echo(stack.identity.token(lifetime_s=TOKEN_LIFETIME_S))
