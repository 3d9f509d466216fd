"""The coalition, in the catalog's words: quotes, and the exchanges that they become."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from guerdon.exchange.v1 import coalition_service_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.errors import DomainError
from guerdon_kit.grpc import OutcomeUnknown, Remote, RemoteError
from rewards_catalog.domain.errors import InsufficientPoints, PointsLocked, TransferRefused
from rewards_catalog.domain.kinds import PartnerTransfer
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.domain.transfers import Quote, Transfer, Verdict, execution_verdict, quote_verdict

Answer = TypeVar("Answer", bound=Message)

COALITION = pb.DESCRIPTOR.services_by_name["CoalitionService"]

_LIFETIME_MINUTES = 1
_LONGEST_CALL_S = 10.0
_MARGIN_S = 0.2
"""What is left of the caller's deadline after a call: enough to say that the outcome is not known."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """Both sides are posted, by this transaction of the sending side."""

    transaction: str


class Lapsed:
    """The quote was not used, and never will be."""


class Coalition:
    """Exchanges of redemptions. `until` is of `time.monotonic()`."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def quote(self, redemption: Redemption, kind: PartnerTransfer, until: float) -> Quote:
        """What the exchange would do now.

        Raises:
            TransferRefused: there is nothing to quote, or it could not be executed now.
            OutcomeUnknown: ask again.
        """
        transfer = _of(redemption)
        wanted = res.Quote(
            source_account=redemption.account,
            receiver_id=kind.receiver.rpartition("/")[2],
            destination_account_id=transfer.destination,
            send=redemption.price,
        )
        request = pb.CreateQuoteRequest(
            parent=kind.sender,
            quote=wanted,
            request_id=redemption.ledger_request_id(transfer.step("quote")),
            lifetime_minutes=_LIFETIME_MINUTES,
        )
        try:
            answer = await self._call("CreateQuote", request, pb.CreateQuoteResponse, redemption, kind.sender, until)
        except RemoteError as refusal:
            if quote_verdict(refusal.remote_reason, refusal.remote_status) is Verdict.UNKNOWN:
                raise OutcomeUnknown from refusal
            raise _refused(refusal) from refusal
        made = answer.quote
        return Quote(made.name, made.debited_amount, made.received_amount)

    async def execute(self, redemption: Redemption, until: float) -> Exchanged | Lapsed:
        """Has the quote executed, or learns what became of that.

        Raises:
            InsufficientPoints, PointsLocked, TransferRefused: it is not, and never will be.
            OutcomeUnknown: ask again.
        """
        transfer = _of(redemption)
        request = pb.ExecuteExchangeRequest(
            quote=transfer.quote,
            request_id=redemption.ledger_request_id(transfer.step("exchange")),
            authorization_reference=redemption.id,
        )
        try:
            answer = await self._call(
                "ExecuteExchange", request, pb.ExecuteExchangeResponse, redemption, _sender(transfer), until
            )
        except RemoteError as refusal:
            alone = transfer.asked_once and not refusal.retried
            match execution_verdict(refusal.remote_reason, refusal.remote_status, alone=alone):
                case Verdict.REFUSED:
                    raise _refused(refusal) from refusal
                case Verdict.LAPSED:
                    return Lapsed()
                case Verdict.LOOK:
                    return await self._look(redemption, until)
                case Verdict.UNKNOWN:
                    raise OutcomeUnknown from refusal
        return Exchanged(answer.exchange.transaction)

    async def _look(self, redemption: Redemption, until: float) -> Exchanged:
        """What became of the exchange, whose request is no longer known. Where none is found nothing is known: a caller
        that may not see one is answered alike.

        Raises:
            TransferRefused: it came to nothing.
            OutcomeUnknown: it is under way, or not to be seen.
        """
        transfer = _of(redemption)
        request = pb.GetExchangeRequest(name=transfer.exchange)
        try:
            answer = await self._call(
                "GetExchange", request, pb.GetExchangeResponse, redemption, _sender(transfer), until
            )
        except RemoteError as refusal:
            raise OutcomeUnknown from refusal
        if answer.exchange.HasField("commit_time"):
            return Exchanged(answer.exchange.transaction)
        if answer.exchange.state == res.EXCHANGE_STATE_ABORTED:
            raise TransferRefused(exchange_reason=answer.exchange.abort_reason)
        raise OutcomeUnknown

    async def _call(
        self, rpc: str, request: Message, answer: type[Answer], redemption: Redemption, sender: str, until: float
    ) -> Answer:
        left = min(until - time.monotonic() - _MARGIN_S, _LONGEST_CALL_S)
        if left <= 0:
            raise OutcomeUnknown
        return await self._remote.call(
            rpc, request, answer, tenants=[sender, redemption.parent], act=redemption.actor, timeout_s=left
        )


def _of(redemption: Redemption) -> Transfer:
    assert redemption.transfer is not None, "it transfers points"
    return redemption.transfer


def _sender(transfer: Transfer) -> str:
    return transfer.quote.partition("/quotes/")[0]


def _refused(refusal: RemoteError) -> DomainError:
    numbers = refusal.remote_metadata
    match refusal.remote_reason:
        case "INSUFFICIENT_POINTS":
            return InsufficientPoints(**{name: numbers[name] for name in ("required", "available", "missing")})
        case "POINTS_LOCKED":
            return PointsLocked(**{name: numbers[name] for name in ("required", "available", "locked", "missing")})
        case reason:
            return TransferRefused(**{**numbers, "exchange_reason": reason or refusal.remote_status.name})
