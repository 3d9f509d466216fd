"""Books: closed up to a time, and opened again by another person than who closed them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from guerdon.ledger.v1 import books_pb2
from tests.integration.ledger.model.member import LONG_AGO, Refused, invalid, stamp
from tests.integration.ledger.model.predict.program import Program, time_of
from tests.integration.ledger.model.predict.records import Closed, Expected


@dataclass
class Books(Program):
    """Predicts what becomes of closings, and of their opposite."""

    def close(self, request: books_pb2.CloseBooksRequest, now: datetime) -> Expected:
        return self.once("close", request, lambda: self._close(request, now))

    def _close(self, request: books_pb2.CloseBooksRequest, now: datetime) -> Expected:
        to, closed = time_of(request.close_time), self.close_time
        if to > now:
            raise invalid("close_time")
        if closed is not None and to <= closed:
            raise _refused("BOOKS_ALREADY_CLOSED", program=self.program, close_time=closed.isoformat())
        self.closed.append(Closed(closed or LONG_AGO, to, self.actor))
        return self._changed(books_pb2.CloseBooksResponse(), request.reason)

    def reopen(self, request: books_pb2.ReopenBooksRequest, now: datetime) -> Expected:
        return self.once("reopen", request, lambda: self._reopen(request))

    def _reopen(self, request: books_pb2.ReopenBooksRequest) -> Expected:
        to = time_of(request.close_time) if request.HasField("close_time") else LONG_AGO
        closed = self.close_time
        if closed is None or closed <= to:
            told = "never" if closed is None else closed.isoformat()
            raise _refused("BOOKS_NOT_CLOSED", program=self.program, close_time=told)
        own = [one.until for one in self.closed if one.until > to and one.person == self.actor]
        if own:
            raise _refused("SECOND_PERSON_REQUIRED", program=self.program, close_time=max(own).isoformat())
        self.closed = [Closed(one.since, min(one.until, to), one.person) for one in self.closed if one.since < to]
        return self._changed(books_pb2.ReopenBooksResponse(), request.reason)

    def _changed(self, reply: Any, reason: str) -> Expected:
        change = reply.change
        change.actor, change.reason = self.actor, reason
        if self.close_time is not None:
            change.close_time.CopyFrom(stamp(self.close_time))
        self.changes.append(change)

        def learn(_expected: Any, actual: Any) -> None:
            """When a change was recorded is later than all changes before it."""
            change.record_time.CopyFrom(actual.change.record_time)
            assert all(time_of(one.record_time) < time_of(change.record_time) for one in self.changes[:-1])

        return Expected(reply, learn=learn)


def _refused(reason: str, **metadata: str) -> Refused:
    """A refusal that is not kept: the books may be others by then."""
    return Refused("FAILED_PRECONDITION", reason, **metadata)
