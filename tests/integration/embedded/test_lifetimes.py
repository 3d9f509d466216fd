"""However a process that embeds servers ends, they end with it and the next start works."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guerdon_kit.embedded import AlreadyRunning, EmbeddedServers, places
from guerdon_kit.testing import wait_until
from guerdon_kit.testing.fixtures import StoppedServers
from guerdon_kit.testing.folders import data_folder

# Starts servers, tells their pids, and waits for ever.
APPLICATION = """
import sys, threading
from pathlib import Path
from guerdon_kit.embedded import EmbeddedServers
servers = EmbeddedServers(Path(sys.argv[1]))
servers.start()
print(servers.postgres.pid, servers.cache.pid, servers.events.pid, flush=True)
threading.Event().wait()
"""


@contextlib.contextmanager
def application(folder: Path, **popen: object) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """The application and the pids of its servers."""
    process = subprocess.Popen(
        [sys.executable, "-c", APPLICATION, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        **popen,  # type: ignore[call-overload]  # only keywords of Popen are given
    )
    try:
        yield process, [int(pid) for pid in process.stdout.readline().split()]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def kill_at_once(application: int, pids: list[int]) -> list[int]:
    """SIGKILL for the application, the supervisors and the servers; answers whom that leaves as orphans.

    They are stopped before, the supervisors first: none may notice that another is gone, and tidy up.
    """
    together = [*supervisors(pids), *pids, application]
    for pid in together:
        os.kill(pid, signal.SIGSTOP)
    orphans = [*together[:-1], *children(pids[0])]
    for pid in together:
        os.kill(pid, signal.SIGKILL)
    return orphans


def supervisors(pids: list[int]) -> list[int]:
    return [int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in pids]


@pytest.fixture
def folder(stopped_servers: StoppedServers) -> Iterator[Path]:
    with data_folder() as made:
        stopped_servers.copy_to(made)
        yield made
        EmbeddedServers(made).remove_data()


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


@needs_proc
async def test_killing_the_application_ends_its_servers_and_removes_their_sockets(folder: Path) -> None:
    with application(folder) as (process, pids):
        sockets = Path((folder / "servers" / places.SOCKET_FOLDER_RECORD).read_text().strip())
        process.kill()
        await wait_until(lambda: not any(alive(pid) for pid in pids))
        await wait_until(lambda: not sockets.exists())


async def test_the_next_start_after_a_kill_waits_for_the_old_servers_and_works(folder: Path) -> None:
    for _ in range(3):
        with application(folder) as (process, pids):
            assert len(pids) == 3
            process.kill()
    with EmbeddedServers(folder) as servers:
        assert servers.postgres.running


@needs_proc
async def test_killing_the_supervisors_ends_the_servers(folder: Path) -> None:
    with application(folder) as (_, pids):
        for supervisor in supervisors(pids):
            os.kill(supervisor, signal.SIGKILL)
        await wait_until(lambda: not any(alive(pid) for pid in pids))


@needs_proc
async def test_killing_everything_at_once_leaves_nothing_the_next_start_trips_over(folder: Path) -> None:
    with application(folder) as (process, pids):
        kill_at_once(process.pid, pids)
    with EmbeddedServers(folder) as servers:
        assert servers.postgres.running
        assert servers.events.running


@contextlib.contextmanager
def subreaper() -> Iterator[None]:
    """Orphans of our children become ours, and stay zombies until we wait for them: a container without an
    init.
    """
    pr_set_child_subreaper = 36
    libc = ctypes.CDLL(None)
    assert libc.prctl(pr_set_child_subreaper, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        libc.prctl(pr_set_child_subreaper, 0, 0, 0, 0)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@needs_proc
async def test_a_zombie_postmaster_holds_its_lock_file_and_the_next_start_waits_for_it(folder: Path) -> None:
    log = folder / "servers" / "state" / "postgres.log"
    again = EmbeddedServers(folder)
    with subreaper(), application(folder) as (process, pids):
        orphans = kill_at_once(process.pid, pids)
        start = asyncio.create_task(asyncio.to_thread(again.start))
        try:
            await wait_until(lambda: "lock file" in log.read_text())
            assert not start.done()
        finally:
            for orphan in orphans:
                await asyncio.to_thread(os.waitpid, orphan, 0)
        await start
        assert again.postgres.running
        again.stop()


async def test_a_second_process_is_refused_while_the_first_lives(folder: Path) -> None:
    with application(folder) as (process, pids):
        with pytest.raises(AlreadyRunning, match=str(process.pid)):
            EmbeddedServers(folder).start()
        assert all(alive(pid) for pid in pids)


@needs_proc
async def test_ctrl_c_at_the_terminal_leaves_stopping_to_the_application(folder: Path) -> None:
    with application(folder, start_new_session=True) as (process, pids):
        groups = {os.getpgid(pid) for pid in [*pids, *supervisors(pids)]}
        assert os.getpgid(process.pid) not in groups


def test_an_unfinished_initdb_is_begun_anew(folder: Path) -> None:
    home = folder / "servers"
    shutil.rmtree(home / "postgres")
    (home / "postgres.new").mkdir()
    (home / "postgres.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedServers(folder) as servers:
        assert servers.postgres.running
