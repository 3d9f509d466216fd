"""The smallest service there can be: the kit's server with its health, and nothing of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from guerdon_cli.stack import ServiceKind, Stack
from guerdon_kit.testing.fixtures import StoppedServers
from guerdon_kit.testing.folders import data_folder

MAIN = """
from guerdon_kit.config import ServiceSettings
from guerdon_kit.start import start

if __name__ == "__main__":
    start(ServiceSettings, "smallest.app")
"""
APP = """
from guerdon_kit.config import ServiceSettings
from guerdon_kit.service import Kit, Parts

NAME = "smallest"

async def compose(kit: Kit[ServiceSettings]) -> Parts:
    return Parts(servicers=[])
"""


KIND = ServiceKind("smallest", 7099, "smallest")


@dataclass
class Smallest:
    """Makes stacks of it; `packages` goes into PYTHONPATH."""

    packages: Path
    folder: Path

    def stack(self, **settings: str) -> Stack:
        return Stack(self.folder, services=(KIND,), any_ports=True, settings={"smallest": settings}, environment={})


@pytest.fixture
def smallest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_servers: StoppedServers) -> Iterator[Smallest]:
    package = tmp_path / "smallest"
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(MAIN)
    (package / "app.py").write_text(APP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with data_folder() as folder:
        stopped_servers.copy_to(folder)
        yield Smallest(tmp_path, folder)
