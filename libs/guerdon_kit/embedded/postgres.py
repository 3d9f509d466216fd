"""How the embedded PostgreSQL is made and run."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from urllib.parse import quote

from guerdon_kit.embedded.account import Account
from guerdon_kit.embedded.binaries import Binaries
from guerdon_kit.processes import Plan, ProcessFailed

ADMIN = "postgres"
INITDB_TIMEOUT_S = 120.0
MIB = 1024 * 1024

# The three that make a commit a promise are given on the command line, where ALTER SYSTEM cannot change them.
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


def settings(sockets: Path, memory_bytes: int) -> dict[str, str]:
    """What the server runs with. `memory_bytes` is the machine's."""
    shared_buffers_mib = min(1024, max(128, memory_bytes // 8 // MIB))
    return DURABLE | {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "max_connections": "200",
        "shared_buffers": f"{shared_buffers_mib}MB",
        "effective_cache_size": f"{memory_bytes // 2 // MIB}MB",
        "work_mem": "8MB",
        "maintenance_work_mem": "128MB",
        # Group commit makes few large transactions; checkpoints are far apart, yet recovery after a crash is
        # seconds.
        "wal_buffers": "16MB",
        "min_wal_size": "256MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "10min",
        "checkpoint_completion_target": "0.9",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %u@%d ",
        "log_checkpoints": "off",
    }


def memory_bytes() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def make_cluster(home: Path, account: Account, binaries: Binaries, password: str) -> Path:
    """Create the data folder unless it is there: whole or not at all. Raises ProcessFailed."""
    data = home / "postgres"
    if data.exists():
        return data
    unfinished = home / "postgres.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    account.own(unfinished)
    password_file = home / "postgres.password"
    password_file.unlink(missing_ok=True)
    fd = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "w") as file:
            file.write(password + "\n")
        account.own(password_file)
        result = account.run(
            str(binaries.initdb),
            f"--pgdata={unfinished}",
            f"--username={ADMIN}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            timeout_s=INITDB_TIMEOUT_S,
        )
    finally:
        password_file.unlink()
    if result.returncode != 0:
        raise ProcessFailed(f"initdb failed:\n{result.stdout}\n{result.stderr}")
    unfinished.rename(data)
    return data


def is_ready(data: Path, pid: int) -> bool:
    """Whether the server says so in its lock file, which is what pg_ctl waits for."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, PermissionError):
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def plan(data: Path, sockets: Path, state: Path, account: Account, binaries: Binaries) -> Plan:
    """How to run it."""
    argv = [str(binaries.postgres), "-D", str(data)]
    for name, value in settings(sockets, memory_bytes()).items():
        argv += ["-c", f"{name}={value}"]
    return Plan(
        name="postgres",
        argv=tuple(argv),
        folder=data,
        sockets=sockets,
        log=state / "postgres.log",
        lock=state / "postgres.lock",
        owner=account.owner,
        is_ready=lambda pid: is_ready(data, pid),
        # Fast shutdown ends with a checkpoint; immediate shutdown leaves recovery to the next start.
        stop=((signal.SIGINT, 20.0), (signal.SIGQUIT, 6.0), (signal.SIGKILL, 5.0)),
        death_signal=signal.SIGQUIT,
        # After kill -9 a postmaster nobody has reaped yet counts as alive. Its lock file is its own to
        # remove.
        passing_failures=('lock file "', "pre-existing shared memory block"),
    )


def url(sockets: Path, password: str) -> str:
    """The administrator's connection."""
    return f"postgresql://{ADMIN}:{quote(password, safe='')}@/{ADMIN}?host={quote(str(sockets))}"
