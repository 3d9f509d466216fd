"""Members' wallets in the ledger: a cashback's value paid into one, and taken out again as a whole or not at all."""

from __future__ import annotations

from datetime import timedelta

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.errors import Status
from guerdon_kit.grpc import OutcomeUnknown, RemoteError
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.grpc.status import read_details
from rewards_catalog.clients.ledger import Ledger, refusals
from rewards_catalog.domain.errors import CreditRefused, WalletSpent
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.domain.wallets import unit_of_budget

_HOLD_TIME = timedelta(days=89)
"""As good as for ever: the points go back in between, and the recovery loop sees to it."""
_EXHAUSTED = "BUDGET_EXHAUSTED"
"""The one refusal of a credit that another try may not meet: an account's unit and its end are for ever."""


class Wallets:
    """The ledger's wallet side of redemptions; each step has one request id. `until` is of `time.monotonic()`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def check_covered(self, redemption: Redemption, budget: str, until: float) -> None:
        """Checks, before any points are spent, that the budget has the value now.

        Raises:
            CreditRefused: it has less.
            OutcomeUnknown: the ledger did not answer in time.
        """
        assert redemption.value is not None, "a wallet is for a value"
        account = await self._account(budget, redemption, until)
        if not account.HasField("credit_limit"):
            return
        balance = await self._balance(budget, redemption, until)
        if account.credit_limit + balance.posted < redemption.value.minor_units:
            raise CreditRefused(wallet=redemption.wallet, ledger_reason=_EXHAUSTED)

    async def check_has(self, redemption: Redemption, until: float) -> None:
        """Checks, before any points go back, that the value can be taken out of the wallet now.

        Raises:
            WalletSpent: it cannot.
            OutcomeUnknown: the ledger did not answer in time.
        """
        assert redemption.value is not None, "a wallet is for a value"
        account = await self._account(redemption.wallet, redemption, until)
        balance = await self._balance(redemption.wallet, redemption, until)
        available = balance.available if account.state == res.ACCOUNT_STATE_OPEN else 0
        if available < redemption.value.minor_units:
            raise WalletSpent(wallet=redemption.wallet, required=redemption.value.minor_units, available=available)

    async def credit(self, redemption: Redemption, budget: str, until: float) -> str:
        """Pays the value into the wallet, which is opened where it does not exist, and answers the transaction's name.

        Raises:
            PaymentRefused: the ledger refused, as it will ever.
            OutcomeUnknown: ask again, also where the budget has too little now: the points are spent, so it is owed.
        """
        assert redemption.value is not None, "a wallet is for a value"
        posting = res.Posting(source=budget, destination=redemption.wallet, amount=redemption.value.minor_units)
        transaction = res.Transaction(kind=res.TRANSACTION_KIND_GRANT, postings=[posting], memo=redemption.title)
        item = pb.PostTransactionItem(transaction=transaction, request_id=redemption.ledger_request_id("credit"))
        request = pb.BatchPostTransactionsRequest(
            parent=redemption.parent,
            items=[item],
            open_accounts_in=f"{redemption.parent}/units/{unit_of_budget(budget)}",
        )
        with refusals():
            answer = await self._ledger.step(
                "BatchPostTransactions", request, pb.BatchPostTransactionsResponse, redemption, until
            )
            [result] = answer.results
            if result.HasField("error"):
                reason, metadata = read_details(result.error)
                if reason == _EXHAUSTED:
                    raise OutcomeUnknown
                raise RemoteError(Status(result.error.code), reason, metadata, result.error.message)
        return result.posted.transaction

    async def hold(self, redemption: Redemption, until: float) -> str:
        """Sets the whole value aside in the wallet, for a refund, and answers the hold's name.

        Raises:
            InsufficientPoints: the wallet has less.
            PaymentRefused: the ledger refused for another reason.
            OutcomeUnknown: ask again.
        """
        assert redemption.value is not None, "a wallet is for a value"
        hold = res.Hold(
            account=redemption.wallet,
            amount=redemption.value.minor_units,
            expire_time=timestamp(redemption.update_time + _HOLD_TIME),  # the same whenever it is asked for
            purpose=redemption.title,
        )
        request = pb.PlaceHoldRequest(parent=redemption.parent, hold=hold, request_id=_id(redemption, "wallet-hold"))
        with refusals():
            answer = await self._ledger.step("PlaceHold", request, pb.PlaceHoldResponse, redemption, until)
        return answer.hold.name

    async def take(self, redemption: Redemption, hold: str, until: float) -> None:
        """Takes what is set aside out of the wallet.

        Raises:
            HoldLapsed, PaymentRefused: the ledger refused.
            OutcomeUnknown: ask again.
        """
        request = pb.CaptureHoldRequest(name=hold, memo=redemption.title, request_id=_id(redemption, "wallet-capture"))
        with refusals():
            await self._ledger.step("CaptureHold", request, pb.CaptureHoldResponse, redemption, until)

    async def let_go(self, redemption: Redemption, hold: str, until: float) -> None:
        """Gives what is set aside back to the wallet.

        Raises:
            PaymentRefused: the ledger refused.
            OutcomeUnknown: ask again.
        """
        request = pb.ReleaseHoldRequest(name=hold, request_id=_id(redemption, "wallet-release"))
        with refusals():
            await self._ledger.step("ReleaseHold", request, pb.ReleaseHoldResponse, redemption, until)

    async def _account(self, name: str, redemption: Redemption, until: float) -> res.Account:
        request = pb.GetAccountRequest(name=name)
        return (await self._ledger.step("GetAccount", request, pb.GetAccountResponse, redemption, until)).account

    async def _balance(self, name: str, redemption: Redemption, until: float) -> res.Balance:
        request = pb.GetBalanceRequest(name=name)
        return (await self._ledger.step("GetBalance", request, pb.GetBalanceResponse, redemption, until)).balance


def _id(redemption: Redemption, step: str) -> str:
    return redemption.ledger_request_id(f"{redemption.refund_step}-{step}")
