"""Allowances and their plans: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import allowances_pb2 as pb
from guerdon.recognition.v1 import organisations_pb2 as org_pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.allowances import Allowance, Boost
from recognition.domain.disbursements import Disbursing, Order
from recognition.domain.people import person_name
from recognition.domain.periods import PeriodKind
from recognition.domain.plans import OVERRIDES_MAX, Override, Plan, Terms
from recognition.domain.teams import team_name
from recognition.operations.disbursing import Disbursements
from recognition.operations.granting import Granting
from recognition.operations.planning import Planning
from recognition.servicer.naming import ORGANISATION, acting, optional_team_id, receiver_ids, tell_replay
from recognition.servicer.people_messages import ROLE_NUMBERS, ROLES

_ALLOWANCE = "organisations/{organisation}/people/{person}/allowance"
_BOOST = "organisations/{organisation}/people/{person}/boost"
_PLAN = "organisations/{organisation}/allowancePlan"

_KINDS = {
    pb.PERIOD_KIND_WEEK: PeriodKind.WEEK,
    pb.PERIOD_KIND_MONTH: PeriodKind.MONTH,
    pb.PERIOD_KIND_QUARTER: PeriodKind.QUARTER,
}
_KIND_MESSAGES = {kind: message for message, kind in _KINDS.items()}


class AllowanceServicer:
    """`guerdon.recognition.v1.AllowanceService`."""

    service = pb.DESCRIPTOR.services_by_name["AllowanceService"]

    def __init__(self, granting: Granting, planning: Planning, disbursements: Disbursements) -> None:
        self._granting = granting
        self._planning = planning
        self._disbursements = disbursements

    async def set_allowance_plan(
        self, request: pb.SetAllowancePlanRequest, call: CallContext
    ) -> pb.SetAllowancePlanResponse:
        """Makes a plan."""
        (organisation,) = parse(request.plan.name, _PLAN, "plan.name")
        terms = read_terms(request.plan, organisation)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        standing, replayed = await self._planning.set_plan(fingerprint, organisation, terms, call.caller.actor)
        tell_replay(call, replayed)
        return pb.SetAllowancePlanResponse(current=write_plan(standing.current), next=write_plan(standing.next))

    async def get_allowance_plan(
        self, request: pb.GetAllowancePlanRequest, _call: CallContext
    ) -> pb.GetAllowancePlanResponse:
        """Reads the plans."""
        (organisation,) = parse(request.name, _PLAN)
        standing = await self._planning.plan(organisation)
        return pb.GetAllowancePlanResponse(current=write_plan(standing.current), next=write_plan(standing.next))

    async def set_boost(self, request: pb.SetBoostRequest, call: CallContext) -> pb.SetBoostResponse:
        """Sets what a person is granted besides."""
        organisation, person = parse(request.boost.name, _BOOST, "boost.name")
        asked = Boost(organisation, person, request.boost.amount, request.boost.reason)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        boost, replayed = await self._planning.set_boost(fingerprint, asked, call.caller.actor)
        tell_replay(call, replayed)
        return pb.SetBoostResponse(boost=write_boost(boost))

    async def get_boost(self, request: pb.GetBoostRequest, _call: CallContext) -> pb.GetBoostResponse:
        """Reads what a person is granted besides."""
        organisation, person = parse(request.name, _BOOST)
        return pb.GetBoostResponse(boost=write_boost(await self._planning.boost(organisation, person)))

    async def grant_boost(self, request: pb.GrantBoostRequest, call: CallContext) -> pb.GrantBoostResponse:
        """Grants a one-time boost."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        receivers = receiver_ids(request.receivers, organisation)
        order = Order(organisation, Disbursing.BOOST, "", receivers, request.amount, request.reason)
        fingerprint = Fingerprint.of(call, request, request.parent)
        transaction, replayed = await self._disbursements.disburse(fingerprint, order, acting(call.caller))
        tell_replay(call, replayed)
        return pb.GrantBoostResponse(transaction=transaction)

    async def grant_allowances(
        self, request: pb.GrantAllowancesRequest, call: CallContext
    ) -> pb.GrantAllowancesResponse:
        """Grants the current period."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        fingerprint = Fingerprint.of(call, request, request.parent)
        granted, replayed = await self._granting.grant(fingerprint, organisation, request.period)
        tell_replay(call, replayed)
        return pb.GrantAllowancesResponse(
            period=granted.period,
            granted_count=granted.granted,
            existing_count=granted.existing,
            expire_time=timestamp(granted.expire_time),
            short_count=granted.short,
        )

    async def get_allowance(self, request: pb.GetAllowanceRequest, call: CallContext) -> pb.GetAllowanceResponse:
        """Reads what a person has left to give."""
        organisation, person = parse(request.name, _ALLOWANCE)
        allowance = await self._granting.allowance(organisation, person, acting(call.caller))
        return pb.GetAllowanceResponse(allowance=write_allowance(allowance))


def read_terms(message: pb.AllowancePlan, organisation: str) -> Terms:
    """What a plan of this organisation says."""
    kind = _KINDS.get(message.period_kind)
    if kind is None:
        raise InvalidField.of("plan.period_kind", "must be a kind of period")
    if len(message.overrides) > OVERRIDES_MAX:
        raise InvalidField.of("plan.overrides", "must be at most 100")
    overrides = [
        _override(override, organisation, f"plan.overrides[{index}]")
        for index, override in enumerate(message.overrides)
    ]
    return Terms(kind, message.base_amount, tuple(overrides))


def _override(message: pb.AllowanceOverride, organisation: str, field: str) -> Override:
    if message.role not in ROLES:
        raise InvalidField.of(f"{field}.role", "must be a role")
    return Override(
        amount=message.amount,
        role=ROLES[message.role] if message.role else None,
        country=message.country,
        team=optional_team_id(message.team, organisation, f"{field}.team") or "",
    )


def write_plan(plan: Plan | None) -> pb.AllowancePlan | None:
    """The contract's plan."""
    if plan is None:
        return None
    organisation = f"organisations/{plan.organisation}"
    return pb.AllowancePlan(
        name=f"{organisation}/allowancePlan",
        period_kind=_KIND_MESSAGES[plan.terms.kind],
        base_amount=plan.terms.base_amount,
        overrides=[
            pb.AllowanceOverride(
                amount=override.amount,
                role=ROLE_NUMBERS[override.role] if override.role else org_pb.ROLE_UNSPECIFIED,
                country=override.country,
                team=team_name(plan.organisation, override.team) if override.team else "",
            )
            for override in plan.terms.overrides
        ],
        from_day=plan.from_day.isoformat(),
        create_time=timestamp(plan.create_time),
    )


def write_boost(boost: Boost) -> pb.Boost:
    """The contract's boost."""
    name = f"{person_name(boost.organisation, boost.person)}/boost"
    return pb.Boost(name=name, amount=boost.amount, reason=boost.reason)


def write_allowance(allowance: Allowance) -> pb.Allowance:
    """The contract's allowance."""
    period = allowance.period
    return pb.Allowance(
        name=f"{person_name(allowance.organisation, allowance.person)}/allowance",
        period=period.name if period else "",
        granted_amount=allowance.granted_amount,
        available_amount=allowance.available_amount,
        expire_time=timestamp(period.end_time) if period else None,
        expiring_amount=allowance.expiring_amount,
    )
