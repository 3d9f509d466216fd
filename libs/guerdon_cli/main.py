"""The `guerdon` command: one file a command."""

from __future__ import annotations

import typer

from guerdon_cli.migrate import migrate
from guerdon_cli.serve import serve
from guerdon_cli.up import up

app = typer.Typer(
    name="guerdon",
    help="A points platform: a double-entry ledger and the services on top of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(up)
app.command()(migrate)
app.command()(serve)
