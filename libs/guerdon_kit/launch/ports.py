"""Loopback ports."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"
# Below the range that systems hand out for outgoing connections, so that none of those takes a port we have
# chosen.
FIRST, LAST = 20000, 31999
ATTEMPTS_MAX = 200


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
    """So many different free ports. Raises OSError when too few are found."""
    found: set[int] = set()
    for _ in range(ATTEMPTS_MAX + count):
        if len(found) == count:
            break
        port = random.randint(FIRST, LAST)
        if is_free(port):
            found.add(port)
    if len(found) < count:
        raise OSError(f"found only {len(found)} free ports of {count} between {FIRST} and {LAST}")
    return sorted(found)
