"""Membership, in the catalog's words: which points do not become cash."""

from __future__ import annotations

from datetime import UTC

from guerdon.membership.v1 import membership_pb2 as pb
from guerdon_kit.grpc import OutcomeUnknown, Remote, RemoteError
from guerdon_kit.names import tenant_of
from rewards_catalog.clients.ledger import call
from rewards_catalog.domain.locked import Locked

MEMBERSHIP = pb.DESCRIPTOR.services_by_name["MembershipService"]


class Membership:
    """Asks membership, if there is one: without it nothing is locked. `until` is of `time.monotonic()`."""

    def __init__(self, remote: Remote | None) -> None:
        self._remote = remote

    async def locked(self, account: str, actor: str, until: float) -> Locked | None:
        """What is locked of the account; None where nothing is, whatever comes in.

        Raises:
            OutcomeUnknown: membership did not tell.
        """
        if self._remote is None:
            return None
        request = pb.GetLockedPointsRequest(account=account)
        try:
            answer = await call(
                self._remote,
                "GetLockedPoints",
                request,
                pb.GetLockedPointsResponse,
                tenant_of(account),
                actor=actor,
                until=until,
            )
        except RemoteError as refusal:  # of us, and not of the account: it tells nothing about what is locked
            raise OutcomeUnknown from refusal
        if not answer.HasField("account_version"):
            return None
        valid_until = answer.valid_until.ToDatetime(tzinfo=UTC) if answer.HasField("valid_until") else None
        return Locked(answer.locked_points, answer.account_version, valid_until)
