"""What the ledger's answers make of recognitions that were given elsewhere."""

from __future__ import annotations

import pytest

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon_kit.errors import NotFound, RequestIdReused, Unavailable
from guerdon_kit.grpc.status import to_status
from recognition.clients.history import booked


def test_what_the_ledger_knows_in_other_words_is_not_taken_for_refused() -> None:
    refused = booked([pb.PostTransactionResult(error=to_status(NotFound("programs/acme/accounts/gone")))])
    assert refused.refusal == "NOT_FOUND"
    with pytest.raises(Unavailable):
        booked([pb.PostTransactionResult(error=to_status(RequestIdReused(fields="transaction.memo")))])
