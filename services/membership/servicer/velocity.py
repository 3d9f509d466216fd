"""Membership's RPCs about velocity, and about awards that are held for it."""

from __future__ import annotations

from guerdon.membership.v1 import purchase_pb2
from guerdon.membership.v1 import velocity_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from membership.domain.flags import FlagState
from membership.domain.program import Program
from membership.domain.velocity import Limit, Period, Subject, VelocityPolicy
from membership.operations.holds import Holds
from membership.operations.programs import Programs
from membership.operations.purchases import Purchases
from membership.operations.velocity import VelocityPolicies
from membership.servicer import writing
from membership.servicer.reading import PROGRAM, PURCHASE
from membership.servicer.writing import optional_timestamp, tell_replay

POLICY = "programs/{program}/velocityPolicy"


class VelocityRpcs:
    """What `guerdon.membership.v1.MembershipService` does against fraud."""

    def __init__(self, programs: Programs, policies: VelocityPolicies, holds: Holds, purchases: Purchases) -> None:
        self._programs = programs
        self._policies = policies
        self._holds = holds
        self._purchases = purchases

    async def set_velocity_policy(
        self, request: pb.SetVelocityPolicyRequest, call: CallContext
    ) -> pb.SetVelocityPolicyResponse:
        """Sets a program's velocity policy."""
        (program_id,) = parse(request.velocity_policy.name, POLICY, "velocity_policy.name")
        policy = _read(request.velocity_policy)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        tell_replay(call, await self._policies.set_policy(program, policy, fingerprint, call.caller.actor))
        return pb.SetVelocityPolicyResponse(velocity_policy=await self._policy(program))

    async def get_velocity_policy(
        self, request: pb.GetVelocityPolicyRequest, _call: CallContext
    ) -> pb.GetVelocityPolicyResponse:
        """Reads a program's velocity policy."""
        (program_id,) = parse(request.name, POLICY)
        program = await self._programs.get(program_id)
        return pb.GetVelocityPolicyResponse(velocity_policy=await self._policy(program))

    async def list_held_awards(
        self, request: pb.ListHeldAwardsRequest, _call: CallContext
    ) -> pb.ListHeldAwardsResponse:
        """Lists awards that are held."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        most, query = page_size(request.page_size), ("ListHeldAwards", request.parent)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        program = await self._programs.get(program_id)
        found = await self._holds.page(program, after, most + 1)  # one more tells whether there is a next page
        return pb.ListHeldAwardsResponse(
            purchases=[writing.purchase(program, one) for one in found[:most]],
            next_page_token=write_token(query, (found[most - 1].purchase_id,)) if len(found) > most else "",
        )

    async def release_award(self, request: pb.ReleaseAwardRequest, call: CallContext) -> pb.ReleaseAwardResponse:
        """Releases a held award."""
        return pb.ReleaseAwardResponse(purchase=await self._decide(request, FlagState.RELEASED, call))

    async def reject_award(self, request: pb.RejectAwardRequest, call: CallContext) -> pb.RejectAwardResponse:
        """Rejects a held award."""
        return pb.RejectAwardResponse(purchase=await self._decide(request, FlagState.REJECTED, call))

    async def _decide(
        self, request: pb.ReleaseAwardRequest | pb.RejectAwardRequest, state: FlagState, call: CallContext
    ) -> purchase_pb2.Purchase:
        program_id, purchase_id = parse(request.name, PURCHASE)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        actor, within_s = call.caller.actor, call.remaining_s()
        tell_replay(
            call, await self._holds.decide(program, purchase_id, state, request.reason, fingerprint, actor, within_s)
        )
        return writing.purchase(program, await self._purchases.get(program, purchase_id))

    async def _policy(self, program: Program) -> pb.VelocityPolicy:
        policy, create_time = await self._policies.get(program)
        return pb.VelocityPolicy(
            name=f"{program.name}/velocityPolicy",
            limits=[
                pb.VelocityLimit(
                    subject=pb.VelocityLimit.Subject.ValueType(one.subject),
                    period=pb.VelocityLimit.Period.ValueType(one.period),
                    max_purchases=one.max_purchases,
                    max_points=one.max_points,
                )
                for one in policy.limits
            ],
            hold_flagged=policy.hold_flagged,
            create_time=optional_timestamp(create_time),
        )


def _read(message: pb.VelocityPolicy) -> VelocityPolicy:
    limits = []
    for place, one in enumerate(message.limits):
        path = f"velocity_policy.limits[{place}]"
        if one.subject not in [*Subject]:
            raise InvalidField.of(f"{path}.subject", "must be a Subject")
        if one.period not in [*Period]:
            raise InvalidField.of(f"{path}.period", "must be a Period")
        limits.append(Limit(Subject(one.subject), Period(one.period), one.max_purchases, one.max_points))
    return VelocityPolicy(tuple(limits), message.hold_flagged)
