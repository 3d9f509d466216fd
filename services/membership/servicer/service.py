"""The contract's RPCs, each handed to the operation that keeps its promise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.membership.v1 import membership_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from membership.operations.activities import Activities
from membership.operations.activity_types import ActivityTypes
from membership.operations.campaigns import Campaigns
from membership.operations.claims import Claims
from membership.operations.consents import Consents
from membership.operations.endings import Endings
from membership.operations.gifts import Gifts
from membership.operations.holds import Holds
from membership.operations.imports import Chunk, Imports
from membership.operations.locking import Locking
from membership.operations.member_imports import MemberFiles
from membership.operations.members import Members
from membership.operations.merging import Merging
from membership.operations.offers import Offers
from membership.operations.one_time_consents import OneTimeConsents
from membership.operations.plan_periods import PlanPeriods
from membership.operations.plans import Plans
from membership.operations.profiles import Profiles
from membership.operations.programs import Programs
from membership.operations.purchase_events import PurchaseEvents
from membership.operations.purchases import Purchases
from membership.operations.referrals import Referrals
from membership.operations.replays import Replays
from membership.operations.returns import Returns
from membership.operations.rules import Rules
from membership.operations.segments import Segments
from membership.operations.velocity import VelocityPolicies
from membership.servicer import reading, writing
from membership.servicer.activities import ActivityRpcs
from membership.servicer.campaigns import CampaignRpcs
from membership.servicer.claims import ClaimRpcs
from membership.servicer.consents import ConsentRpcs
from membership.servicer.files import FileRpcs
from membership.servicer.gifts import GiftRpcs
from membership.servicer.locking import LockingRpcs
from membership.servicer.members import MemberRpcs
from membership.servicer.offers import OfferRpcs
from membership.servicer.plans import PlanRpcs
from membership.servicer.purchase_events import PurchaseEventRpcs
from membership.servicer.reading import MEMBER, PROGRAM, PURCHASE
from membership.servicer.referrals import ReferralRpcs
from membership.servicer.rules import RuleRpcs
from membership.servicer.segments import SegmentRpcs
from membership.servicer.simulations import SimulationRpcs
from membership.servicer.velocity import VelocityRpcs
from membership.servicer.writing import tell_replay


class MembershipServicer(
    MemberRpcs,
    FileRpcs,
    ClaimRpcs,
    ConsentRpcs,
    ActivityRpcs,
    ReferralRpcs,
    RuleRpcs,
    SimulationRpcs,
    CampaignRpcs,
    OfferRpcs,
    PlanRpcs,
    SegmentRpcs,
    VelocityRpcs,
    LockingRpcs,
    GiftRpcs,
    PurchaseEventRpcs,
):
    """`guerdon.membership.v1.MembershipService`."""

    service = pb.DESCRIPTOR.services_by_name["MembershipService"]

    def __init__(
        self,
        *,
        programs: Programs,
        members: Members,
        profiles: Profiles,
        endings: Endings,
        merges: Merging,
        files: MemberFiles,
        claims: Claims,
        consents: Consents,
        one_time_consents: OneTimeConsents,
        purchases: Purchases,
        returns: Returns,
        purchase_events: PurchaseEvents,
        imports: Imports,
        activity_types: ActivityTypes,
        activities: Activities,
        referrals: Referrals,
        rules: Rules,
        replays: Replays,
        campaigns: Campaigns,
        offers: Offers,
        plans: Plans,
        plan_periods: PlanPeriods,
        segments: Segments,
        velocity: VelocityPolicies,
        holds: Holds,
        locking: Locking,
        gifts: Gifts,
    ) -> None:
        MemberRpcs.__init__(self, programs, members, profiles, endings, merges, referrals)
        FileRpcs.__init__(self, programs, files)
        ClaimRpcs.__init__(self, programs, claims, purchases)
        ConsentRpcs.__init__(self, programs, consents, one_time_consents)
        ActivityRpcs.__init__(self, programs, activity_types, activities)
        ReferralRpcs.__init__(self, programs, referrals)
        RuleRpcs.__init__(self, programs, rules)
        SimulationRpcs.__init__(self, programs, replays)
        CampaignRpcs.__init__(self, programs, campaigns)
        OfferRpcs.__init__(self, programs, offers)
        PlanRpcs.__init__(self, programs, plans, plan_periods)
        SegmentRpcs.__init__(self, programs, segments)
        VelocityRpcs.__init__(self, programs, velocity, holds, purchases)
        LockingRpcs.__init__(self, programs, locking, members)
        GiftRpcs.__init__(self, programs, gifts)
        PurchaseEventRpcs.__init__(self, programs, purchase_events, purchases)
        self._returns = returns
        self._imports = imports

    async def create_program(self, request: pb.CreateProgramRequest, call: CallContext) -> pb.CreateProgramResponse:
        """Makes a program's settings."""
        settings = reading.settings(request.program)
        fingerprint = Fingerprint.of(call, request, f"programs/{settings.program_id}")
        made, replayed = await self._programs.create(settings, fingerprint, call.caller.actor)
        tell_replay(call, replayed)
        return pb.CreateProgramResponse(program=writing.program(made))

    async def get_program(self, request: pb.GetProgramRequest, _call: CallContext) -> pb.GetProgramResponse:
        """Reads a program's settings."""
        (program_id,) = parse(request.name, PROGRAM)
        return pb.GetProgramResponse(program=writing.program(await self._programs.get(program_id)))

    async def get_program_totals(
        self, request: pb.GetProgramTotalsRequest, _call: CallContext
    ) -> pb.GetProgramTotalsResponse:
        """Reads a program's totals."""
        (program_id,) = parse(request.name, PROGRAM)
        as_of = _optional(request.as_of_time, given=request.HasField("as_of_time"))
        return writing.totals(*await self._programs.totals(program_id, as_of))

    async def get_tier_progress(
        self, request: pb.GetTierProgressRequest, call: CallContext
    ) -> pb.GetTierProgressResponse:
        """Tells where a member stands."""
        program_id, member_id = parse(request.name, MEMBER)
        as_of = _optional(request.as_of_time, given=request.HasField("as_of_time"))
        program = await self._programs.get(program_id)
        standing = await self._members.get(program, member_id, as_of)
        balance = await self._members.balance(program, standing.member, call.caller.actor)
        locked = await self._locking.shown(program, standing.member.account_id, balance.available)
        return pb.GetTierProgressResponse(
            progress=writing.progress(program, standing),
            available_points=balance.available,
            next_expiring_points=balance.expiring[0][0] if balance.expiring else 0,
            next_expire_time=timestamp(balance.expiring[0][1]) if balance.expiring else None,
            expiring_points=[
                pb.ExpiringPoints(points=points, expire_time=timestamp(time)) for points, time in balance.expiring
            ],
            locked_points=locked.points,
            next_unlock_time=timestamp(locked.next_unlock_time) if locked.next_unlock_time and locked.points else None,
        )

    async def record_purchase(self, request: pb.RecordPurchaseRequest, call: CallContext) -> pb.RecordPurchaseResponse:
        """Records a purchase."""
        program_id, row = reading.purchase(request.purchase)
        currency = reading.amount_currency(request.purchase.amount, "purchase.amount")
        program = await self._programs.get(program_id)
        reading.require_currency(program, currency)
        fingerprint = Fingerprint.of(call, request, program.name)
        try:
            if not row.member_id:
                return await self._record_guest(program, row, fingerprint, call)
            purchase, already, replayed = await self._purchases.record(
                program, row, fingerprint, call.caller.actor, call.remaining_s()
            )
        except InvalidField as error:
            raise reading.in_purchase(error) from error
        tell_replay(call, replayed)
        return pb.RecordPurchaseResponse(purchase=writing.purchase(program, purchase), already_recorded=already)

    async def simulate_purchase(
        self, request: pb.SimulatePurchaseRequest, _call: CallContext
    ) -> pb.SimulatePurchaseResponse:
        """Tells what a purchase would earn."""
        program_id, row = reading.purchase(request.purchase)
        currency = reading.amount_currency(request.purchase.amount, "purchase.amount")
        program = await self._programs.get(program_id)
        reading.require_currency(program, currency)
        try:
            purchase = await self._purchases.simulate(program, row)
        except InvalidField as error:
            raise reading.in_purchase(error) from error
        return pb.SimulatePurchaseResponse(purchase=writing.purchase(program, purchase))

    async def get_purchase(self, request: pb.GetPurchaseRequest, _call: CallContext) -> pb.GetPurchaseResponse:
        """Reads a purchase."""
        program_id, purchase_id = parse(request.name, PURCHASE)
        program = await self._programs.get(program_id)
        return pb.GetPurchaseResponse(purchase=await self._purchase(program, purchase_id))

    async def record_return(self, request: pb.RecordReturnRequest, call: CallContext) -> pb.RecordReturnResponse:
        """Records a return."""
        program_id, asked = reading.goods_return(request.goods_return)
        program = await self._programs.get(program_id)
        if request.goods_return.HasField("amount"):
            currency = reading.amount_currency(request.goods_return.amount, "goods_return.amount")
            reading.require_currency(program, currency)
        fingerprint = Fingerprint.of(call, request, program.name)
        goods_return, purchase, already, replayed = await self._returns.record(
            program, asked, fingerprint, call.caller.actor, call.remaining_s()
        )
        tell_replay(call, replayed)
        return pb.RecordReturnResponse(
            goods_return=writing.goods_return(program, goods_return, purchase), already_recorded=already
        )

    async def import_purchases(
        self, requests: AsyncIterator[pb.ImportPurchasesRequest], call: CallContext
    ) -> AsyncIterator[pb.ImportPurchasesResponse]:
        """Imports purchases, chunk by chunk."""
        async with aclosing(self._imports.run(self._chunks(requests, call))) as answers:
            async for imported in answers:
                yield writing.imported(imported)

    async def _chunks(
        self, requests: AsyncIterator[pb.ImportPurchasesRequest], call: CallContext
    ) -> AsyncIterator[Chunk]:
        parent = ""
        async for request in requests:
            if parent and request.parent != parent:
                raise InvalidField.of("parent", "must be the same in every message of a stream")
            parent = request.parent
            (program_id,) = parse(parent, PROGRAM, "parent")
            program = await self._programs.get(program_id)
            reading.require_currency(program, request.currency_code)
            yield Chunk(
                program=program,
                request_id=request.request_id,
                fingerprint=Fingerprint.of(call, request, program.name),
                first_row=request.first_row,
                rows=reading.rows(request),
                enroll_unknown=request.enroll_unknown_members,
                actor=call.caller.actor,
            )


def _optional(message: Timestamp, *, given: bool) -> datetime | None:
    return reading.moment(message, "as_of_time") if given else None
