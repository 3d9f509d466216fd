"""What every test may use.

Fixtures that start services for several tests have the scope of a module or of a package, which is a folder with an
`__init__.py`, and never that of the session: a service looks for work also when nobody calls it, and those that were
kept to the end of the suite once cost more than the tests.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Callable, Generator
from typing import Any

import pytest
import scim2_client  # noqa: F401  # early: for each of its models pydantic looks through all that is loaded
import uvloop
from hypothesis import settings

from tests.sharing import ByFolder, place

pytest_plugins = ["guerdon_kit.testing.fixtures"]

# How long an example takes says something about the machine that runs it.
settings.register_profile("guerdon", deadline=None)
settings.load_profile("guerdon")


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that services run on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays for ever: looking through it time and again is a third of the time that it takes."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the cases of each test into one order in every process: a set of cases has another in each, and processes
    that see tests in different orders cannot share them. And the tests into the order in which processes take them.
    """
    by_test = itertools.groupby([*items], key=lambda item: item.nodeid.partition("[")[0])
    ordered = [item for _, cases in by_test for item in sorted(cases, key=lambda case: case.nodeid)]
    items[:] = sorted(ordered, key=lambda item: place(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFolder:
    """How processes share the suite."""
    return ByFolder(config, log)
