"""PostgreSQL and the two Redis servers as children of this process, and the choice between them and given
ones.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from guerdon_kit.embedded import places, postgres, valkey
from guerdon_kit.embedded.binaries import find_binaries
from guerdon_kit.embedded.errors import AlreadyRunning, EmbeddedError
from guerdon_kit.processes import ServerProcess, start_all, stop_all
from guerdon_kit.processes.supervisor import take_lock
from guerdon_kit.secret_store import FolderSecrets

POSTGRES, CACHE, EVENTS = "postgres", "cache", "events"
SERVERS = (POSTGRES, CACHE, EVENTS)
OWNER_LOCK = "owner.lock"
STATE = "state"
ORPHANS_END_WITHIN_S = 60.0


@dataclass(frozen=True)
class Endpoints:
    """Where the servers are. The URLs carry passwords."""

    postgres_url: str
    """An administrator's: it may create roles and databases."""
    redis_cache_url: str
    redis_events_url: str


ENVIRONMENT = {
    POSTGRES: "GUERDON_POSTGRES_URL",
    CACHE: "GUERDON_REDIS_CACHE_URL",
    EVENTS: "GUERDON_REDIS_EVENTS_URL",
}


class EmbeddedServers:
    """The servers that keep their data under `folder` (`.guerdon`), or those of them that are named in
    `only`.

    They end with this process, however it ends. A data folder serves one process at a time: a second start
    raises AlreadyRunning at once, and where the first was killed the start waits until its servers are gone.
    """

    def __init__(self, folder: Path, only: tuple[str, ...] = SERVERS) -> None:
        self.folder = folder.absolute()
        self._only = only
        self._servers: dict[str, ServerProcess] = {}
        self._urls: dict[str, str] = {}
        self._owner: int | None = None
        self._home: Path | None = None

    def start(self) -> Endpoints:
        """Start the servers; the endpoint of one that is not embedded is empty.

        Raises EmbeddedError or ProcessFailed, and leaves nothing running then.
        """
        if self._owner is not None:
            raise AlreadyRunning(f"the embedded servers of {self.folder} are running already, in this object")
        home, account = places.data_home(self.folder)
        self._owner = _own(home, self.folder)
        self._home = home
        try:
            binaries = find_binaries(account, home / "programs")
            sockets = places.socket_folder(home, account)
            state = home / STATE
            if not state.exists():
                state.mkdir(mode=0o700)
                account.own(state)
            kept = FolderSecrets(self.folder / "secrets")
            plans = {}
            if POSTGRES in self._only:
                password = kept.get("postgres-admin")
                data = postgres.make_cluster(home, account, binaries, password)
                plans[POSTGRES] = postgres.plan(data, sockets, state, account, binaries)
                self._urls[POSTGRES] = postgres.url(sockets, password)
            for name in (CACHE, EVENTS):
                if name in self._only:
                    password = kept.get(f"redis-{name}")
                    plans[name] = valkey.plan(
                        name,
                        home=home,
                        sockets=sockets,
                        state=state,
                        account=account,
                        binaries=binaries,
                        password=password,
                    )
                    self._urls[name] = valkey.url(sockets, name, password)
            self._servers = {name: ServerProcess(plan) for name, plan in plans.items()}
            start_all(self._servers.values())
        except BaseException:
            self.stop()
            raise
        return self.endpoints

    @property
    def endpoints(self) -> Endpoints:
        """Where the running servers are; empty for one that is not embedded."""
        return Endpoints(*(self._urls.get(name, "") for name in SERVERS))

    @property
    def urls(self) -> Mapping[str, str]:
        """The URLs of the running servers by name."""
        return dict(self._urls)

    @property
    def processes(self) -> Mapping[str, ServerProcess]:
        """The embedded servers by name."""
        return dict(self._servers)

    @property
    def postgres(self) -> ServerProcess:
        return self._server(POSTGRES)

    @property
    def cache(self) -> ServerProcess:
        return self._server(CACHE)

    @property
    def events(self) -> ServerProcess:
        return self._server(EVENTS)

    def stop(self) -> None:
        """Stop what runs and give the data folder free. Stopping twice does nothing."""
        if self._owner is None:
            return
        try:
            stop_all(self._servers.values())
        finally:
            assert self._home is not None
            places.remove_socket_folder(self._home)
            os.close(self._owner)
            self._owner, self._servers, self._urls = None, {}, {}

    def remove_data(self) -> None:
        """Delete the servers' data, wherever it lies; waits for servers of a killed process to end.

        Raises AlreadyRunning, and TimeoutError when a server of a killed process does not end.
        """
        home = places.existing_home(self.folder)
        if home is None:
            return
        owner = _own(home, self.folder)
        try:
            for lock in (home / STATE).glob("*.lock"):
                os.close(take_lock(str(lock), ORPHANS_END_WITHIN_S))
            places.remove_socket_folder(home)
            shutil.rmtree(home)
            if home.parent == places.ELSEWHERE[0]:
                with contextlib.suppress(OSError):  # the data of another folder lies there
                    home.parent.rmdir()
        finally:
            os.close(owner)
        (self.folder / places.POINTER).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _server(self, name: str) -> ServerProcess:
        if name not in self._servers:
            raise EmbeddedError(f"no {name} is embedded here")
        return self._servers[name]


@dataclass(frozen=True)
class Resolved:
    """The servers to use."""

    endpoints: Endpoints
    embedded: EmbeddedServers | None
    """Those of them that were started here; None when all were given."""


@contextlib.contextmanager
def resolve_endpoints(
    folder: Path, environment: Mapping[str, str], needed: tuple[str, ...] = SERVERS
) -> Iterator[Resolved]:
    """Use the servers whose URLs the environment gives (see ENVIRONMENT), and embed the others for the
    duration.

    Only the `needed` ones are embedded. With all of them given nothing is started and `folder` is not
    touched. Raises EmbeddedError and ProcessFailed.
    """
    given = {name: url for name in SERVERS if (url := environment.get(ENVIRONMENT[name]))}
    missing = tuple(name for name in needed if name not in given)
    if not missing:
        yield Resolved(Endpoints(*(given.get(name, "") for name in SERVERS)), None)
        return
    embedded = EmbeddedServers(folder, missing)
    with embedded:
        urls = {**embedded.urls, **given}
        yield Resolved(Endpoints(*(urls.get(name, "") for name in SERVERS)), embedded)


def _own(home: Path, folder: Path) -> int:
    """Lock the data for this process; the kernel unlocks it when the process ends. Raises AlreadyRunning."""
    fd = os.open(home / OWNER_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 32, 0).decode().strip() or "another one"
        os.close(fd)
        raise AlreadyRunning(
            f"the embedded servers of {folder} are in use by process {holder}: stop it, or use another data folder"
        ) from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd
