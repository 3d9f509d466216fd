"""Requests that are refused whatever the state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import EARN, EXCHANGE, SPEND
from tests.integration.ledger.model.drive.driver import SYSTEM, Driver
from tests.integration.ledger.model.member import Refused, invalid, stamp
from tests.integration.ledger.model.predict.records import Expected


class Impossible(Driver):
    """What cannot be is refused, and changes nothing."""

    @rule(which=st.integers(0, 100))
    def ask_what_cannot_be(self, which: int) -> None:
        asked = list(self._impossible())
        method, request, refusal = asked[which % len(asked)]
        self.send(method, request, Expected(refusal=refusal))

    def _impossible(self) -> Iterator[tuple[str, Any, Refused]]:
        """Requests that are refused whatever the state, each with its refusal."""
        ada, issuance = self.member_id(0), SYSTEM["issuance"]
        nowhere = self.auditor.account("nobody")
        long = "x" * 201
        for amount in (0, -1, 2**53 + 1):
            # Nothing and zero look the same: the kit asks for what is required.
            field_name = "transaction.postings[0].amount"
            yield (
                "PostTransaction",
                self.posting_request(EARN, self.posting(issuance, ada, amount)),
                invalid(field_name),
            )
        not_found = Refused("NOT_FOUND", "NOT_FOUND", resource=nowhere)
        yield "PostTransaction", self.posting_request(SPEND, self.posting("nobody", "redemption.points", 1)), not_found
        yield (
            "PostTransaction",
            self.posting_request(EARN, self.posting(ada, issuance, 1)),
            invalid("transaction.postings[0]"),
        )
        yield "PostTransaction", self.posting_request(8, self.posting(ada, issuance, 1)), invalid("transaction.kind")
        yield "PostTransaction", self.posting_request(99, self.posting(ada, issuance, 1)), invalid("transaction.kind")
        yield "PostTransaction", self.posting_request(EARN), invalid("transaction.postings")
        words_too_long = self.posting_request(EARN, self.posting(issuance, ada, 1), memo=long)
        yield "PostTransaction", words_too_long, invalid("transaction.memo")
        future = stamp(self.bench.time.now() + timedelta(hours=1))
        in_future = self.posting_request(EARN, self.posting(issuance, ada, 1), effective_time=future)
        yield "PostTransaction", in_future, invalid("transaction.effective_time")
        denied = Refused("PERMISSION_DENIED", "KIND_NOT_ALLOWED", kind="EXCHANGE")
        exchange = self.posting_request(EXCHANGE, self.posting(ada, SYSTEM["exchange"], 1))
        yield "PostTransaction", exchange, denied
        without_id = self.posting_request(EARN, self.posting(issuance, ada, 1))
        without_id.request_id = "ä"
        yield "PostTransaction", without_id, invalid("request_id")
        hold = res.Hold(account=self.auditor.account(issuance), amount=1, expire_time=stamp(self.half_past(1)))
        of_system = pb.PlaceHoldRequest(parent=self.auditor.program, hold=hold, request_id=self.new_id())
        yield "PlaceHold", of_system, invalid("hold.account")
        no_hold = f"{self.auditor.program}/holds/1"
        missing = Refused("NOT_FOUND", "NOT_FOUND", resource=no_hold)
        yield "ReleaseHold", pb.ReleaseHoldRequest(name=no_hold, request_id=self.new_id()), missing
        yield "CaptureHold", pb.CaptureHoldRequest(name=no_hold, amount=-1, request_id=self.new_id()), invalid("amount")
        no_transaction = f"{self.auditor.program}/transactions/1"
        missing = Refused("NOT_FOUND", "NOT_FOUND", resource=no_transaction)
        undo = pb.ReverseTransactionRequest(name=no_transaction, request_id=self.new_id())
        yield "ReverseTransaction", undo, missing
        undo_less = pb.ReverseTransactionRequest(name=no_transaction, amount=-1, request_id=self.new_id())
        yield "ReverseTransaction", undo_less, invalid("amount")
        no_statement = Refused("FAILED_PRECONDITION", "NO_STATEMENT", account=self.auditor.account(issuance))
        yield "ListEntries", pb.ListEntriesRequest(parent=self.auditor.account(issuance)), no_statement
        entries = pb.ListEntriesRequest(parent=self.auditor.account(ada), page_token="bm90IG9uZQ==")
        yield "ListEntries", entries, invalid("page_token")
        yield "GetBalance", pb.GetBalanceRequest(name="programs//accounts/x"), invalid("name")
