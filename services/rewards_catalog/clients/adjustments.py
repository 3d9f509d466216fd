"""The ledger's adjustments, as goodwill needs them: posted at once, or proposed for another person to approve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import Message

from guerdon.ledger.v1 import adjustments_pb2 as adjustments
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.grpc import OutcomeUnknown, Remote, RemoteError
from guerdon_kit.grpc.messages import timestamp
from rewards_catalog.clients.endings import TAKEN, require_ended, unaffordable
from rewards_catalog.clients.ledger import Answer, call, require_decided, require_refused
from rewards_catalog.domain.support import Goodwill, GoodwillState

_SECOND_PERSON = {"SECOND_PERSON_REQUIRED", TAKEN}
"""Where it was ended, that was for this reason."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The ledger has not done it, by its reason; `second_person`: it takes one."""

    reason: str
    second_person: bool


class Adjustments:
    """Goodwill's side of the ledger. `until` is of `time.monotonic()`."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def give(self, goodwill: Goodwill, until: float) -> str | Refusal:
        """Posts the points, and answers the transaction's name.

        Raises:
            OutcomeUnknown: ask again.
        """
        request = pb.PostTransactionRequest(
            parent=goodwill.parent, transaction=_transaction(goodwill), request_id=_giving(goodwill)
        )
        answer = await self._ask(
            "PostTransaction", request, pb.PostTransactionResponse, goodwill, until, require_decided
        )
        return answer if isinstance(answer, Refusal) else answer.transaction

    async def end_giving(self, goodwill: Goodwill, until: float) -> None:
        """Sees to it that the points are never posted, also by a copy of `give` that is on its way.

        Raises:
            OutcomeUnknown: they may have been. Ask `give` again.
        """
        never = unaffordable(goodwill.program, goodwill.account, goodwill.unit)
        request = pb.PostTransactionRequest(parent=goodwill.parent, transaction=never, request_id=_giving(goodwill))
        try:
            await call(
                self._remote,
                "PostTransaction",
                request,
                pb.PostTransactionResponse,
                goodwill.parent,
                actor=goodwill.agent,
                until=until,
            )
        except RemoteError as refusal:
            require_ended(refusal.remote_reason)
        else:
            raise OutcomeUnknown

    async def propose(self, goodwill: Goodwill, until: float) -> str | Refusal:
        """Proposes the points, and answers the adjustment's name.

        Raises:
            OutcomeUnknown: ask again.
        """
        request = adjustments.ProposeAdjustmentRequest(
            parent=goodwill.parent, transaction=_transaction(goodwill), request_id=f"{goodwill.id}-propose"
        )
        answer = await self._ask("ProposeAdjustment", request, adjustments.ProposeAdjustmentResponse, goodwill, until)
        return answer if isinstance(answer, Refusal) else answer.adjustment.name

    async def became(self, goodwill: Goodwill, until: float) -> tuple[GoodwillState, str]:
        """What became of what was proposed, and the transaction's name once it was approved.

        Raises:
            OutcomeUnknown: ask again.
        """
        request = adjustments.GetAdjustmentRequest(name=goodwill.adjustment)
        answer = await self._ask("GetAdjustment", request, adjustments.GetAdjustmentResponse, goodwill, until)
        if isinstance(answer, Refusal):
            raise OutcomeUnknown
        match answer.adjustment.state:
            case adjustments.ADJUSTMENT_STATE_APPROVED:
                return GoodwillState.GIVEN, answer.adjustment.transaction.name
            case adjustments.ADJUSTMENT_STATE_REJECTED:
                return GoodwillState.REJECTED, ""
            case _:
                return GoodwillState.PROPOSED, ""

    async def _ask(
        self,
        rpc: str,
        request: Message,
        answer: type[Answer],
        goodwill: Goodwill,
        until: float,
        require: Callable[[RemoteError], None] = require_refused,
    ) -> Answer | Refusal:
        try:
            return await call(self._remote, rpc, request, answer, goodwill.parent, actor=goodwill.agent, until=until)
        except RemoteError as refusal:
            require(refusal)
            reason = refusal.remote_reason or refusal.remote_status.name
            return Refusal(reason, second_person=reason in _SECOND_PERSON)


def _giving(goodwill: Goodwill) -> str:
    return f"{goodwill.id}-give"


def _transaction(goodwill: Goodwill) -> res.Transaction:
    posting = res.Posting(
        source=f"{goodwill.parent}/accounts/adjustment.{goodwill.unit}",
        destination=goodwill.account,
        amount=goodwill.points,
    )
    if goodwill.expire_time is not None:
        posting.expire_time.CopyFrom(timestamp(goodwill.expire_time))
    return res.Transaction(kind=res.TRANSACTION_KIND_ADJUSTMENT, postings=[posting], memo=goodwill.case_name)
