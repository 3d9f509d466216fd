"""The rewards catalog, in membership's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from guerdon.rewards.v1 import rewards_pb2 as pb
from guerdon_kit.errors import Status
from guerdon_kit.grpc.client import OutcomeUnknown, Remote, RemoteError
from membership.domain.accounts import account_id
from membership.domain.gifts import Gift
from membership.domain.program import Program

Answer = TypeVar("Answer", bound=Message)

CATALOG = pb.DESCRIPTOR.services_by_name["RewardsService"]
_PASSING = {Status.UNAVAILABLE, Status.ABORTED, Status.PERMISSION_DENIED, Status.UNAUTHENTICATED, Status.INTERNAL}
"""What may be answered otherwise later: nothing is decided by it."""


@dataclass(frozen=True, slots=True)
class Given:
    """The id of the redemption by which a reward was given."""

    redemption: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The catalog refused, for a reason of its own, and always will."""

    reason: str


_REUSED = Refused("REQUEST_ID_REUSED")


class Catalog:
    """Calls the catalog with membership's own tokens, on behalf of whoever recorded the purchase.

    Every method raises OutcomeUnknown where the catalog did not answer, or says that it may answer otherwise later.
    """

    def __init__(self, remote: Remote, patience_s: float) -> None:
        """An answer is waited for that long at most: who asks asks again, and the catalog by then has it."""
        self._remote = remote
        self._patience_s = patience_s

    async def give(self, program: Program, gift: Gift) -> Given | Refused:
        """Has a reward given. One that was asked for before its member was merged is found by the name of then."""
        for member_id in dict.fromkeys((gift.member_id, gift.enrolled_as)):
            answer = await self._give(program, gift, member_id)
            if answer != _REUSED:
                return answer
        raise OutcomeUnknown  # it was given by another name, of somebody in between: people have to look

    async def _give(self, program: Program, gift: Gift, member_id: str) -> Given | Refused:
        request = pb.GrantRewardRequest(
            reward=f"{program.name}/rewards/{gift.reward}",
            account=f"{program.name}/accounts/{account_id(member_id)}",
            request_id=gift.request_id("give"),
        )
        try:
            answer = await self._call(program, gift, "GrantReward", request, pb.GrantRewardResponse)
        except RemoteError as refusal:
            return refused(refusal)
        return Given(answer.redemption.name.rpartition("/")[2])

    async def take_back(self, program: Program, gift: Gift) -> Refused | None:
        """Has a reward called off that was given; answers why not, or None."""
        request = pb.CancelRedemptionRequest(
            name=f"{program.name}/redemptions/{gift.redemption}", request_id=gift.request_id("take")
        )
        try:
            await self._call(program, gift, "CancelRedemption", request, pb.CancelRedemptionResponse)
        except RemoteError as refusal:
            return None if refusal.remote_reason == "ALREADY_CANCELLED" else refused(refusal)
        return None

    async def _call(self, program: Program, gift: Gift, rpc: str, request: Message, answer: type[Answer]) -> Answer:
        return await self._remote.call(
            rpc, request, answer, tenants=[program.name], act=gift.actor, timeout_s=self._patience_s
        )


def refused(refusal: RemoteError) -> Refused:
    """What a refusal means. One without a reason is not the catalog's own, as where it does not know the call yet; and
    one of a second try says nothing of the first, which may be under way.

    Raises:
        OutcomeUnknown: it may be answered otherwise later.
    """
    passing = refusal.remote_status in _PASSING or refusal.remote_reason in {"", "NOT_CANCELLABLE_YET"}
    if passing or refusal.retried:
        raise OutcomeUnknown from refusal
    return Refused(refusal.remote_reason)
