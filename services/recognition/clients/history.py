"""The ledger, as far as recognitions that were given elsewhere are booked in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta

from guerdon.ledger.v1 import ledger_pb2, resources_pb2
from guerdon_kit.errors import Status, Unavailable
from guerdon_kit.grpc import Remote
from guerdon_kit.grpc.messages import set_timestamp
from guerdon_kit.grpc.status import read_details
from recognition.clients.ledger import NO_REFUSAL, OTHERS_REFUSED, REFUSALS
from recognition.domain.imports import Booked, NewRecognition
from recognition.domain.organisations import Organisation

Results = Sequence[ledger_pb2.PostTransactionResult]
"""One for each receiver of each recognition, in their order."""


class History:
    """Books what was given elsewhere: from the organisation's budget, as of the time when it was given."""

    def __init__(self, remote: Remote, timeout: timedelta) -> None:
        self._remote = remote
        self._timeout_s = timeout.total_seconds()

    async def book(
        self, organisation: Organisation, recognitions: Sequence[NewRecognition], actor: str
    ) -> list[Booked]:
        """Books recognitions, each for all of its receivers or for none; answers what became of each. Asked again, with
        whatever was booked before, it answers the same.

        Raises:
            OutcomeUnknown, Unavailable: the ledger has not said of all of them; ask again.
            RemoteError: the ledger does not serve us.
        """

        async def together(part: Sequence[NewRecognition]) -> Results:
            return await self._post(organisation, part, actor, atomic=True)

        results = await together(recognitions)
        if first_at_fault(recognitions, results) is None:
            return _shared_out(recognitions, results)
        # One was refused, or some had been posted before. What keeps its id is never posted twice, so each can be
        # asked for otherwise: who has one receiver is decided alone in one call.
        alone = [one for one in recognitions if len(one.account_ids) == 1]
        several = [one for one in recognitions if len(one.account_ids) > 1]
        found = await self._post(organisation, alone, actor, atomic=False) if alone else []
        outcomes = {one.id: booked([result]) for one, result in zip(alone, found, strict=True)}
        outcomes |= zip((one.id for one in several), await book_in_parts(several, together), strict=True)
        return [outcomes[one.id] for one in recognitions]

    async def _post(
        self, organisation: Organisation, recognitions: Sequence[NewRecognition], actor: str, *, atomic: bool
    ) -> Results:
        response = await self._remote.call(
            "BatchPostTransactions",
            ledger_pb2.BatchPostTransactionsRequest(
                parent=organisation.program_name,
                items=[item for one in recognitions for item in _items(organisation, one)],
                omit_balances=True,
                atomic=atomic,
            ),
            ledger_pb2.BatchPostTransactionsResponse,
            tenants=[organisation.program_name],
            act=actor,
            timeout_s=self._timeout_s,
        )
        return response.results


async def book_in_parts(
    recognitions: Sequence[NewRecognition], post: Callable[[Sequence[NewRecognition]], Awaitable[Results]]
) -> list[Booked]:
    """What the ledger makes of each of these, of which some may be refused, in few calls: `post` asks for a part of
    them, all or none. What comes before one at fault is asked for without it, then it alone, then ever more at once.

    Raises:
        Unavailable: the ledger has not said of all of them.
    """
    outcomes: list[Booked] = []
    at_once, one_at_fault_is_next = len(recognitions), False
    while len(outcomes) < len(recognitions):
        part = recognitions[len(outcomes) : len(outcomes) + at_once]
        results = await post(part)
        at_fault = first_at_fault(part, results)
        if at_fault is None:
            outcomes += _shared_out(part, results)
            at_once = 1 if one_at_fault_is_next else 2 * at_once
            one_at_fault_is_next = False
        elif len(part) == 1:
            outcomes.append(booked(results))
        else:
            at_once, one_at_fault_is_next = max(1, at_fault), at_fault > 0
    return outcomes


def first_at_fault(recognitions: Sequence[NewRecognition], results: Results) -> int | None:
    """The place of the first recognition that keeps the ledger from booking these together; None where it has."""
    places = (place for place, one in enumerate(recognitions) for _ in one.account_ids)
    for place, result in zip(places, results, strict=True):
        if result.HasField("error") and read_details(result.error)[0] != OTHERS_REFUSED:
            return place
    return None


def _shared_out(recognitions: Sequence[NewRecognition], results: Results) -> list[Booked]:
    transactions = (result.posted.transaction for result in results)
    return [Booked(tuple(next(transactions) for _ in one.account_ids)) for one in recognitions]


def _items(organisation: Organisation, one: NewRecognition) -> Iterable[ledger_pb2.PostTransactionItem]:
    """A transaction for each receiver, so that each can be taken back by itself."""
    for ordinal, account_id in enumerate(one.account_ids):
        item = ledger_pb2.PostTransactionItem(
            transaction=resources_pb2.Transaction(
                kind=resources_pb2.TRANSACTION_KIND_GRANT,
                postings=[
                    resources_pb2.Posting(
                        source=organisation.budget_account,
                        destination=f"{organisation.program_name}/accounts/{account_id}",
                        amount=one.row.draft.amount,
                    )
                ],
                memo=f"{organisation.name}/recognitions/{one.id}",
            ),
            request_id=one.request_id(ordinal),
        )
        set_timestamp(item.transaction.effective_time, one.row.give_time)
        yield item


def booked(results: Sequence[ledger_pb2.PostTransactionResult]) -> Booked:
    """What the ledger made of a recognition whose points it was asked for together.

    Raises:
        Unavailable: it has not said. Of a request that it knows in other words, such as another release's, it may have
            posted the points: the recognition must not be taken for refused, and its external id for free.
    """
    for result in results:
        if not result.HasField("error"):
            continue
        reason, _ = read_details(result.error)
        if reason == OTHERS_REFUSED:
            continue
        if Status(result.error.code) not in REFUSALS or reason == NO_REFUSAL:
            raise Unavailable
        return Booked((), reason or Status(result.error.code).name)
    return Booked(tuple(result.posted.transaction for result in results))
