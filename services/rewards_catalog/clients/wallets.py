"""Members' wallets in the ledger: a cashback's value paid into one, and taken out again as a whole or not at all."""

from __future__ import annotations

from datetime import timedelta

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.errors import InvalidField, Status
from guerdon_kit.grpc import RemoteError
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.grpc.status import read_details
from rewards_catalog.clients.endings import TAKEN, require_ended, unaffordable
from rewards_catalog.clients.ledger import Ledger, refusals
from rewards_catalog.domain.errors import CreditRefused, WalletSpent
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.domain.wallets import unit_of_budget

_HOLD_TIME = timedelta(days=89)
"""As good as for ever: the points go back in between, and the recovery loop sees to it."""
EXHAUSTED = "BUDGET_EXHAUSTED"
_FOR_NOW = {EXHAUSTED, "ACCOUNT_FROZEN", TAKEN}
"""The refusals of a credit that another try may not meet, of the budget; an account's unit and its end are for ever."""
_CLOSED = "ACCOUNT_CLOSED"


class Wallets:
    """The ledger's wallet side of redemptions; each step has one request id. `until` is of `time.monotonic()`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def check_payable(self, redemption: Redemption, budget: str, until: float) -> None:
        """Checks, before any points are set aside, that the budget has the value now, and can pay it into the wallet.
        One that does not exist will be opened.

        Raises:
            InvalidField: the wallet counts something else.
            CreditRefused: it is closed, or the budget has less.
            OutcomeUnknown: the ledger did not answer in time.
        """
        assert redemption.value is not None, "a wallet is for a value"
        unit = unit_of_budget(budget)
        wallet = await self._wallet(redemption, until)
        if wallet is not None and wallet.unit != f"{redemption.parent}/units/{unit}":
            raise InvalidField.of("wallet", f"must count {unit}, the unit of the budget")
        if wallet is not None and wallet.state == res.ACCOUNT_STATE_CLOSED:
            raise CreditRefused(wallet=redemption.wallet, ledger_reason=_CLOSED)
        account = await self._account(budget, redemption, until)
        if not account.HasField("credit_limit"):
            return
        balance = await self._balance(budget, redemption, until)
        if account.credit_limit + balance.posted < redemption.value.minor_units:
            raise CreditRefused(wallet=redemption.wallet, ledger_reason=EXHAUSTED)

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
            CreditRefused: the budget has too little now, or is frozen, or `end_credit` ended it.
            OutcomeUnknown: ask again.
        """
        assert redemption.value is not None, "a wallet is for a value"
        posting = res.Posting(source=budget, destination=redemption.wallet, amount=redemption.value.minor_units)
        transaction = res.Transaction(kind=res.TRANSACTION_KIND_GRANT, postings=[posting], memo=redemption.title)
        with refusals():
            answer = await self._post(redemption, transaction, unit_of_budget(budget), until)
            if answer.HasField("error"):
                reason, metadata = read_details(answer.error)
                if reason in _FOR_NOW:
                    raise CreditRefused(wallet=redemption.wallet, ledger_reason=EXHAUSTED)
                raise RemoteError(Status(answer.error.code), reason, metadata, answer.error.message)
        return answer.posted.transaction

    async def end_credit(self, redemption: Redemption, until: float) -> None:
        """Sees to it that the value is never paid, also by a copy of `credit` that is on its way.

        Raises:
            OutcomeUnknown: it may have been paid. Ask `credit` again.
        """
        never = unaffordable(redemption.program, redemption.account, redemption.unit)
        answer = await self._post(redemption, never, "", until)
        require_ended(read_details(answer.error)[0] if answer.HasField("error") else "")

    async def _post(
        self, redemption: Redemption, transaction: res.Transaction, unit: str, until: float
    ) -> pb.PostTransactionResult:
        """What the ledger answers to the step of paying; wallets of `unit` are opened, none where it is empty."""
        item = pb.PostTransactionItem(transaction=transaction, request_id=redemption.ledger_request_id("credit"))
        request = pb.BatchPostTransactionsRequest(
            parent=redemption.parent,
            items=[item],
            open_accounts_in=f"{redemption.parent}/units/{unit}" if unit else "",
        )
        answer = await self._ledger.step(
            "BatchPostTransactions", request, pb.BatchPostTransactionsResponse, redemption, until
        )
        [result] = answer.results
        return result

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

    async def _wallet(self, redemption: Redemption, until: float) -> res.Account | None:
        try:
            return await self._account(redemption.wallet, redemption, until)
        except RemoteError as refusal:
            if refusal.remote_status is Status.NOT_FOUND:
                return None
            raise

    async def _account(self, name: str, redemption: Redemption, until: float) -> res.Account:
        request = pb.GetAccountRequest(name=name)
        return (await self._ledger.step("GetAccount", request, pb.GetAccountResponse, redemption, until)).account

    async def _balance(self, name: str, redemption: Redemption, until: float) -> res.Balance:
        request = pb.GetBalanceRequest(name=name)
        return (await self._ledger.step("GetBalance", request, pb.GetBalanceResponse, redemption, until)).balance


def _id(redemption: Redemption, step: str) -> str:
    return redemption.ledger_request_id(f"{redemption.refund_step}-{step}")
