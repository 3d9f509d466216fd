"""What processes use of the machine, as Linux tells it; elsewhere nothing is told."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
_PARENT, _USER, _REAPED_SYSTEM = 1, 11, 14
"""Fields of /proc/PID/stat after the program's name: the parent, then four of processor time, the last two of children
that have ended."""
_RESIDENT = 1


def processor_s(root: int) -> float:
    """Processor time that a process and all below it have used, in seconds."""
    ticks = sum(sum(map(int, stat[_USER : _REAPED_SYSTEM + 1])) for stat in _family(root).values())
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_bytes(root: int) -> int:
    """Memory that a process and all below it have resident, what they share counted once for each."""
    pages = 0
    for pid in _family(root):
        try:
            pages += int((PROC / str(pid) / "statm").read_text().split()[_RESIDENT])
        except OSError:  # it has ended meanwhile
            continue
    return pages * os.sysconf("SC_PAGE_SIZE")


def _family(root: int) -> dict[int, list[str]]:
    """The stat fields of a process and all below it, by process id."""
    stats = {pid: stat for entry in PROC.glob("[0-9]*") if (stat := _stat(pid := int(entry.name)))}
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(int(stat[_PARENT]), []).append(pid)
    found, left = {}, [root]
    while left:
        pid = left.pop()
        if pid in stats:
            found[pid] = stats[pid]
            left += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
