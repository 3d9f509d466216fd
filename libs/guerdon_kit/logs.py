"""Structured logs: one line for each call, and nothing in it that a contract marks sensitive."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any

import structlog

from guerdon_kit.metrics import CallMetrics

if TYPE_CHECKING:
    from guerdon_kit.grpc.context import CallContext


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


class CallLog:
    """Writes and counts the calls of one process."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger, metrics: CallMetrics) -> None:
        self._logger = logger
        self._metrics = metrics

    def call(self, method: str, call: CallContext | None, status: str, started: float, reason: str = "") -> None:
        """One call is over. `started` is of `time.monotonic()`; the line has milliseconds."""
        seconds = time.monotonic() - started
        self._metrics.observe(method, status, seconds)
        ended = {"status": status, "reason": reason, "ms": round(seconds * 1e3, 2)}
        self._logger.info("call", **_identity(method, call) | ended)

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
    known = {**call.fields, "method": method, "caller": call.caller.actor, "request_id": call.request_id}
    known.pop("event", None)  # the logger's own word
    return known
