"""The ledger, in recognition's words: accounts for people, grants from the budget, and givings."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from hashlib import blake2b

from guerdon.ledger.v1 import ledger_pb2, resources_pb2
from guerdon_kit.errors import NotFound, Status
from guerdon_kit.grpc import OutcomeUnknown, Remote, RemoteError
from guerdon_kit.grpc.status import read_details
from recognition.domain.allowances import Grant, Purpose
from recognition.domain.changes import NewChange
from recognition.domain.errors import GivingRefused, InsufficientAllowance
from recognition.domain.gifts import Giving
from recognition.domain.organisations import Organisation
from recognition.domain.people import NewPerson, Person
from recognition.domain.reviews import reserve_account_id
from recognition.domain.takings import Taken, Taking, TakingPolicy

TAKEN_AT_ONCE = 16
LEDGER = ledger_pb2.DESCRIPTOR.services_by_name["LedgerService"]

REFUSALS = frozenset(
    {Status.INVALID_ARGUMENT, Status.NOT_FOUND, Status.ALREADY_EXISTS, Status.FAILED_PRECONDITION, Status.OUT_OF_RANGE}
)
"""What the ledger answers when it refuses what was asked. Other failures (a token it does not accept, its limits)
say nothing about the request and pass when they are mended."""
NO_REFUSAL = "REQUEST_ID_REUSED"
"""The ledger knows the request in other words, such as those of another release: it was decided, perhaps by posting."""
_CLAWBACK = {
    TakingPolicy.UNSPENT: ledger_pb2.CLAWBACK_POLICY_ONLY_UNSPENT,
    TakingPolicy.WITHIN_BALANCE: ledger_pb2.CLAWBACK_POLICY_WITHIN_BALANCE,
    TakingPolicy.REFUSE: ledger_pb2.CLAWBACK_POLICY_WITHIN_BALANCE,
}
OTHERS_REFUSED = "BATCH_NOT_POSTED"
"""Of what is posted together: nothing is wrong with this one, but with another."""
_NOTHING_LEFT = "OVER_REVERSAL"
_MEMOS = {Purpose.GIVE: "Allowance", Purpose.MANAGE: "Manager budget"}


class Ledger:
    """The ledger. Every call may raise OutcomeUnknown: ask again with the same arguments, which has no further
    effect; and RemoteError, where the ledger does not serve us.
    """

    def __init__(self, remote: Remote, timeout: timedelta) -> None:
        self._remote = remote
        self._timeout_s = timeout.total_seconds()

    async def create_budget(self, organisation: Organisation, actor: str) -> None:
        """Makes the organisation's budget account.

        Raises:
            NotFound: the ledger has no such unit.
        """
        account = resources_pb2.Account(
            name=organisation.budget_account,
            unit=organisation.unit_name,
            kind=resources_pb2.ACCOUNT_KIND_BUDGET,
        )
        try:
            await self._create_accounts(organisation, [account], actor)
        except RemoteError as error:
            if error.remote_status in {Status.NOT_FOUND, Status.INVALID_ARGUMENT}:  # or too long for any unit's
                raise NotFound(organisation.unit_name) from error
            raise

    async def create_reserve(self, organisation: Organisation, actor: str) -> None:
        """Makes the account in which points wait for a decision; one that is there stays as it is."""
        account = resources_pb2.Account(
            name=f"{organisation.program_name}/accounts/{reserve_account_id(organisation.id)}",
            unit=organisation.unit_name,
            kind=resources_pb2.ACCOUNT_KIND_MEMBER,
            outgoing=[resources_pb2.TRANSACTION_KIND_RECOGNITION],
        )
        await self._create_accounts(organisation, [account], actor)

    async def create_people_accounts(self, organisation: Organisation, people: Sequence[NewPerson], actor: str) -> None:
        """Makes each person's two accounts: one for giving and nothing else, and one for redeeming and, where the
        organisation allows it, exchanging. Those that exist already stay as they are.
        """
        earned = [resources_pb2.TRANSACTION_KIND_SPEND]
        if organisation.exchange_allowed:
            earned.append(resources_pb2.TRANSACTION_KIND_EXCHANGE)
        accounts = [
            resources_pb2.Account(
                name=f"{organisation.program_name}/accounts/{account_id}",
                unit=organisation.unit_name,
                kind=resources_pb2.ACCOUNT_KIND_MEMBER,
                outgoing=outgoing,
            )
            for person in people
            for account_id, outgoing in (
                (person.allowance_account_id, [resources_pb2.TRANSACTION_KIND_RECOGNITION]),
                (person.rewards_account_id, earned),
            )
        ]
        await self._create_accounts(organisation, accounts, actor)

    async def grant(self, grants: Sequence[Grant]) -> list[str | None]:
        """Posts grants of one program. Answers for each why it was refused: '' if it was posted, None if the ledger
        has not said and is to be asked again.
        """
        program = f"programs/{grants[0].program}"
        response = await self._remote.call(
            "BatchPostTransactions",
            ledger_pb2.BatchPostTransactionsRequest(parent=program, items=map(_grant_item, grants)),
            ledger_pb2.BatchPostTransactionsResponse,
            tenants=[program],
            timeout_s=self._timeout_s,
        )
        return [refusal_of(result) for result in response.results]

    async def give(self, giving: Giving) -> list[str]:
        """Moves all of a giving's points, or none; answers the ledger's transactions, one for each gift.

        Raises:
            InsufficientAllowance: what is left does not reach for all of them.
            GivingRefused: the ledger refused for another reason.
        """
        program = f"programs/{giving.program}"
        request = ledger_pb2.BatchPostTransactionsRequest(
            parent=program,
            items=[_gift_item(giving, ordinal) for ordinal in range(len(giving.gifts))],
            omit_balances=True,
            atomic=True,
        )
        response = await self._remote.call(
            "BatchPostTransactions",
            request,
            ledger_pb2.BatchPostTransactionsResponse,
            tenants=[program],
            act=giving.actor,
            timeout_s=self._timeout_s,
        )
        _raise_refused(giving, response.results)
        return [result.posted.transaction for result in response.results]

    async def take(self, change: NewChange, takings: Sequence[Taking], memo: str) -> list[Taken]:
        """Takes back gifts, each as far as the change's policy lets it. The points return to the lots that they came
        from; where these have expired they go on to the budget. What the ledger refuses, because somebody closed
        an account or took it back by hand, is not there to take.
        """
        taken: list[Taken] = []
        for start in range(0, len(takings), TAKEN_AT_ONCE):
            chunk = takings[start : start + TAKEN_AT_ONCE]
            outcomes = await asyncio.gather(
                *(self._take(change, taking, memo) for taking in chunk), return_exceptions=True
            )
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
                taken.append(outcome)
        return taken

    async def give_back(self, transaction: str, change: NewChange, part: str = "", amount: int = 0) -> None:
        """Undoes the transaction that reserved points, as to so many of them (0: all): they return to the lots that
        they came from, and where these have expired go on to the budget. A change does so once for each `part`. Where
        all are to go back and none is left, somebody has sent them back by hand.
        """
        request = ledger_pb2.ReverseTransactionRequest(
            name=transaction,
            amount=amount,
            policy=ledger_pb2.CLAWBACK_POLICY_WITHIN_BALANCE,
            request_id=f"back-{change.id}{part}",
        )
        try:
            await self._remote.call(
                "ReverseTransaction",
                request,
                ledger_pb2.ReverseTransactionResponse,
                tenants=[transaction.partition("/transactions/")[0]],
                act=change.actor,
                timeout_s=self._timeout_s,
            )
        except RemoteError as error:
            if amount or error.remote_reason != _NOTHING_LEFT:
                raise

    async def _take(self, change: NewChange, taking: Taking, memo: str) -> Taken:
        gift = taking.gift
        if not taking.amount:
            return Taken(taking, 0, "")
        request = ledger_pb2.ReverseTransactionRequest(
            name=gift.transaction,
            amount=taking.amount,
            policy=_CLAWBACK[change.policy],
            memo=memo,
            request_id=f"take-{change.id}-{gift.change}-{gift.ordinal}",
        )
        try:
            response = await self._remote.call(
                "ReverseTransaction",
                request,
                ledger_pb2.ReverseTransactionResponse,
                tenants=[gift.transaction.partition("/transactions/")[0]],
                act=change.actor,
                timeout_s=self._timeout_s,
            )
        except RemoteError as error:
            if error.remote_status not in REFUSALS or error.remote_reason == NO_REFUSAL:
                raise
            return Taken(taking, 0, "")
        return Taken(taking, response.reversed_amount, response.transaction)

    async def allowance(self, person: Person) -> tuple[int, int]:
        """What the person's allowance account can give now, and how much of it expires."""
        response = await self._remote.call(
            "GetBalance",
            ledger_pb2.GetBalanceRequest(name=person.allowance_account, view=ledger_pb2.BALANCE_VIEW_FULL),
            ledger_pb2.GetBalanceResponse,
            tenants=[f"programs/{person.program}"],
            timeout_s=self._timeout_s,
        )
        balance = response.balance
        expiring = sum(bucket.amount for bucket in balance.expiries)
        return balance.available, min(expiring, balance.available)

    async def redeemable(self, people: Sequence[Person]) -> list[int]:
        """What each of these people (of one program, 1 to 1,000) has in their rewards account now."""
        program = f"programs/{people[0].program}"
        response = await self._remote.call(
            "BatchGetBalances",
            ledger_pb2.BatchGetBalancesRequest(parent=program, names=[person.rewards_account for person in people]),
            ledger_pb2.BatchGetBalancesResponse,
            tenants=[program],
            timeout_s=self._timeout_s,
        )
        return [balance.available for balance in response.balances]

    async def _create_accounts(
        self, organisation: Organisation, accounts: Sequence[resources_pb2.Account], actor: str
    ) -> None:
        request = ledger_pb2.BatchCreateAccountsRequest(parent=organisation.program_name, accounts=accounts)
        request.request_id = "accounts-" + _digest(request.SerializeToString(deterministic=True))
        await self._remote.call(
            "BatchCreateAccounts",
            request,
            ledger_pb2.BatchCreateAccountsResponse,
            tenants=[organisation.program_name],
            act=actor,
            timeout_s=self._timeout_s,
        )


