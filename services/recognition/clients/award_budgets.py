"""The ledger's side of award budgets: their accounts, what they are funded with, and what they pay.

A budget is a MEMBER account, whose floor is zero: whatever is approved at once, no more goes out than came in. It is
funded by a GRANT from the organisation's budget, and pays by a RECOGNITION, whose points are the person's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from guerdon.ledger.v1 import ledger_pb2, resources_pb2
from guerdon_kit.grpc import Remote, RemoteError
from recognition.clients.ledger import NO_REFUSAL, REFUSALS, refusal_of
from recognition.domain.award_budgets import AwardBudget, NewAwardBudget
from recognition.domain.errors import FundingRefused
from recognition.domain.organisations import Organisation
from recognition.domain.payouts import Answer, Order


class AwardBudgetBook:
    """The ledger. Every call may raise OutcomeUnknown: ask again with the same arguments, which has no further
    effect; and RemoteError, where the ledger does not serve us.
    """

    def __init__(self, remote: Remote, timeout: timedelta) -> None:
        self._remote = remote
        self._timeout_s = timeout.total_seconds()

    async def create(self, organisation: Organisation, budget: NewAwardBudget, actor: str) -> None:
        """Makes the budget's account, out of which points are awarded and nothing else; one that exists already
        stays as it is.
        """
        account = resources_pb2.Account(
            name=f"{organisation.program_name}/accounts/{budget.account_id}",
            unit=organisation.unit_name,
            kind=resources_pb2.ACCOUNT_KIND_MEMBER,
            outgoing=[resources_pb2.TRANSACTION_KIND_RECOGNITION],
        )
        await self._remote.call(
            "BatchCreateAccounts",
            ledger_pb2.BatchCreateAccountsRequest(
                parent=organisation.program_name, accounts=[account], request_id=budget.account_id
            ),
            ledger_pb2.BatchCreateAccountsResponse,
            tenants=[organisation.program_name],
            act=actor,
            timeout_s=self._timeout_s,
        )

    async def fund(
        self, organisation: Organisation, budget: AwardBudget, amount: int, request_id: str, actor: str
    ) -> str:
        """Moves points from the organisation's budget; answers the ledger's transaction.

        Raises:
            FundingRefused: the ledger refused.
        """
        transaction = resources_pb2.Transaction(
            kind=resources_pb2.TRANSACTION_KIND_GRANT,
            postings=[
                resources_pb2.Posting(source=organisation.budget_account, destination=budget.account, amount=amount)
            ],
            memo=budget.name,
        )
        try:
            response = await self._remote.call(
                "PostTransaction",
                ledger_pb2.PostTransactionRequest(
                    parent=organisation.program_name, transaction=transaction, request_id=request_id
                ),
                ledger_pb2.PostTransactionResponse,
                tenants=[organisation.program_name],
                act=actor,
                timeout_s=self._timeout_s,
            )
        except RemoteError as error:
            if error.remote_status not in REFUSALS or error.remote_reason == NO_REFUSAL:
                raise
            raise FundingRefused(error.remote_reason or error.remote_status.name) from error
        return response.transaction

    async def available(self, budget: AwardBudget) -> int:
        """What the budget has left."""
        response = await self._remote.call(
            "GetBalance",
            ledger_pb2.GetBalanceRequest(name=budget.account),
            ledger_pb2.GetBalanceResponse,
            tenants=[f"programs/{budget.program}"],
            timeout_s=self._timeout_s,
        )
        return response.balance.available

    async def pay(self, orders: Sequence[Order]) -> list[Answer | None]:
        """Asks for payouts of one program. Answers for each what the ledger said: None if it has not said and is to
        be asked again.
        """
        program = f"programs/{orders[0].program}"
        response = await self._remote.call(
            "BatchPostTransactions",
            ledger_pb2.BatchPostTransactionsRequest(parent=program, items=map(_item, orders), omit_balances=True),
            ledger_pb2.BatchPostTransactionsResponse,
            tenants=[program],
            timeout_s=self._timeout_s,
        )
        return [_answer(result) for result in response.results]


def _item(order: Order) -> ledger_pb2.PostTransactionItem:
    accounts = f"programs/{order.program}/accounts"
    posting = resources_pb2.Posting(
        source=f"{accounts}/{order.source_id}", destination=f"{accounts}/{order.destination_id}", amount=order.amount
    )
    return ledger_pb2.PostTransactionItem(
        transaction=resources_pb2.Transaction(
            kind=resources_pb2.TRANSACTION_KIND_RECOGNITION, postings=[posting], memo=order.subject
        ),
        request_id=order.request_id,
    )


def _answer(result: ledger_pb2.PostTransactionResult) -> Answer | None:
    refusal = refusal_of(result)
    if refusal is None:
        return None
    return Answer(refusal=refusal) if refusal else Answer(transaction=result.posted.transaction)
