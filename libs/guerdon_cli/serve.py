"""`guerdon serve`: one service in this process, as in production."""

from __future__ import annotations

import runpy
from typing import Annotated

import typer

from guerdon_cli.stack import SERVICES

NAMES = tuple(kind.name for kind in SERVICES)


def serve(service: Annotated[str, typer.Argument(help=f"One of: {', '.join(NAMES)}.")]) -> None:
    """Run one service with the settings of the environment until it is told to stop."""
    if service not in NAMES:
        raise typer.BadParameter(f"no such service: {service}; there are {', '.join(NAMES)}")
    runpy.run_module(service, run_name="__main__", alter_sys=True)
