"""The ledger, as far as points are taken off leavers: back to the budget that they were granted from."""

from __future__ import annotations

from datetime import timedelta

from guerdon.ledger.v1 import ledger_pb2, resources_pb2
from guerdon_kit.grpc import Remote, RemoteError
from recognition.clients.ledger import NO_REFUSAL, REFUSALS
from recognition.domain.leavers import LeaverMode, Settlement
from recognition.domain.organisations import Organisation
from recognition.domain.payouts import FROZEN, Answer

_MEMOS = {LeaverMode.KEEP: "Lapsed after leaving", LeaverMode.PAY_OUT: "Paid out after leaving"}


class LeaverBook:
    """The ledger. Every call may raise OutcomeUnknown: ask again with the same arguments, which has no further
    effect; and RemoteError, where the ledger does not serve us.
    """

    def __init__(self, remote: Remote, timeout: timedelta) -> None:
        self._remote = remote
        self._timeout_s = timeout.total_seconds()

    async def takeable(self, organisation: Organisation, account_id: str) -> int:
        """What can be taken off an account now; below 0 where it owes. Of a frozen one that is nothing."""
        response = await self._remote.call(
            "GetBalance",
            ledger_pb2.GetBalanceRequest(name=f"{organisation.program_name}/accounts/{account_id}"),
            ledger_pb2.GetBalanceResponse,
            tenants=[organisation.program_name],
            timeout_s=self._timeout_s,
        )
        balance = response.balance
        return balance.available if balance.state == resources_pb2.ACCOUNT_STATE_OPEN else 0

    async def take(self, organisation: Organisation, account_id: str, settlement: Settlement) -> Answer:
        """Moves a settlement's points to the organisation's budget; answers what the ledger said. Where the account was
        frozen since it was looked that is RemoteError: the ledger keeps no such refusal, and the same request may pass.
        """
        posting = resources_pb2.Posting(
            source=f"{organisation.program_name}/accounts/{account_id}",
            destination=organisation.budget_account,
            amount=settlement.amount,
        )
        request = ledger_pb2.PostTransactionRequest(
            parent=organisation.program_name,
            transaction=resources_pb2.Transaction(
                kind=resources_pb2.TRANSACTION_KIND_FUND, postings=[posting], memo=_MEMOS[settlement.mode]
            ),
            request_id=settlement.request_id,
        )
        try:
            response = await self._remote.call(
                "PostTransaction",
                request,
                ledger_pb2.PostTransactionResponse,
                tenants=[organisation.program_name],
                timeout_s=self._timeout_s,
            )
        except RemoteError as error:
            if error.remote_status not in REFUSALS or error.remote_reason in {NO_REFUSAL, FROZEN}:
                raise
            return Answer(refusal=error.remote_reason or error.remote_status.name)
        return Answer(transaction=response.transaction)
