"""Membership's RPCs for services that give something for points: what is locked, and who stands for whom."""

from __future__ import annotations

from guerdon.membership.v1 import membership_pb2 as pb
from guerdon_kit.errors import NotFound
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import parse
from membership.operations.locking import Locking
from membership.operations.members import Members
from membership.operations.programs import Programs

ACCOUNT = "programs/{program}/accounts/{account}"


class LockingRpcs:
    """What `guerdon.membership.v1.MembershipService` tells of accounts."""

    def __init__(self, programs: Programs, locking: Locking, members: Members) -> None:
        self._programs = programs
        self._locking = locking
        self._members = members

    async def get_locked_points(
        self, request: pb.GetLockedPointsRequest, call: CallContext
    ) -> pb.GetLockedPointsResponse:
        """Tells what of an account is locked."""
        program_id, account_id = parse(request.account, ACCOUNT, "account")
        try:
            program = await self._programs.get(program_id)
        except NotFound:
            return pb.GetLockedPointsResponse()
        found = await self._locking.of(program, account_id, call.caller.actor)
        return pb.GetLockedPointsResponse(
            locked_points=found.points,
            account_version=found.account_version,
            valid_until=None if found.valid_until is None else timestamp(found.valid_until),
            next_unlock_time=None if found.next_unlock_time is None else timestamp(found.next_unlock_time),
        )

    async def get_surviving_account(
        self, request: pb.GetSurvivingAccountRequest, _call: CallContext
    ) -> pb.GetSurvivingAccountResponse:
        """Tells which account stands for one."""
        program_id, account_id = parse(request.account, ACCOUNT, "account")
        try:
            program = await self._programs.get(program_id)
        except NotFound:
            return pb.GetSurvivingAccountResponse(account=request.account)
        found = await self._members.surviving(program, account_id)
        return pb.GetSurvivingAccountResponse(account=f"{program.name}/accounts/{found}")
