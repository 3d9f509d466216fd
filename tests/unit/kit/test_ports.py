"""Loopback ports, which several processes choose at once."""

from __future__ import annotations

import fcntl
import random
import socket
import subprocess
import sys

import pytest

from guerdon_kit.launch import ports
from guerdon_kit.launch.ports import LOOPBACK, adjacent_ports, free_ports, is_free

ANOTHER = """
import sys
from guerdon_kit.launch import ports
ports.FIRST, ports.LAST = int(sys.argv[1]), int(sys.argv[2])
print(*ports.free_ports(2))
"""


@pytest.fixture
def three_ports(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The only ports there are: any three, as another suite may run at the same time."""
    firsts = random.SystemRandom().sample(range(ports.FIRST, ports.LAST - 1), 100)
    chosen = next(three for three in map(_three, firsts) if all(map(_is_nobodys, three)))
    monkeypatch.setattr(ports, "FIRST", chosen[0])
    monkeypatch.setattr(ports, "LAST", chosen[-1])
    monkeypatch.setattr(ports, "_claimed", set())
    return chosen


def _three(first: int) -> list[int]:
    return [first, first + 1, first + 2]


def _is_nobodys(port: int) -> bool:
    """Whether nobody listens on it, nor was given it to."""
    if not (is_free(port) and ports._claim(port)):
        return False
    ports._claimed.remove(port)
    fcntl.lockf(ports._claims(), fcntl.LOCK_UN, 1, port)
    return True


def test_a_port_is_given_to_one_process_though_nobody_listens_on_it_yet(three_ports: list[int]) -> None:
    [ours] = free_ports(1)
    asking = [sys.executable, "-c", ANOTHER, str(three_ports[0]), str(three_ports[-1])]
    for _ in range(2):  # what the first was given is free again when it has ended
        theirs = subprocess.run(asking, capture_output=True, text=True, check=True).stdout.split()
        assert sorted([ours, *map(int, theirs)]) == three_ports


def test_a_port_is_given_once_and_not_while_somebody_listens(three_ports: list[int]) -> None:
    with socket.create_server((LOOPBACK, three_ports[0])):
        assert free_ports(2) == three_ports[1:]
        with pytest.raises(OSError, match="found no 1 free ports"):
            free_ports(1)


def test_adjacent_ports_are_all_free_and_all_ours(three_ports: list[int]) -> None:
    with socket.create_server((LOOPBACK, three_ports[2])):
        assert adjacent_ports(2) == three_ports[:2]
        with pytest.raises(OSError, match="found no 2 free ports in a row"):
            adjacent_ports(2)
