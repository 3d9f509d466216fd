"""Print the Python that the environment is made with: `python3`, or a better build of the same version on PATH.

    python3 tools/python.py

How a Python was built decides a third of what it takes for the same work, and nothing that it tells of itself says
so: each one runs a loop of a few milliseconds. `python3` stays unless another is quicker by a fifth; what cannot make
environments does not count. Only the standard library is used here, and only what old ones have too.
"""

import os
import shutil
import subprocess
import sys

PROBE = """
import sys, timeit, venv, ensurepip
loop = "for i in range(60000): d[i & 255] = (i, len(d))"
print(min(timeit.repeat(loop, "d = {}", number=1, repeat=7)), sys.executable)
"""
QUICKER = 1.2


def main() -> int:
    """Return 0, with a path on standard output."""
    usual = took("python3")
    best = min(filter(None, map(took, same_version())), default=usual)
    if usual and best and usual[0] <= QUICKER * best[0]:
        best = usual
    print(best[1] if best else "python3")
    return 0


def same_version() -> "list[str]":
    """Each file on PATH that is named as this Python's version is, in order."""
    name = "python%d.%d" % sys.version_info[:2]  # noqa: UP031 - what runs this may be old
    files = [shutil.which(name, path=folder) for folder in os.get_exec_path()]
    return [file for file in dict.fromkeys(files) if file]


def took(python: str) -> "tuple[float, str] | None":
    """The seconds that the loop takes in a Python, and the path it says it has; None: it cannot make environments."""
    try:
        told = subprocess.run([python, "-c", PROBE], check=True, capture_output=True, timeout=20).stdout.decode()
    except (OSError, subprocess.SubprocessError):
        return None
    seconds, _, path = told.strip().partition(" ")
    return float(seconds), path


if __name__ == "__main__":
    sys.exit(main())
