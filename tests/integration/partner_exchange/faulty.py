"""The example partner as a process that fails as its members' names say: `python -m …faulty`, with its arguments.

A member `Credit~killed-after` has the server kill itself when it is first asked to credit it, after it has done so and
before it answers. Each step of each exchange fails once; the files of the folder FAULTY_DONE say which have.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from examples.partner.__main__ import arguments, serve
from examples.partner.books import Books
from examples.partner.servicer import PartnerLedger
from examples.partner.tokens import Tokens

DONE = "FAULTY_DONE"
STEPS = ("ValidateMember", "Reserve", "Commit", "Cancel", "Credit")
FAULTS = ("late", "error-after", "empty")
CASES = (
    *((step, fault) for step in STEPS for fault in FAULTS),
    *((step, "killed-after") for step in STEPS[1:]),
    ("Reserve", "killed-before"),
)
LATE_S = 1.6
"""Longer than the caller waits."""


class Faulty(PartnerLedger):
    """The example's, with faults around its steps."""

    def __init__(self, books: Books, tokens: Tokens | None, done: Path) -> None:
        super().__init__(books, tokens)
        self._done = done
        for step in STEPS:
            setattr(self, step, self._around(step, getattr(self, step)))

    def _around(self, step: str, answer: Callable[[Any, Any], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
        def faulty(request: Any, context: grpc.ServicerContext) -> Any:
            fault = self._fault(step, request)
            if fault == "killed-before":
                os.kill(os.getpid(), signal.SIGKILL)
            made = answer(request, context)
            if fault == "killed-after":
                os.kill(os.getpid(), signal.SIGKILL)
            if fault == "late":
                time.sleep(LATE_S)
            if fault == "error-after":
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, "done, and said otherwise")
            return type(made)() if fault == "empty" else made

        return faulty

    def _fault(self, step: str, request: Any) -> str:
        leg = None if step == "ValidateMember" else self.books.leg(request.exchange_id)
        member = leg.member if leg is not None else getattr(request, "member_id", None)
        where, _, fault = (member or "").partition("~")
        once = self._done / f"{getattr(request, 'exchange_id', '')}.{member}"
        if where != step or once.exists():
            return ""
        once.touch()
        return fault


if __name__ == "__main__":
    told = arguments()
    books = Books(told.database)
    for given in told.member:
        if books.available(given.partition("=")[0]) is None:
            books.give(given.partition("=")[0], int(given.partition("=")[2]))
    serve(Faulty(books, Tokens(told.jwks, told.audience), Path(os.environ[DONE])), told)
