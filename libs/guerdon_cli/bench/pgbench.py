"""`pgbench` of the embedded PostgreSQL, as a measure of what this machine's disk and processors do for a database."""

from __future__ import annotations

import asyncio
import re
import subprocess
from types import TracebackType
from typing import Self
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


class Tpcb:
    """TPC-B over a database of its own, which is filled once, run as often as wanted, and dropped at the end."""

    def __init__(self, servers: EmbeddedServers, scale: int = SCALE) -> None:
        self._program = servers.postgres.plan.argv[0].removesuffix("postgres") + "pgbench"
        self._admin_url = admin_url = servers.endpoints.postgres_url
        self._scale = scale
        parts = urlsplit(admin_url)
        self._url = parts._replace(path=f"/{DATABASE}").geturl()
        self._environment = {
            "PGHOST": parse_qs(parts.query)["host"][0],
            "PGUSER": unquote(parts.username or ""),
            # Not on the command line, where everybody could read it.
            "PGPASSWORD": unquote(parts.password or ""),
            "PGDATABASE": DATABASE,
        }

    def __enter__(self) -> Self:
        """Make and fill it. Raises StackError."""
        drop, create = f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)", f"CREATE DATABASE {DATABASE}"
        _execute(self._admin_url, drop, create)
        self._run("--initialize", "--quiet", f"--scale={self._scale}", within_s=FILLED_WITHIN_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        _execute(self._admin_url, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")

    def per_second(self, seconds: int) -> float:
        """Transactions a second, over so many seconds. Raises StackError.

        What they leave to be cleaned and written is done before this returns: it would be done while the next thing
        is measured.
        """
        load = ("-M", "prepared", "-c", str(CLIENTS), "-j", str(THREADS), "-T", str(seconds))
        said = self._run(*load, within_s=seconds + FILLED_WITHIN_S)
        found = _TPS.search(said)
        if found is None:
            raise StackError(f"pgbench did not say its rate:\n{said}")
        _execute(self._url, "VACUUM (ANALYZE)", "CHECKPOINT")
        return float(found[1])

    def _run(self, *arguments: str, within_s: float) -> str:
        done = subprocess.run(
            [self._program, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"pgbench failed:\n{done.stderr}")
        return done.stdout


def _execute(url: str, *statements: str) -> None:
    async def execute() -> None:
        async with connected(url) as admin:
            for statement in statements:
                await admin.execute(statement)

    asyncio.run(execute())
