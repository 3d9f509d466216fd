"""`guerdon migrate`: databases brought up to date."""

from __future__ import annotations

import os
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from guerdon_cli.stack import SERVICES
from guerdon_cli.terminal import DATA_FOLDER, DataFolder, failures_told
from guerdon_kit.embedded import POSTGRES, resolve_endpoints
from guerdon_kit.launch.databases import in_own_loop, prepare_databases
from guerdon_kit.postgres import migrate as migrations
from guerdon_kit.secret_store import FolderSecrets

NAMES = tuple(kind.name for kind in SERVICES)


def migrate(
    services: Annotated[list[str] | None, typer.Argument(help="Services; all of them by default.")] = None,
    data: DataFolder = DATA_FOLDER,
) -> None:
    """Apply the migrations that are missing.

    With GUERDON_DATABASE_OWNER_URL set (a database that was made for one service): that one, with its owner
    role, for the runtime role of GUERDON_DATABASE_URL. Otherwise roles and databases are made too, by the
    administrator of GUERDON_POSTGRES_URL or of the embedded PostgreSQL.
    """
    wanted = services or list(NAMES)
    if unknown := set(wanted) - set(NAMES):
        raise typer.BadParameter(f"no such service: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    with failures_told():
        owner_url = os.environ.get("GUERDON_DATABASE_OWNER_URL")
        applied = _migrate_all(data, wanted) if owner_url is None else _migrate_one(owner_url, wanted)
    for name in applied:
        typer.echo(f"applied {name}")
    typer.echo("up to date")


def _migrate_one(owner_url: str, wanted: list[str]) -> list[str]:
    runtime_role = unquote(urlsplit(os.environ.get("GUERDON_DATABASE_URL", "")).username or "")
    if len(wanted) != 1 or not runtime_role:
        raise typer.BadParameter(
            "with GUERDON_DATABASE_OWNER_URL name one service, and set GUERDON_DATABASE_URL for its runtime role"
        )
    return in_own_loop(migrations.apply(owner_url, wanted[0], runtime_role))


def _migrate_all(data: DataFolder, wanted: list[str]) -> list[str]:
    with resolve_endpoints(data, os.environ, needed=(POSTGRES,)) as resolved:
        secrets = FolderSecrets(data / "secrets")
        prepared = in_own_loop(prepare_databases(resolved.endpoints.postgres_url, wanted, secrets))
    return [f"{service}: {name}" for service, (_, done) in prepared.items() for name in done]
