"""Loopback ports."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below the range that systems hand out for outgoing connections, so that none of those takes a port we have
# chosen.
FIRST, LAST = 20000, 31999
ATTEMPTS_MAX = 200

_random = random.Random()  # not the common one, which a test may have seeded: two runs would choose alike
_claimed: set[int] = set()


def is_free(port: int) -> bool:
    """Whether nobody listens on the port: servers that share ports would otherwise share it with a stranger."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """So many different free ports, which no other process of this user is given for as long as this one lives: a port
    is bound only when its server has started, and is free again while that is restarted.

    Raises OSError when too few are found.
    """
    return sorted(adjacent_ports(1)[0] for _ in range(count))


def adjacent_ports(count: int) -> list[int]:
    """So many free ports, each the one after the one before, for workers that listen on one each; likewise.

    Raises OSError when none are found.
    """
    for _ in range(ATTEMPTS_MAX):
        first = _random.randint(FIRST, LAST - count + 1)
        found = range(first, first + count)
        if all(map(is_free, found)) and all(map(_claim, found)):
            return list(found)
    raise OSError(f"found no {count} free ports in a row between {FIRST} and {LAST}")


def _claim(port: int) -> bool:
    """Whether the port is now ours: the byte of its number is locked in a file of all our processes. The kernel gives
    it free when the process ends, and no child inherits it.
    """
    if port in _claimed:
        return False
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _claimed.add(port)
    return True


@cache
def _claims() -> int:
    path = Path(tempfile.gettempdir()) / f"guerdon-ports-{os.geteuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
