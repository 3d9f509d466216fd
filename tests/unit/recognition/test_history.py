"""What the ledger's answers make of recognitions that were given elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil, log2

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon_kit.errors import DomainError, NotFound, RequestIdReused, Status, Unavailable
from guerdon_kit.grpc.status import to_status
from recognition.clients.history import Results, book_in_parts, booked
from recognition.domain.imports import Booked, NewRecognition, Row
from recognition.domain.recognitions import Draft, Visibility


def test_what_the_ledger_knows_in_other_words_is_not_taken_for_refused() -> None:
    refused = booked([pb.PostTransactionResult(error=to_status(NotFound("programs/acme/accounts/gone")))])
    assert refused.refusal == "NOT_FOUND"
    with pytest.raises(Unavailable):
        booked([pb.PostTransactionResult(error=to_status(RequestIdReused(fields="transaction.memo")))])


class NotPosted(DomainError):
    """Of what is posted together: nothing is wrong with this one."""

    reason = "BATCH_NOT_POSTED"
    status = Status.FAILED_PRECONDITION
    message = "Another one was refused."


def recognition(number: int, receivers: int) -> NewRecognition:
    draft = Draft("o", "ann", ("ben",) * receivers, 1, "Thanks", (), Visibility.PUBLIC)
    accounts = tuple(f"{number}-{ordinal}" for ordinal in range(receivers))
    return NewRecognition(str(number), Row(number, str(number), draft, datetime(2026, 1, 1, tzinfo=UTC)), accounts)


@example(good=[(passes == "+", 1) for passes in "+-++-+-++-+"])
@given(good=st.lists(st.tuples(st.booleans(), st.integers(1, 3)), max_size=200))
def test_each_of_a_part_is_booked_or_refused_in_few_calls(good: list[tuple[bool, int]]) -> None:
    rows = [recognition(number, receivers) for number, (_, receivers) in enumerate(good)]
    asked: list[int] = []

    async def post(part: Sequence[NewRecognition]) -> Results:
        """Books a part, or refuses it for the last receiver of the first one that is bad."""
        asked.append(len(part))
        bad = [one.id for one in part if not good[int(one.id)][0]]
        if not bad:
            posted = [pb.PostTransactionResponse(transaction=to) for one in part for to in one.account_ids]
            return [pb.PostTransactionResult(posted=one) for one in posted]
        last = next(one.account_ids[-1] for one in part if one.id == bad[0])
        errors = [NotFound(to) if to == last else NotPosted() for one in part for to in one.account_ids]
        return [pb.PostTransactionResult(error=to_status(error)) for error in errors]

    outcomes = asyncio.run(book_in_parts(rows, post))
    assert outcomes == [
        Booked(row.account_ids) if passes else Booked((), "NOT_FOUND")
        for row, (passes, _) in zip(rows, good, strict=True)
    ]
    refused = sum(not passes for passes, _ in good)
    assert len(asked) <= len(rows) + refused + 2, "in the worst case each is asked for alone"
    if rows:
        assert len(asked) <= 1 + (refused + 1) * (2 + ceil(log2(len(rows) + 1)))
