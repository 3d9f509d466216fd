"""Membership's RPCs about paid membership."""

from __future__ import annotations

from guerdon.membership.v1 import plan_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from membership.domain.plans import Period, Plan, PlanTerms
from membership.domain.program import Program
from membership.operations.plan_periods import PlanPeriods
from membership.operations.plans import Plans, plan_name
from membership.operations.programs import Programs
from membership.servicer.reading import MEMBER, PROGRAM, amount_currency, require_currency
from membership.servicer.writing import cash, optional_timestamp, tell_replay

PLAN = "programs/{program}/plans/{plan}"
_NUMBER_MAX = 2**63 - 1


class PlanRpcs:
    """What `guerdon.membership.v1.MembershipService` does with plans."""

    def __init__(self, programs: Programs, plans: Plans, plan_periods: PlanPeriods) -> None:
        self._programs = programs
        self._plans = plans
        self._plan_periods = plan_periods

    async def create_plan(self, request: pb.CreatePlanRequest, call: CallContext) -> pb.CreatePlanResponse:
        """Makes a plan."""
        program, plan_id, terms = await self._asked_plan(request.plan)
        fingerprint = Fingerprint.of(call, request, program.name)
        tell_replay(call, await self._plans.create(program, plan_id, terms, fingerprint, call.caller.actor))
        return pb.CreatePlanResponse(plan=await self._plan(program, plan_id))

    async def update_plan(self, request: pb.UpdatePlanRequest, call: CallContext) -> pb.UpdatePlanResponse:
        """Changes a plan."""
        program, plan_id, terms = await self._asked_plan(request.plan)
        fingerprint = Fingerprint.of(call, request, program.name)
        tell_replay(call, await self._plans.update(program, plan_id, terms, fingerprint, call.caller.actor))
        return pb.UpdatePlanResponse(plan=await self._plan(program, plan_id))

    async def archive_plan(self, request: pb.ArchivePlanRequest, call: CallContext) -> pb.ArchivePlanResponse:
        """Archives a plan."""
        program_id, plan_id = parse(request.name, PLAN)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        tell_replay(call, await self._plans.archive(program, plan_id, fingerprint, call.caller.actor))
        return pb.ArchivePlanResponse(plan=await self._plan(program, plan_id))

    async def get_plan(self, request: pb.GetPlanRequest, _call: CallContext) -> pb.GetPlanResponse:
        """Reads a plan."""
        program_id, plan_id = parse(request.name, PLAN)
        return pb.GetPlanResponse(plan=await self._plan(await self._programs.get(program_id), plan_id))

    async def list_plans(self, request: pb.ListPlansRequest, _call: CallContext) -> pb.ListPlansResponse:
        """Lists plans."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        most, query = page_size(request.page_size), ("ListPlans", request.parent)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        program = await self._programs.get(program_id)
        found = await self._plans.page(program, after, most + 1)  # one more tells whether there is a next page
        return pb.ListPlansResponse(
            plans=[_write(program, one) for one in found[:most]],
            next_page_token=write_token(query, (found[most - 1].plan_id,)) if len(found) > most else "",
        )

    async def buy_plan(self, request: pb.BuyPlanRequest, call: CallContext) -> pb.BuyPlanResponse:
        """Tells that a plan was bought."""
        program_id, member_id = parse(request.member, MEMBER, "member")
        owner, plan_id = parse(request.plan, PLAN, "plan")
        if owner != program_id:
            raise InvalidField.of("plan", "must be a plan of the member's program")
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        period, replayed = await self._plan_periods.buy(program, member_id, plan_id, fingerprint, call.caller.actor)
        tell_replay(call, replayed)
        return pb.BuyPlanResponse(period=_write_period(program, period))

    async def use_plan(self, request: pb.UsePlanRequest, call: CallContext) -> pb.UsePlanResponse:
        """Tells that a benefit is used."""
        program_id, member_id = parse(request.member, MEMBER, "member")
        program = await self._programs.get(program_id)
        period, replayed = await self._plan_periods.use(program, member_id, Fingerprint.of(call, request, program.name))
        tell_replay(call, replayed)
        return pb.UsePlanResponse(period=_write_period(program, period))

    async def cancel_plan(self, request: pb.CancelPlanRequest, call: CallContext) -> pb.CancelPlanResponse:
        """Cancels what was not used."""
        program_id, member_id = parse(request.member, MEMBER, "member")
        program = await self._programs.get(program_id)
        periods, replayed = await self._plan_periods.cancel(
            program, member_id, Fingerprint.of(call, request, program.name)
        )
        tell_replay(call, replayed)
        return pb.CancelPlanResponse(
            periods=[_write_period(program, one) for one in periods],
            refund=cash(program, sum(one.price for one in periods)),
        )

    async def list_plan_periods(
        self, request: pb.ListPlanPeriodsRequest, _call: CallContext
    ) -> pb.ListPlanPeriodsResponse:
        """Lists what a member bought."""
        program_id, member_id = parse(request.parent, MEMBER, "parent")
        most, query = page_size(request.page_size), ("ListPlanPeriods", request.parent)
        before = int(read_token(request.page_token, query, (int,))[0]) if request.page_token else _NUMBER_MAX
        program = await self._programs.get(program_id)
        found = await self._plan_periods.page(program, member_id, before, most + 1)
        return pb.ListPlanPeriodsResponse(
            periods=[_write_period(program, one) for one in found[:most]],
            next_page_token=write_token(query, (found[most - 1].period_no,)) if len(found) > most else "",
        )

    async def _asked_plan(self, message: pb.Plan) -> tuple[Program, str, PlanTerms]:
        program_id, plan_id = parse(message.name, PLAN, "plan.name")
        currency = amount_currency(message.price, "plan.price")
        program = await self._programs.get(program_id)
        require_currency(program, currency)
        return program, plan_id, PlanTerms(message.display_name, message.months, message.price.minor_units)

    async def _plan(self, program: Program, plan_id: str) -> pb.Plan:
        return _write(program, await self._plans.get(program, plan_id))


def _write(program: Program, one: Plan) -> pb.Plan:
    return pb.Plan(
        name=plan_name(program, one.plan_id),
        display_name=one.terms.display_name,
        months=one.terms.months,
        price=cash(program, one.terms.price),
        archived=one.archived,
        create_time=timestamp(one.create_time),
        update_time=timestamp(one.update_time),
    )


def _write_period(program: Program, one: Period) -> pb.PlanPeriod:
    return pb.PlanPeriod(
        plan=plan_name(program, one.plan_id),
        start_time=timestamp(one.start_time),
        end_time=timestamp(one.end_time),
        price=cash(program, one.price),
        used=one.used,
        buy_time=timestamp(one.buy_time),
        cancel_time=optional_timestamp(one.cancel_time),
    )
