"""How the two embedded Valkey servers (the open Redis) are run.

The cache may be flushed at any moment: it keeps nothing on disk and throws out what was used least recently.

The event bus keeps everything: an append-only file, and no eviction. `appendfsync everysec` and not
`always`: what it holds is a copy of the outbox in PostgreSQL, from which the relay fills in what a power cut
took (a mere crash of the server takes nothing, the kernel has the writes); `always` would pay an fsync for
each batch relayed, on the disk that PostgreSQL's own commits wait for.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from guerdon_kit.embedded.account import Account
from guerdon_kit.embedded.binaries import Binaries
from guerdon_kit.processes import Plan

COMMON = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "maxclients": "1000",
    "timeout": "0",
    "save": '""',
}
CACHE = {"appendonly": "no", "maxmemory": "256mb", "maxmemory-policy": "allkeys-lru"}
EVENTS = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}


def socket_path(sockets: Path, name: str) -> Path:
    """The socket of the server called `name`."""
    return sockets / f"{name}.sock"


def url(sockets: Path, name: str, password: str) -> str:
    """The connection of the server called `name`."""
    return f"unix://:{quote(password, safe='')}@{quote(str(socket_path(sockets, name)))}"


def _quoted(value: object) -> str:
    """A value of the configuration file that may hold any printable character."""
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_config(path: Path, account: Account, lines: dict[str, str]) -> None:
    """Write the configuration anew, for the account alone: it has the password."""
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.writelines(f"{name} {value}\n" for name, value in lines.items())
    account.own(path)


def is_ready(address: str) -> bool:
    """Whether it answers and has loaded its data."""
    at_once = Retry(NoBackoff(), 0)  # the client would otherwise wait for seconds between attempts of its own
    client = redis.Redis.from_url(address, socket_timeout=1.0, retry=at_once)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def plan(
    name: str,
    *,
    home: Path,
    sockets: Path,
    state: Path,
    account: Account,
    binaries: Binaries,
    password: str,
) -> Plan:
    """How to run the server called `name`: `cache` or `events`."""
    folder = home / name
    if not folder.exists():
        folder.mkdir(mode=0o700)
        account.own(folder)
    config = home / f"{name}.conf"
    own = {
        "dir": _quoted(folder),
        "unixsocket": _quoted(socket_path(sockets, name)),
        "requirepass": _quoted(password),
    }
    write_config(config, account, COMMON | (CACHE if name == "cache" else EVENTS) | own)
    address = url(sockets, name, password)
    return Plan(
        name=name,
        argv=(str(binaries.valkey), str(config)),
        folder=folder,
        sockets=sockets,
        log=state / f"{name}.log",
        lock=state / f"{name}.lock",
        owner=account.owner,
        is_ready=lambda _pid: is_ready(address),
        stop=((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)),
        death_signal=signal.SIGTERM,
    )
