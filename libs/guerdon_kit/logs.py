"""Structured logs: one line for each call, and nothing in it that a contract marks sensitive."""

from __future__ import annotations

import json
import logging
import sys
import time
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Any

import structlog

from guerdon_kit.metrics import CallMetrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guerdon_kit.grpc.context import CallContext

_OWN = frozenset({"method", "caller", "request_id", "status", "reason", "ms", "event", "level", "timestamp"})
"""The words of a call's own line."""


def configure(service: str, log_format: str, log_level: str) -> structlog.typing.FilteringBoundLogger:
    """Sets up logging for this process, to standard error, and answers its logger."""
    pretty = log_format == "pretty"
    level = logging.getLevelNamesMapping()[log_level.upper()]
    renderer: Any = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, format="%(message)s", force=True)
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(service=service)
    return logger


class CallLines:
    """Writes lines of calls as `configure`'s logger would in JSON, in a fifth of the time. Every call has one,
    and what is known of it beforehand need not be put together, and looked through for what to escape, each time.
    """

    def __init__(self, logger: structlog.typing.FilteringBoundLogger) -> None:
        self._enabled = logger.is_enabled_for(logging.INFO)
        self._bound = _members(structlog.get_context(logger))
        self._second, self._told = 0, ""

    def write(self, method: str, call: CallContext | None, status: str, reason: str, ms: float) -> None:
        """One line, to standard error. `method`, `status` and `reason` are our own words."""
        if not self._enabled:
            return
        caller, request_id, more = '""', '""', ""
        if call is not None:
            caller, request_id = quoted(call.caller.actor), quoted(call.request_id)
            more = _members(_added(call)) if call.fields else ""
        sys.stderr.write(
            f'{{{self._bound}{more}"method": "{method}", "caller": {caller}, "request_id": {request_id}, '
            f'"status": "{status}", "reason": "{reason}", "ms": {ms}, "event": "call", "level": "info", '
            f'"timestamp": "{self._now()}"}}\n'
        )
        sys.stderr.flush()

    def _now(self) -> str:
        """The time in UTC; its seconds are put into words once."""
        micros = time.time_ns() // 1000
        second = micros // 1_000_000
        if second != self._second:
            self._second, self._told = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._told}.{micros % 1_000_000:06d}Z"


class CallLog:
    """Writes and counts the calls of one process; with `lines` instead of the logger, where they are JSON."""

    def __init__(
        self,
        logger: structlog.typing.FilteringBoundLogger,
        metrics: CallMetrics,
        lines: CallLines | None = None,
    ) -> None:
        self._logger = logger
        self._metrics = metrics
        self._lines = lines

    def call(self, method: str, call: CallContext | None, status: str, started: float, reason: str = "") -> None:
        """One call is over. `started` is of `time.monotonic()`; the line has milliseconds."""
        seconds = time.monotonic() - started
        self._metrics.observe(method, status, seconds)
        ms = round(seconds * 1e3, 2)
        if self._lines is not None:
            self._lines.write(method, call, status, reason, ms)
        else:
            self._logger.info("call", **_identity(method, call) | {"status": status, "reason": reason, "ms": ms})

    def unexpected(
        self, method: str, call: CallContext | None, error_id: str, error: BaseException, request: dict[str, Any]
    ) -> None:
        """Something that no catalogue knows: the whole of it goes here, and only its id to the caller.

        `request` is scrubbed: see `guerdon_kit.grpc.scrub`. The call has its own line besides.
        """
        what = {"error_id": error_id, "request": request, "exc_info": error}
        self._logger.error("unexpected", **_identity(method, call) | what)


def _identity(method: str, call: CallContext | None) -> dict[str, Any]:
    if call is None:
        return {"method": method, "caller": "", "request_id": ""}
    return {**_added(call), "method": method, "caller": call.caller.actor, "request_id": call.request_id}


def _added(call: CallContext) -> dict[str, str | int]:
    """What a call adds to its line, without the words that the line has itself."""
    return {name: value for name, value in call.fields.items() if name not in _OWN}


def _members(fields: Mapping[str, Any]) -> str:
    """The fields as those that a JSON object begins with."""
    return "".join([f"{quoted(name)}: {json.dumps(value)}, " for name, value in fields.items()])
