"""The ledger, in the words of a coalition: exchange accounts, when points expire, and the one transaction that an
exchange is, or its sides where one of them is remote.

A refusal counts as one only where the ledger has decided on the request itself; anything else leaves the outcome
unknown. `until` is of `time.monotonic()`. What is asked at the same time goes in one call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.errors import Status
from guerdon_kit.gathering import Gathering
from guerdon_kit.grpc import OutcomeUnknown, Remote, RemoteError
from guerdon_kit.grpc.locked import LOOK_AGAIN, LockedPoints
from guerdon_kit.grpc.status import read_details
from partner_exchange.clients import postings
from partner_exchange.domain.exchanges import Exchange, Expiry, Posted, Refusal
from partner_exchange.domain.partners import Partner
from partner_exchange.domain.reversals import Reversal
from partner_exchange.domain.steps import Source

Answer = TypeVar("Answer", bound=Message)
Awaited = TypeVar("Awaited")
LEDGER = pb.DESCRIPTOR.services_by_name["LedgerService"]

_DECIDED = {Status.INVALID_ARGUMENT, Status.NOT_FOUND, Status.FAILED_PRECONDITION, Status.OUT_OF_RANGE}
_EXPIRIES_MAX = 100
_LONGEST_CALL_S = 10.0
# What is left of the caller's deadline after a call: enough to say that the outcome is not known.
_MARGIN_S = 0.2


class LookAgain(Exception):
    """The source account has changed since it was found what is locked of it: nothing was done, nor will be."""


@dataclass(frozen=True, slots=True)
class _Tenants:
    """For whom a call is: the programs, of which the first one owns what is posted, and the caller."""

    programs: tuple[str, ...]
    actor: str


class Ledger:
    """The ledger's side of a coalition. What of members' points is locked `locked` tells."""

    def __init__(self, remote: Remote, locked: LockedPoints) -> None:
        self._remote = remote
        self._locked = locked
        self._reads = Gathering(self._expiries, lambda asked: [asked[0]])
        self._posts: Gathering[_Tenants, tuple[pb.PostTransactionItem, float], Posted | Refusal] = Gathering(
            self._post_together, lambda asked: [asked[0].request_id]
        )

    async def has_unit(self, program_id: str, unit_id: str, actor: str, until: float) -> bool:
        """Whether the program has the unit: a unit comes with its ISSUANCE account.

        Raises:
            OutcomeUnknown: the ledger did not answer.
        """
        program = f"programs/{program_id}"
        request = pb.GetAccountRequest(name=f"{program}/accounts/issuance.{unit_id}")
        try:
            await self._call("GetAccount", request, pb.GetAccountResponse, tenants=[program], actor=actor, until=until)
        except RemoteError as refusal:
            if refusal.remote_status in {Status.NOT_FOUND, Status.INVALID_ARGUMENT}:  # or too long for any unit's
                return False
            raise
        return True

    async def open_exchange_accounts(self, partner: Partner, others: Iterable[str], actor: str, until: float) -> None:
        """Makes the partner's EXCHANGE accounts for the other partners, as far as there are none yet.

        Raises:
            OutcomeUnknown: the ledger did not answer; ask again.
        """
        program = postings.program(partner)
        names = [postings.exchange_account(partner, other) for other in sorted(others)]
        request = pb.BatchCreateAccountsRequest(
            parent=program,
            accounts=[
                res.Account(name=name, unit=postings.unit(partner), kind=res.ACCOUNT_KIND_EXCHANGE) for name in names
            ],
            request_id=f"exchange-accounts-{blake2b(' '.join(names).encode(), digest_size=16).hexdigest()}",
        )
        await self._call(
            "BatchCreateAccounts", request, pb.BatchCreateAccountsResponse, tenants=[program], actor=actor, until=until
        )

    async def source(self, sender: Partner, account_id: str, actor: str, until: float) -> Source:
        """What the points of a member's account are now. Where the ledger refuses to tell when they expire, it will
        refuse the exchange as well.

        Raises:
            OutcomeUnknown: the ledger did not answer, or membership.
        """
        account = sender.account_name(account_id)
        locked = await self._locked.of(account, actor, until)
        of = _Tenants((postings.program(sender),), actor)
        return Source(*await _in_time(self._reads.do(of, (account, until)), until), locked)

    async def post(self, exchange: Exchange, sender: Partner, receiver: Partner, until: float) -> Posted | Refusal:
        """Posts both sides of the exchange in one transaction, owned by the sender's program.

        Raises:
            LookAgain: what is locked has to be found again.
            OutcomeUnknown: ask again.
        """
        tenants = [postings.program(sender), postings.program(receiver)]
        moves = [postings.debit(exchange, sender), *postings.credited(exchange, receiver)]
        return await self._post(exchange, tenants, moves, f"exchange-{exchange.exchange_id}", until)

    async def debit(self, exchange: Exchange, sender: Partner, until: float) -> Posted | Refusal:
        """Moves the points that are sent out of the source account.

        Raises:
            LookAgain: what is locked has to be found again.
            OutcomeUnknown: ask again.
        """
        step = f"exchange-{exchange.exchange_id}-debit"
        return await self._post(exchange, [postings.program(sender)], [postings.debit(exchange, sender)], step, until)

    async def undo_debit(self, exchange: Exchange, sender: Partner, until: float) -> Posted | Refusal:
        """Puts what `debit` moved back into the lots that it came from.

        Raises:
            OutcomeUnknown: ask again.
        """
        request = pb.ReverseTransactionRequest(
            name=exchange.reservation,
            memo=postings.memo(exchange),
            request_id=f"exchange-{exchange.exchange_id}-cancel",
        )
        try:
            answer = await self._call(
                "ReverseTransaction",
                request,
                pb.ReverseTransactionResponse,
                tenants=[postings.program(sender)],
                actor=exchange.actor,
                until=until,
            )
        except RemoteError as refusal:
            return _refusal(refusal)
        return Posted(answer.transaction, _time(answer.record_time))

    async def credit(self, exchange: Exchange, receiver: Partner, until: float) -> Posted | Refusal:
        """Moves the points that are received into the destination account.

        Raises:
            OutcomeUnknown: ask again.
        """
        step = f"exchange-{exchange.exchange_id}-credit"
        return await self._post(
            exchange, [postings.program(receiver)], postings.credited(exchange, receiver), step, until
        )

    async def _post(
        self, exchange: Exchange, programs: Sequence[str], moves: Sequence[res.Posting], step: str, until: float
    ) -> Posted | Refusal:
        transaction = res.Transaction(kind=res.TRANSACTION_KIND_EXCHANGE, postings=moves, memo=postings.memo(exchange))
        asked = (pb.PostTransactionItem(transaction=transaction, request_id=step), until)
        return await _in_time(self._posts.do(_Tenants(tuple(programs), exchange.actor), asked), until)

    async def _expiries(
        self, of: _Tenants, asked: Sequence[tuple[str, float]]
    ) -> list[tuple[Sequence[Expiry], bool] | Exception]:
        request = pb.BatchGetBalancesRequest(
            parent=of.programs[0], names=[name for name, _ in asked], view=pb.BALANCE_VIEW_FULL
        )
        try:
            answer = await self._call_together("BatchGetBalances", request, pb.BatchGetBalancesResponse, of, asked)
        except OutcomeUnknown as unknown:
            return [unknown] * len(asked)
        except RemoteError:
            if len(asked) > 1:  # one of them has the ledger refuse all: each by itself
                raise
            return [((), True)]
        return [_expiries_of(balance) for balance in answer.balances]

    async def _post_together(
        self, of: _Tenants, asked: Sequence[tuple[pb.PostTransactionItem, float]]
    ) -> list[Posted | Refusal | Exception]:
        request = pb.BatchPostTransactionsRequest(
            parent=of.programs[0], items=[item for item, _ in asked], omit_balances=True
        )
        try:
            answer = await self._call_together(
                "BatchPostTransactions", request, pb.BatchPostTransactionsResponse, of, asked
            )
        except OutcomeUnknown as unknown:
            return [unknown] * len(asked)
        except RemoteError as refusal:
            if len(asked) > 1:
                raise
            return [_refusal(refusal)]
        return [_outcome(result) for result in answer.results]

    async def _call_together(
        self, rpc: str, request: Message, answer: type[Answer], of: _Tenants, asked: Sequence[tuple[object, float]]
    ) -> Answer:
        """Raises RemoteError only where the ledger has decided, otherwise OutcomeUnknown."""
        until = max(until for _, until in asked)  # who has less time than that leaves before
        try:
            return await self._call(rpc, request, answer, tenants=of.programs, actor=of.actor, until=until)
        except RemoteError as refusal:
            if refusal.remote_status in _DECIDED:
                raise
            raise OutcomeUnknown from refusal

    async def take_back(
        self, reversal: Reversal, exchange: Exchange, sender: Partner, receiver: Partner, until: float
    ) -> Posted | Refusal:
        """Takes the exchange's transaction back as a whole, or posts the opposite of a part of it.

        Raises:
            OutcomeUnknown: ask again.
        """
        assert exchange.commitment is not None, "only what is COMMITTED goes back"
        tenants = [postings.program(sender), postings.program(receiver)]
        request_id = f"reversal-{reversal.reversal_id}"
        memo = f"{postings.memo(exchange)} taken back"
        try:
            if reversal.whole:
                undo = pb.ReverseTransactionRequest(
                    name=exchange.commitment.transaction,
                    other_programs=[postings.program(receiver)],
                    policy=pb.CLAWBACK_POLICY_WITHIN_BALANCE,
                    memo=memo,
                    request_id=request_id,
                )
                undone = await self._call(
                    "ReverseTransaction",
                    undo,
                    pb.ReverseTransactionResponse,
                    tenants=tenants,
                    actor=reversal.actor,
                    until=until,
                )
                return Posted(undone.transaction, _time(undone.record_time))
            transaction = res.Transaction(
                kind=res.TRANSACTION_KIND_EXCHANGE,
                postings=postings.opposite(reversal, exchange, sender, receiver),
                memo=memo,
            )
            post = pb.PostTransactionRequest(
                parent=postings.program(sender), transaction=transaction, request_id=request_id
            )
            posted = await self._call(
                "PostTransaction",
                post,
                pb.PostTransactionResponse,
                tenants=tenants,
                actor=reversal.actor,
                until=until,
            )
            return Posted(posted.transaction, _time(posted.record_time))
        except RemoteError as refusal:
            return _refusal(refusal)

    async def _call(
        self, rpc: str, request: Message, answer: type[Answer], *, tenants: Iterable[str], actor: str, until: float
    ) -> Answer:
        left = until - time.monotonic() - _MARGIN_S
        if left <= 0:
            raise OutcomeUnknown
        timeout_s = min(left, _LONGEST_CALL_S)
        return await self._remote.call(rpc, request, answer, tenants=tenants, act=actor, timeout_s=timeout_s)


async def _in_time(answer: Awaitable[Awaited], until: float) -> Awaited:
    """Raises OutcomeUnknown where it does not come while that can still be said: others who ask with us may have more
    time.
    """
    try:
        async with asyncio.timeout(until - time.monotonic() - _MARGIN_S):
            return await answer
    except TimeoutError as error:
        raise OutcomeUnknown from error


def _expiries_of(balance: res.Balance) -> tuple[Sequence[Expiry], bool]:
    expiries = [Expiry(_time(bucket.expire_time), bucket.amount) for bucket in balance.expiries]
    return expiries, len(expiries) < _EXPIRIES_MAX


def _outcome(result: pb.PostTransactionResult) -> Posted | Refusal | Exception:
    if result.HasField("posted"):
        return Posted(result.posted.transaction, _time(result.posted.record_time))
    reason, metadata = read_details(result.error)
    if reason == LOOK_AGAIN:
        return LookAgain()
    status = Status(result.error.code)
    return Refusal(reason or status.name, metadata) if status in _DECIDED else OutcomeUnknown()


def _refusal(error: RemoteError) -> Refusal:
    """Why the ledger refused.

    Raises:
        OutcomeUnknown: it has not decided on the request itself.
    """
    if error.remote_status not in _DECIDED:
        raise OutcomeUnknown from error
    return Refusal(error.remote_reason or error.remote_status.name, error.remote_metadata)


def _time(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(tzinfo=UTC)
