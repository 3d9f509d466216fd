"""Celebrations: proto in, operation, proto out."""

from __future__ import annotations

from google.type.date_pb2 import Date

from guerdon.recognition.v1 import celebrations_pb2 as pb
from guerdon.recognition.v1 import recognition_pb2
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.award_budgets import budget_name
from recognition.domain.celebrations import Celebration, LeapDay, Occasion, Policy
from recognition.domain.people import person_name
from recognition.domain.recognitions import Visibility
from recognition.operations.celebrating import Celebrations
from recognition.servicer.naming import ORGANISATION, acting, budget_id, optional_person_id, tell_replay
from recognition.servicer.payouts import write_payout

_POLICY = "organisations/{organisation}/celebrationPolicy"
_LEAP_DAYS = {
    pb.LEAP_DAY_UNSPECIFIED: LeapDay.FEBRUARY_28,
    pb.LEAP_DAY_FEBRUARY_28: LeapDay.FEBRUARY_28,
    pb.LEAP_DAY_MARCH_1: LeapDay.MARCH_1,
}
_LEAP_DAY_NUMBERS = {leap_day: number for number, leap_day in _LEAP_DAYS.items()}
_VISIBILITIES = {
    recognition_pb2.VISIBILITY_UNSPECIFIED: Visibility.PRIVATE,
    recognition_pb2.VISIBILITY_PRIVATE: Visibility.PRIVATE,
    recognition_pb2.VISIBILITY_PUBLIC: Visibility.PUBLIC,
}
_VISIBILITY_NUMBERS = {visibility: number for number, visibility in _VISIBILITIES.items()}
_OCCASIONS = {Occasion.ANNIVERSARY: pb.OCCASION_ANNIVERSARY, Occasion.BIRTHDAY: pb.OCCASION_BIRTHDAY}


class CelebrationServicer:
    """`guerdon.recognition.v1.CelebrationService`."""

    service = pb.DESCRIPTOR.services_by_name["CelebrationService"]

    def __init__(self, celebrations: Celebrations) -> None:
        self._celebrations = celebrations

    async def set_celebration_policy(
        self, request: pb.SetCelebrationPolicyRequest, call: CallContext
    ) -> pb.SetCelebrationPolicyResponse:
        """Says what is celebrated."""
        policy = read_policy(request.celebration_policy)
        fingerprint = Fingerprint.of(call, request, f"organisations/{policy.organisation}")
        made, replayed = await self._celebrations.set_policy(fingerprint, policy, acting(call.caller))
        tell_replay(call, replayed)
        return pb.SetCelebrationPolicyResponse(celebration_policy=write_policy(made))

    async def get_celebration_policy(
        self, request: pb.GetCelebrationPolicyRequest, _call: CallContext
    ) -> pb.GetCelebrationPolicyResponse:
        """Reads what is celebrated."""
        (organisation,) = parse(request.name, _POLICY)
        found = await self._celebrations.policy(organisation)
        return pb.GetCelebrationPolicyResponse(celebration_policy=write_policy(found))

    async def list_celebrations(
        self, request: pb.ListCelebrationsRequest, call: CallContext
    ) -> pb.ListCelebrationsResponse:
        """Lists celebrations."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        viewer = optional_person_id(request.viewer, organisation, "viewer")
        found, next_token = await self._celebrations.list_seen(
            organisation, viewer, request.page_size, request.page_token, acting(call.caller)
        )
        return pb.ListCelebrationsResponse(celebrations=map(write_celebration, found), next_page_token=next_token)


def read_policy(message: pb.CelebrationPolicy) -> Policy:
    """What is to be celebrated."""
    path = "celebration_policy"
    (organisation,) = parse(message.name, _POLICY, f"{path}.name")
    leap_day, visibility = _LEAP_DAYS.get(message.leap_day), _VISIBILITIES.get(message.visibility)
    if leap_day is None:
        raise InvalidField.of(f"{path}.leap_day", "must be FEBRUARY_28 or MARCH_1")
    if visibility is None:
        raise InvalidField.of(f"{path}.visibility", "must be PUBLIC or PRIVATE")
    return Policy(
        organisation=organisation,
        budget=budget_id(message.award_budget, organisation, f"{path}.award_budget"),
        anniversary_amounts=tuple((one.years, one.amount) for one in message.anniversary_amounts),
        other_anniversary_amount=message.other_anniversary_amount,
        birthday_amount=message.birthday_amount,
        leap_day=leap_day,
        catch_up_days=message.catch_up_days,
        visibility=visibility,
    )


def write_policy(policy: Policy) -> pb.CelebrationPolicy:
    """The contract's policy."""
    return pb.CelebrationPolicy(
        name=policy.name,
        award_budget=budget_name(policy.organisation, policy.budget),
        anniversary_amounts=[
            pb.AnniversaryAmount(years=years, amount=amount) for years, amount in policy.anniversary_amounts
        ],
        other_anniversary_amount=policy.other_anniversary_amount,
        birthday_amount=policy.birthday_amount,
        leap_day=_LEAP_DAY_NUMBERS[policy.leap_day],
        catch_up_days=policy.catch_up_days,
        visibility=_VISIBILITY_NUMBERS[policy.visibility],
    )


def write_celebration(celebration: Celebration) -> pb.Celebration:
    """The contract's celebration."""
    due = celebration.due
    return pb.Celebration(
        name=celebration.name,
        person=person_name(celebration.organisation, due.person),
        occasion=_OCCASIONS[due.occasion],
        years=due.years,
        day=Date(year=due.day.year, month=due.day.month, day=due.day.day),
        amount=celebration.amount,
        payout=write_payout(celebration.progress),
        create_time=timestamp(celebration.create_time),
    )
