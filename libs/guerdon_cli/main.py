"""The `guerdon` command: one file a command."""

from __future__ import annotations

import typer

from guerdon_cli.bench import command as bench
from guerdon_cli.demo.command import demo
from guerdon_cli.export import export
from guerdon_cli.imports import command as imports
from guerdon_cli.migrate import migrate
from guerdon_cli.partner import conformance as partner
from guerdon_cli.serve import serve
from guerdon_cli.taxable import export_taxable
from guerdon_cli.up import up
from guerdon_cli.verify import verify

app = typer.Typer(
    name="guerdon",
    help="A points platform: a double-entry ledger and the services on top of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(up)
app.command()(demo)
app.command()(verify)
app.command()(export)
app.command()(export_taxable)
app.command()(migrate)
app.command()(serve)
app.add_typer(bench.app, name="bench")
app.add_typer(imports.app, name="import")
app.add_typer(partner.app, name="partner")
