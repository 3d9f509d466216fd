"""The lines of calls: what is written quickly is what the logger would write."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from guerdon_kit import logs
from guerdon_kit.auth import Caller
from guerdon_kit.auth.caller import Grant
from guerdon_kit.grpc import CallContext
from guerdon_kit.logs import CallLines, CallLog
from guerdon_kit.metrics import CallMetrics

METHOD = "guerdon.ledger.v1.LedgerService/GetBalance"
NOTHING = Grant(frozenset(), frozenset())


@pytest.fixture(autouse=True)
def _configured_anew() -> Any:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    structlog.reset_defaults()
    root.setLevel(level)
    root.handlers[:] = handlers


def call(**fields: Any) -> CallContext:
    caller = Caller("https://issuer", 'a "quoted"\\ é\u2028 name', NOTHING, NOTHING)
    return CallContext(caller, METHOD, time.monotonic(), request_id="r\u0000-1\n", fields=fields)


@pytest.mark.parametrize(
    "one", [None, call(), call(items=1000, code_shown_of="programs/a"), call(status="mine", event=1)]
)
def test_a_line_of_a_call_is_the_loggers_own(capfd: pytest.CaptureFixture[str], one: CallContext | None) -> None:
    logger = logs.configure("kit", "json", "info").bind(worker=3)
    metrics = CallMetrics()
    for log in (CallLog(logger, metrics), CallLog(logger, metrics, CallLines(logger))):
        log.call(METHOD, one, "NOT_FOUND", time.monotonic() - 0.5, "NO_SUCH")
    slow, quick = capfd.readouterr().err.splitlines()
    wanted, written = json.loads(slow), json.loads(quick)
    assert written | {"ms": 0, "timestamp": ""} == wanted | {"ms": 0, "timestamp": ""}
    assert [*written] == [*wanted]
    assert 500 <= written["ms"] < 10_000
    assert abs(datetime.fromisoformat(written["timestamp"]) - datetime.now(UTC)) < timedelta(seconds=10)
    assert len(written["timestamp"]) == len("2026-11-22T23:00:00.000000Z")


def test_lines_below_the_level_are_not_written(capfd: pytest.CaptureFixture[str]) -> None:
    logger = logs.configure("kit", "json", "warning")
    CallLog(logger, CallMetrics(), CallLines(logger)).call(METHOD, call(), "OK", time.monotonic())
    assert capfd.readouterr().err == ""
