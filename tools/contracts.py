"""Lint the contracts, and hold them against the image of the last release.

    python tools/contracts.py protos/released.binpb

`buf` reads images that protoc built, so that Google's protos come from a wheel and no registry is asked.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUF = Path(sys.executable).parent / "buf"


def main() -> int:
    """Return 0 when the contracts are clean and break no released one, 1 otherwise."""
    released = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        current = Path(scratch) / "current.binpb"
        build: list[str | Path] = [sys.executable, ROOT / "tools" / "protos.py", "image", current]
        if subprocess.run(build, check=False).returncode or not _buf("lint", current):
            return 1
        print("contracts: lint ok")
        if not released.exists():
            print(f"contracts: nothing released yet ({released} is absent), so nothing to break")
            return 0
        if not _buf("breaking", current, "--against", released):
            return 1
    print(f"contracts: compatible with {released}")
    return 0


def _buf(command: str, image: Path, *options: str | Path) -> bool:
    config = ROOT / "buf.yaml"
    line: list[str | Path] = [BUF, command, image, *options, "--path", "guerdon", "--config", config]
    return subprocess.run(line, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
