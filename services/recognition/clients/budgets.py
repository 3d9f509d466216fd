"""The ledger, in the words of budgets: credit limits, what accounts have, and points put somewhere by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from guerdon.ledger.v1 import ledger_pb2, limits_pb2, resources_pb2
from guerdon_kit.grpc import Remote, RemoteError
from recognition.clients.ledger import NO_REFUSAL, REFUSALS
from recognition.domain.disbursements import Disbursement, Disbursing
from recognition.domain.errors import BudgetShort, DisbursementRefused, ManagerBudgetShort
from recognition.domain.organisations import Organisation

BALANCES_MAX = 1000
"""Of how many accounts the ledger tells at once."""

_KINDS = {
    Disbursing.FUND: resources_pb2.TRANSACTION_KIND_FUND,
    Disbursing.BOOST: resources_pb2.TRANSACTION_KIND_GRANT,
    # Not transfers: what a manager gives is new points, which do not expire with the manager's budget.
    Disbursing.AWARD: resources_pb2.TRANSACTION_KIND_RECOGNITION,
    Disbursing.MANAGER_BOOST: resources_pb2.TRANSACTION_KIND_RECOGNITION,
}


class BudgetLedger:
    """The ledger. Every call may raise OutcomeUnknown: ask again with the same arguments, which has no further
    effect; and RemoteError, where the ledger does not serve us.
    """

    def __init__(self, remote: Remote, timeout: timedelta) -> None:
        self._remote = remote
        self._timeout_s = timeout.total_seconds()

    async def disburse(self, organisation: Organisation, disbursement: Disbursement) -> str:
        """Moves a disbursement's points, all at once; answers the ledger's transaction.

        Raises:
            BudgetShort, ManagerBudgetShort: what is left does not reach.
            DisbursementRefused: the ledger refused for another reason.
        """
        order = disbursement.order
        accounts = f"{organisation.program_name}/accounts/"
        transaction = resources_pb2.Transaction(
            kind=_KINDS[order.doing],
            postings=[
                resources_pb2.Posting(
                    source=accounts + disbursement.source_id,
                    destination=accounts + destination_id,
                    amount=order.amount,
                )
                for destination_id in disbursement.destination_ids
            ],
            memo=order.note,
        )
        request = ledger_pb2.PostTransactionRequest(
            parent=organisation.program_name, transaction=transaction, request_id=disbursement.request_id
        )
        try:
            response = await self._remote.call(
                "PostTransaction",
                request,
                ledger_pb2.PostTransactionResponse,
                tenants=[organisation.program_name],
                act=disbursement.actor,
                timeout_s=self._timeout_s,
            )
        except RemoteError as error:
            if error.remote_status not in REFUSALS or error.remote_reason == NO_REFUSAL:
                raise
            if error.remote_reason == "BUDGET_EXHAUSTED":
                raise BudgetShort(order.total, int(error.remote_metadata["available"])) from error
            if error.remote_reason == "INSUFFICIENT_POINTS":
                raise ManagerBudgetShort(order.total, int(error.remote_metadata["available"])) from error
            raise DisbursementRefused(error.remote_reason or error.remote_status.name) from error
        return response.transaction

    async def create_account(self, organisation: Organisation, account_id: str, actor: str) -> None:
        """Makes an account that points are given out of, and nothing else; one that exists already stays as it is."""
        account = resources_pb2.Account(
            name=f"{organisation.program_name}/accounts/{account_id}",
            unit=organisation.unit_name,
            kind=resources_pb2.ACCOUNT_KIND_MEMBER,
            outgoing=[resources_pb2.TRANSACTION_KIND_RECOGNITION],
        )
        request = ledger_pb2.BatchCreateAccountsRequest(
            parent=organisation.program_name, accounts=[account], request_id=f"account-{account_id}"
        )
        await self._remote.call(
            "BatchCreateAccounts",
            request,
            ledger_pb2.BatchCreateAccountsResponse,
            tenants=[organisation.program_name],
            act=actor,
            timeout_s=self._timeout_s,
        )

    async def limit(self, organisation: Organisation, credit_limit: int, version: int, actor: str) -> None:
        """Sets how far the budget may go below zero; `version` counts the organisation's terms."""
        request = limits_pb2.SetCreditLimitRequest(
            name=organisation.budget_account,
            credit_limit=credit_limit,
            reason=f"Terms of {organisation.name}, version {version}",
            request_id=f"terms-{organisation.id}-{version}",
        )
        await self._remote.call(
            "SetCreditLimit",
            request,
            limits_pb2.SetCreditLimitResponse,
            tenants=[organisation.program_name],
            act=actor,
            timeout_s=self._timeout_s,
        )

    async def balance(self, organisation: Organisation, account: str) -> resources_pb2.Balance:
        """What one account has, by its name."""
        response = await self._remote.call(
            "GetBalance",
            ledger_pb2.GetBalanceRequest(name=account),
            ledger_pb2.GetBalanceResponse,
            tenants=[organisation.program_name],
            timeout_s=self._timeout_s,
        )
        return response.balance

    async def available(self, organisation: Organisation, account_ids: Sequence[str]) -> list[int]:
        """What each of at most `BALANCES_MAX` accounts can give now, in their order."""
        if not account_ids:
            return []
        accounts = f"{organisation.program_name}/accounts/"
        response = await self._remote.call(
            "BatchGetBalances",
            ledger_pb2.BatchGetBalancesRequest(
                parent=organisation.program_name, names=[accounts + account_id for account_id in account_ids]
            ),
            ledger_pb2.BatchGetBalancesResponse,
            tenants=[organisation.program_name],
            timeout_s=self._timeout_s,
        )
        return [balance.available for balance in response.balances]
