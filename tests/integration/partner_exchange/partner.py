"""The example partner as a process: started, killed, and kept running."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from examples.partner.books import Books
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.launch.ports import LOOPBACK, free_ports
from tests.integration.partner_exchange.faulty import DONE

ROOT = Path(__file__).parents[3]
POINTS = 10_000
_numbers = itertools.count(1)


class Died(Exception):
    """The process came to its end before it was seen to listen."""


@dataclass
class PartnerProcess:
    """The process, its books, and how it is started."""

    target: str
    books: Books
    argv: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Starts it, and waits until it listens. Raises Died."""
        self.process = subprocess.Popen(self.argv, env=self.environment, cwd=ROOT, stdout=subprocess.DEVNULL)
        host, _, port = self.target.partition(":")
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise Died
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the partner does not listen")

    def kill(self) -> None:
        """Kills it, if it runs."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @asynccontextmanager
    async def kept_running(self) -> AsyncIterator[None]:
        """Starts it again whenever it has been killed."""

        async def keep() -> None:
            while True:
                assert self.process is not None
                if self.process.poll() is not None:
                    with suppress(Died):  # what it was killed for is asked again as soon as it listens
                        await asyncio.to_thread(self.start)
                await asyncio.sleep(0.05)

        keeper = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeper.cancel()


@contextmanager
def partner_process(
    folder: Path, identity: DevelopmentIdentity, name: str, members: list[str]
) -> Iterator[PartnerProcess]:
    """The partner of that name, each of whose members has POINTS."""
    [port] = free_ports(1)
    done = folder / f"done-{next(_numbers)}"
    done.mkdir()
    database = done.with_suffix(".db")
    argv = [sys.executable, "-m", "tests.integration.partner_exchange.faulty", "--listen", f"{LOOPBACK}:{port}"]
    argv += ["--database", str(database), "--jwks", str(identity.folder / "partner_exchange.jwks.json")]
    argv += ["--audience", f"guerdon.{name}"]
    for member in members:
        argv += ["--member", f"{member}={POINTS}"]
    made = PartnerProcess(f"{LOOPBACK}:{port}", Books(database), argv, {**os.environ, DONE: str(done)})
    made.start()
    try:
        yield made
    finally:
        made.kill()