def _grant_item(grant: Grant) -> ledger_pb2.PostTransactionItem:
    posting = resources_pb2.Posting(
        source=grant.budget_account,
        destination=f"programs/{grant.program}/accounts/{grant.account_id}",
        amount=grant.amount,
    )
    posting.expire_time.FromDatetime(grant.expire_time)
    # The ledger's clock turns the periods, not ours: a grant that is a moment early is pending until its period begins.
    posting.available_time.FromDatetime(grant.available_time)
    return ledger_pb2.PostTransactionItem(
        transaction=resources_pb2.Transaction(
            kind=resources_pb2.TRANSACTION_KIND_GRANT,
            postings=[posting],
            memo=f"{_MEMOS[grant.purpose]} of {grant.period_name}",
        ),
        request_id=grant.request_id,
    )


def _gift_item(giving: Giving, ordinal: int) -> ledger_pb2.PostTransactionItem:
    program = f"programs/{giving.program}"
    destination_id, amount = giving.gifts[ordinal]
    posting = resources_pb2.Posting(
        source=f"{program}/accounts/{giving.source_id}",
        destination=f"{program}/accounts/{destination_id}",
        amount=amount,
    )
    return ledger_pb2.PostTransactionItem(
        transaction=resources_pb2.Transaction(
            kind=resources_pb2.TRANSACTION_KIND_RECOGNITION, postings=[posting], memo=giving.memo
        ),
        request_id=giving.request_id(ordinal),
    )


def _raise_refused(giving: Giving, results: Sequence[ledger_pb2.PostTransactionResult]) -> None:
    """Raises what the ledger refused the whole for; OutcomeUnknown where it has not decided."""
    before = 0
    for (_, amount), result in zip(giving.gifts, results, strict=True):
        if result.HasField("error"):
            status = Status(result.error.code)
            reason, metadata = read_details(result.error)
            if reason == OTHERS_REFUSED:
                before += amount
                continue
            if status not in REFUSALS or reason == NO_REFUSAL:
                raise OutcomeUnknown
            if reason == "INSUFFICIENT_POINTS":  # told of what the gifts before it would have left
                raise InsufficientAllowance(giving.total, int(metadata["available"]) + before)
            raise GivingRefused(reason or status.name)


def refusal_of(result: ledger_pb2.PostTransactionResult) -> str | None:
    """Why the ledger refused an item: '' if it posted it, None if it has not said and is to be asked again."""
    if not result.HasField("error"):
        return ""
    status = Status(result.error.code)
    reason, _ = read_details(result.error)
    return None if status not in REFUSALS or reason == NO_REFUSAL else reason or status.name


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
