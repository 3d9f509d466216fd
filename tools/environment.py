"""Make or refresh a virtual environment from a hash-pinned lock file, once, however many ask at a time.

    python tools/environment.py .venv requirements/dev.lock --editable libs/sdk --editable .

An environment that works is never made anew: a changed lock is installed into it. Only the standard library
is used here, since this runs before anything is installed.
"""

import argparse
import fcntl
import hashlib
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

STAMP = ".locked"


def main() -> int:
    """Return 0 when the environment agrees with its lock file, 1 with a reason when it cannot be made."""
    arguments = _arguments()
    root: Path = arguments.environment
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _digest([arguments.requirements, *(path / "pyproject.toml" for path in arguments.editable)])
        stamp = root / STAMP
        if not (stamp.exists() and stamp.read_text() == wanted and _runs(root)):
            begin = time.monotonic()
            print(f"{root}: installing {arguments.requirements} for {sys.executable} …", flush=True)
            try:
                _install(root, arguments)
            except subprocess.CalledProcessError as error:
                print(f"error: {root} could not be made: pip ended with {error.returncode}", file=sys.stderr)
                return 1
            stamp.write_text(wanted)
            print(f"{root}: ready in {time.monotonic() - begin:.0f} s", flush=True)
        os.utime(stamp)  # make compares times: newer than the files it depends on
    return 0


def _arguments() -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("environment", type=Path)
    parser.add_argument("requirements", type=Path)
    parser.add_argument("--editable", type=Path, action="append", default=[], help="a project, as it lies")
    parser.add_argument("--wheels-only", action="store_true", help="fail rather than compile")
    return parser.parse_args()


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _runs(root: Path) -> bool:
    """A checkout that was moved, or a Python that was removed, leaves an environment that cannot start."""
    python = root / "bin" / "python"
    if not python.exists():
        return False
    return subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0


def _install(root: Path, arguments: argparse.Namespace) -> None:
    if not _runs(root):
        venv.EnvBuilder(with_pip=True, symlinks=True).create(root)
    pip = [str(root / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    wheels_only = ["--only-binary=:all:"] if arguments.wheels_only else []
    locked = ["--require-hashes", "--requirement", str(arguments.requirements)]
    subprocess.run([*pip, *wheels_only, *locked], check=True)
    if arguments.editable:
        paths = [part for path in arguments.editable for part in ("--editable", str(path))]
        subprocess.run([*pip, "--no-deps", "--no-build-isolation", *paths], check=True)


if __name__ == "__main__":
    sys.exit(main())
