"""`pgbench` of the embedded PostgreSQL, as a measure of what this machine's disk and processors do for a database."""

from __future__ import annotations

import asyncio
import re
import subprocess
from urllib.parse import parse_qs, unquote, urlsplit

from guerdon_cli.stack import StackError
from guerdon_kit.embedded import EmbeddedServers
from guerdon_kit.postgres.provision import connected

SCALE = 50
CLIENTS = 16
THREADS = 2
DATABASE = "guerdon_pgbench"
FILLED_WITHIN_S = 600

_TPS = re.compile(r"^tps = (\d+)", re.MULTILINE)


def tpcb_per_second(servers: EmbeddedServers, admin_url: str, seconds: int) -> float:
    """Transactions a second of TPC-B over a new database, which is dropped again. Raises StackError."""
    program = servers.postgres.plan.argv[0].removesuffix("postgres") + "pgbench"
    parts = urlsplit(admin_url)
    environment = {
        "PGHOST": parse_qs(parts.query)["host"][0],
        "PGUSER": unquote(parts.username or ""),
        # Not on the command line, where everybody could read it.
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": DATABASE,
    }
    _administer(admin_url, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)", f"CREATE DATABASE {DATABASE}")
    try:
        _run([program, "--initialize", "--quiet", f"--scale={SCALE}"], environment, FILLED_WITHIN_S)
        load = ["-M", "prepared", "-c", str(CLIENTS), "-j", str(THREADS), "-T", str(seconds)]
        said = _run([program, *load], environment, seconds + FILLED_WITHIN_S)
    finally:
        _administer(admin_url, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    found = _TPS.search(said)
    if found is None:
        raise StackError(f"pgbench did not say its rate:\n{said}")
    return float(found[1])


def _run(argv: list[str], environment: dict[str, str], timeout_s: float) -> str:
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode != 0:
        raise StackError(f"pgbench failed:\n{done.stderr}")
    return done.stdout


def _administer(admin_url: str, *statements: str) -> None:
    async def execute() -> None:
        async with connected(admin_url) as admin:
            for statement in statements:
                await admin.execute(statement)

    asyncio.run(execute())
