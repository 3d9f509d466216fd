"""The small commands: databases brought up to date, one service in the foreground, and clear refusals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guerdon_cli.main import app
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.embedded import Endpoints
from guerdon_kit.launch.ports import LOOPBACK, free_ports
from guerdon_kit.launch.services import is_serving, service_environment
from guerdon_kit.postgres.provision import ServiceDatabase, connected
from guerdon_kit.testing import DatabaseFactory, wait_until
from guerdon_kit.testing.fixtures import OwnServers

SERVICE = "recognition"


def guerdon(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and everything that was printed."""
    unset = dict.fromkeys(name for name in os.environ if name.startswith("GUERDON_"))
    result = CliRunner().invoke(app, arguments, env=unset | environment)
    return result.exit_code, result.output


def test_migrate_makes_and_migrates_a_database_once(own_servers: OwnServers, tmp_path: Path) -> None:
    with own_servers() as servers:
        url = servers.urls["postgres"]
        for expected in (True, False):
            code, output = guerdon("migrate", SERVICE, "--data", str(tmp_path), GUERDON_POSTGRES_URL=url)
            assert code == 0, output
            assert (f"applied {SERVICE}: " in output) is expected
            assert output.endswith("up to date\n")
    assert [path.name for path in tmp_path.iterdir()] == ["secrets"], "no server was embedded"


async def test_migrate_takes_a_database_that_was_made_elsewhere(databases: DatabaseFactory) -> None:
    database = databases.make(SERVICE, migrated=False)
    code, output = guerdon(
        "migrate",
        SERVICE,
        GUERDON_DATABASE_OWNER_URL=database.owner_url,
        GUERDON_DATABASE_URL=database.runtime_url,
    )
    assert code == 0, output
    async with connected(database.runtime_url) as runtime:
        assert await runtime.fetchval("SELECT count(*) FROM requests") == 0
    databases.drop(database)


def test_migrate_with_an_owner_url_wants_one_service_and_its_runtime_role() -> None:
    code, output = guerdon("migrate", GUERDON_DATABASE_OWNER_URL="postgresql://owner:x@/db")
    assert code == 2
    assert "name one service" in output


def test_a_server_that_is_away_is_told_in_a_line(tmp_path: Path) -> None:
    [port] = free_ports(1)
    url = f"postgresql://postgres:x@{LOOPBACK}:{port}/postgres"
    code, output = guerdon(
        "migrate",
        "--data",
        str(tmp_path),
        GUERDON_POSTGRES_URL=url,
    )
    assert code == 1
    assert output.startswith("guerdon: ")
    assert "Traceback" not in output


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_an_unknown_service_is_refused_with_the_known_ones(command: str) -> None:
    code, output = guerdon(command, "nothing")
    assert code == 2
    assert "ledger" in output


async def test_serve_runs_one_service_until_it_is_told_to_stop(
    endpoints: Endpoints, identity: DevelopmentIdentity, databases: DatabaseFactory, tmp_path: Path
) -> None:
    own: ServiceDatabase = databases.make(SERVICE)
    [port] = free_ports(1)
    environment = service_environment(
        SERVICE,
        listen=f"{LOOPBACK}:{port}",
        database=own,
        endpoints=endpoints,
        identity=identity,
        targets={},
        clock_file=tmp_path / "clock",
        settings={},
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from guerdon_cli.main import app; app()", "serve", SERVICE, env=environment
    )
    try:
        await wait_until(lambda: is_serving(environment["GUERDON_LISTEN"]))
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), timeout=15) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    databases.drop(own)
