"""Rules that close books and open them again."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from guerdon.ledger.v1 import books_pb2
from tests.integration.ledger.model.drive.bench import CONTROLLER, DEVELOPER
from tests.integration.ledger.model.drive.driver import Driver
from tests.integration.ledger.model.member import stamp

people = st.sampled_from([DEVELOPER, CONTROLLER])


class Closing(Driver):
    """Books are closed up to some hour, and opened again; what was done is listed."""

    @rule(ago=st.integers(0, 48), person=people)
    def close_books(self, ago: int, person: str) -> None:
        time = stamp(self.half_past(-ago))  # none ago: it lies ahead
        request = books_pb2.CloseBooksRequest(
            parent=self.auditor.program, close_time=time, reason="Month's end", request_id=self.new_id()
        )
        self.write("CloseBooks", request, person)

    @precondition(lambda self: self.auditor.changes)
    @rule(ago=st.none() | st.integers(0, 60), person=people)
    def reopen_books(self, ago: int | None, person: str) -> None:
        time = None if ago is None else stamp(self.half_past(-ago))
        request = books_pb2.ReopenBooksRequest(
            parent=self.auditor.program, close_time=time, reason="A till was offline", request_id=self.new_id()
        )
        self.write("ReopenBooks", request, person)

    @precondition(lambda self: self.auditor.changes)
    @rule(size=st.sampled_from([0, 1, 2]))
    def read_books_changes(self, size: int) -> None:
        found = self.pages("ListBooksChanges", books_pb2.ListBooksChangesRequest, "changes", size)
        assert found == self.auditor.changes[::-1]
