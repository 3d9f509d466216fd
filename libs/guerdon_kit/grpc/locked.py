"""Asking membership what is locked, and handing it on to the ledger: for services that give cash for points, and may
take it back from whoever stands for the member by then.
"""

from __future__ import annotations

import time
from datetime import UTC

from guerdon.ledger.v1 import resources_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon_kit.grpc.client import Answer, OutcomeUnknown, Remote, RemoteError
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.locked import Locked
from guerdon_kit.names import tenant_of

MEMBERSHIP = pb.DESCRIPTOR.services_by_name["MembershipService"]
LOOK_AGAIN = "BALANCE_CHANGED"
"""The ledger's reason where the account has changed since it was found what is locked. As versions only rise, nothing
will ever be done that was asked with that.
"""
_LONGEST_CALL_S = 10.0
# What is left of the caller's deadline after a call: enough to say that the outcome is not known.
_MARGIN_S = 0.2


class LockedPoints:
    """Asks membership, if there is one: without it nothing is locked."""

    def __init__(self, remote: Remote | None) -> None:
        self._remote = remote

    async def of(self, account: str, actor: str, until: float) -> Locked | None:
        """What is locked of an account, given by its name; None where nothing is, whatever comes in. `until` is of
        `time.monotonic()`.

        Raises:
            OutcomeUnknown: membership did not tell.
        """
        if self._remote is None:
            return None
        request = pb.GetLockedPointsRequest(account=account)
        answer = await self._ask("GetLockedPoints", request, pb.GetLockedPointsResponse, actor, until)
        if not answer.HasField("account_version"):
            return None
        valid_until = answer.valid_until.ToDatetime(tzinfo=UTC) if answer.HasField("valid_until") else None
        return Locked(answer.locked_points, answer.account_version, valid_until)

    async def surviving(self, account: str, actor: str, until: float) -> str:
        """The name of the account that stands for an account by now, likewise; the same where nobody was merged."""
        if self._remote is None:
            return account
        request = pb.GetSurvivingAccountRequest(account=account)
        return (await self._ask("GetSurvivingAccount", request, pb.GetSurvivingAccountResponse, actor, until)).account

    async def _ask(
        self,
        rpc: str,
        request: pb.GetLockedPointsRequest | pb.GetSurvivingAccountRequest,
        answer: type[Answer],
        actor: str,
        until: float,
    ) -> Answer:
        assert self._remote is not None, "there is a membership to ask"
        left = min(until - time.monotonic() - _MARGIN_S, _LONGEST_CALL_S)
        if left <= 0:
            raise OutcomeUnknown
        tenants = [tenant_of(request.account)]
        try:
            return await self._remote.call(rpc, request, answer, tenants=tenants, act=actor, timeout_s=left)
        except RemoteError as refusal:  # of us, and not of the account: it tells nothing about that
            raise OutcomeUnknown from refusal


def write_locked(locked: Locked | None) -> resources_pb2.Locked | None:
    """What is locked, for the ledger."""
    if locked is None:
        return None
    until = None if locked.valid_until is None else timestamp(locked.valid_until)
    return resources_pb2.Locked(amount=locked.points, account_version=locked.account_version, valid_until=until)
