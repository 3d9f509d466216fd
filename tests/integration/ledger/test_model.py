"""Whatever is asked in whatever order, the ledger answers as an auditor predicts who knows the specification alone.

The seed is printed; the same seed asks the same again: `GUERDON_MODEL_SEED=… make test TESTS=…/test_model.py`.
`make soak MINUTES=…` runs it for longer, and kills servers meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from tests.contract.ledger.world import World, findings
from tests.integration.ledger.connections import MovableTime
from tests.integration.ledger.model.drive.bench import open_bench
from tests.integration.ledger.model.machine import Ledger

EXAMPLES, STEPS = 20, 50


@pytest.fixture(params=["unswept", "swept"])
def sweeping(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "swept")


@pytest.fixture
def running(sweeping: bool, module_services: ServiceFactory, databases: DatabaseFactory) -> Iterator[RunningService]:
    every_s = "0.05" if sweeping else "3600"
    settings_ = {"workers": "2", "ledger_sweep_every_s": every_s, "ledger_checkpoint_every_s": "0.2"}
    service = module_services.start("ledger", databases.make("ledger"), settings=settings_)
    yield service
    service.process.stop()
    databases.drop(service.database)


@pytest.mark.timeout(300)
def test_every_reply_is_as_predicted(
    running: RunningService, module_services: ServiceFactory, sweeping: bool, time: MovableTime
) -> None:
    seed = int(os.environ.get("GUERDON_MODEL_SEED") or secrets.randbits(32))
    print(f"GUERDON_MODEL_SEED={seed}")  # noqa: T201 - pytest shows it where the test fails
    with closing(asyncio.new_event_loop()) as loop:
        world = World(running.target, module_services.identity)
        Ledger.bench = loop.run_until_complete(open_bench(world, time, swept=sweeping))
        run = settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate, *([Phase.shrink] if os.environ.get("GUERDON_MODEL_SHRINK") else [])],
            suppress_health_check=list(HealthCheck),
        )
        try:
            run_state_machine_as_test(hypothesis.seed(seed)(Ledger), settings=run)
            assert loop.run_until_complete(audited(world)) == []
            assert Ledger.bench.steps > EXAMPLES
        finally:
            loop.run_until_complete(world.close())


async def audited(world: World) -> list[Any]:
    """What a verification finds."""
    return list(await findings(world.client()))
