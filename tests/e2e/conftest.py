"""All services as processes over servers of their own, as `guerdon up` runs them but forked, which is sooner; the
tests of the commands have them started as programs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from guerdon_cli.stack import Stack
from guerdon_kit.embedded import EmbeddedServers
from guerdon_kit.testing import folders
from guerdon_kit.testing.fixtures import StoppedServers
from guerdon_kit.testing.fork_server import ForkServer
from tests.e2e.town import Town, found

# What a crash left behind is taken up sooner than in production, and what was recorded is sealed sooner; nothing else
# differs.
QUICK_TO_NOTICE = {
    "ledger": {"ledger_seal_every_s": "2"},
    "rewards_catalog": {"lease_s": "1"},
    "partner_exchange": {"lease_s": "1"},
    "recognition": {"lease_s": "3", "ledger_timeout_s": "2", "recovery_poll_s": "0.2", "allowance_poll_s": "0.5"},
}


@contextmanager
def _data() -> Iterator[Path]:
    """The data folder of a stack, removed with all that lies elsewhere for it."""
    with folders.data_folder() as outer:
        yield outer / "data"
        EmbeddedServers(outer / "data").remove_data()


@pytest.fixture(scope="package")
def data_folder() -> Iterator[Path]:
    """What the commands run on, one after another: servers and databases are made by the first of them."""
    with _data() as folder:
        yield folder


@pytest.fixture(scope="package")
def stack_folder(stopped_servers: StoppedServers) -> Iterator[Path]:
    with _data() as folder:
        stopped_servers.copy_to(folder)
        yield folder


@pytest.fixture(scope="package")
def stack(stack_folder: Path, forks: ForkServer) -> Iterator[Stack]:
    """One stack for all tests of the folder; a test that kills a part of it starts that part again."""
    made = Stack(stack_folder, any_ports=True, settings=QUICK_TO_NOTICE, environment={}, process=forks.process)
    with made as running:
        yield running


@pytest.fixture
async def town(stack: Stack) -> AsyncIterator[Town]:
    """Programs of the test's own on that stack."""
    async with asynccontextmanager(found)(stack) as made:
        yield made
