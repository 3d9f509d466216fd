"""The ledger, as far as a program's transactions are read from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from guerdon.ledger.v1 import ledger_pb2, resources_pb2
from guerdon_kit.grpc import Remote
from guerdon_kit.grpc.messages import timestamp
from recognition.domain.flows import FlowKind, Posted, PostedMove

PAGE_SIZE = 1_000

_KINDS = {
    resources_pb2.TransactionKind.Value(f"TRANSACTION_KIND_{kind.name}"): kind
    for kind in FlowKind
    if kind is not FlowKind.BOOST
}


class JournalPage(NamedTuple):
    """Transactions, newest first, and where the older ones begin; empty: there are none."""

    transactions: Sequence[Posted]
    next_token: str


class JournalLedger:
    """The ledger. Every call may raise OutcomeUnknown, and RemoteError where the ledger does not serve us."""

    def __init__(self, remote: Remote, timeout: timedelta) -> None:
        self._remote = remote
        self._timeout_s = timeout.total_seconds()

    async def page(self, program: str, since: datetime, token: str = "") -> JournalPage:
        """At most a thousand transactions of a program (its id), newest first from `token` on; not all, or none,
        of those that were recorded before `since`.
        """
        name = f"programs/{program}"
        response = await self._remote.call(
            "ListTransactions",
            ledger_pb2.ListTransactionsRequest(
                parent=name, page_size=PAGE_SIZE, page_token=token, since_time=timestamp(since)
            ),
            ledger_pb2.ListTransactionsResponse,
            tenants=[name],
            timeout_s=self._timeout_s,
        )
        accounts = len(f"{name}/accounts/")
        return JournalPage([_posted(one, accounts) for one in response.transactions], response.next_page_token)


def _posted(transaction: resources_pb2.Transaction, prefix: int) -> Posted:
    """A transaction; `prefix` is how much of an account's name comes before its id."""
    return Posted(
        transaction.name,
        _KINDS[transaction.kind],
        transaction.record_time.ToDatetime(UTC),
        tuple(
            PostedMove(posting.source[prefix:], posting.destination[prefix:], posting.amount)
            for posting in transaction.postings
        ),
    )
