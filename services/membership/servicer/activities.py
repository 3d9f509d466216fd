"""Membership's RPCs about activities and their types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration

from guerdon.membership.v1 import activity_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from membership.domain.activities import Activity, ActivityTerms, ActivityType, Asked, Occasion, Withheld, explain
from membership.domain.ids import check_id
from membership.domain.moments import from_microseconds, to_microseconds
from membership.domain.program import Program
from membership.domain.purchases import State
from membership.operations.activities import Activities
from membership.operations.activity_types import ActivityTypes, type_name
from membership.operations.programs import Programs
from membership.servicer.policies import read_expiry, write_expiry
from membership.servicer.reading import MEMBER, PROGRAM, moment
from membership.servicer.writing import optional_timestamp, tell_replay

ACTIVITY_TYPE = "programs/{program}/activityTypes/{activity_type}"
ACTIVITY = "programs/{program}/activities/{activity}"

_OCCASIONS = {
    pb.OCCASION_UNSPECIFIED: None,
    pb.OCCASION_BIRTHDAY: Occasion.BIRTHDAY,
    pb.OCCASION_ENROLLMENT_ANNIVERSARY: Occasion.ENROLLMENT_ANNIVERSARY,
}
_OCCASIONS_TOLD = {occasion: told for told, occasion in _OCCASIONS.items()}
_WITHHELD = {
    Withheld.DAY_CAP: pb.Activity.WITHHELD_DAY_CAP,
    Withheld.WEEK_CAP: pb.Activity.WITHHELD_WEEK_CAP,
    Withheld.MONTH_CAP: pb.Activity.WITHHELD_MONTH_CAP,
    Withheld.TOTAL_CAP: pb.Activity.WITHHELD_TOTAL_CAP,
    Withheld.COOLDOWN: pb.Activity.WITHHELD_COOLDOWN,
}
_STATES = {
    None: pb.Activity.STATE_WITHHELD,
    State.PENDING: pb.Activity.STATE_PENDING,
    State.POSTED: pb.Activity.STATE_POSTED,
    State.LAPSED: pb.Activity.STATE_LAPSED,
}
_FIELDS = {"expiry_policy": "expiry"} | {
    name: name for name in ("display_name", "points", "day_cap", "week_cap", "month_cap", "total_cap", "cooldown")
}
"""What an update may change, as the contract and the domain call it."""
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class ActivityRpcs:
    """What `guerdon.membership.v1.MembershipService` does with activities."""

    def __init__(self, programs: Programs, activity_types: ActivityTypes, activities: Activities) -> None:
        self._programs = programs
        self._activity_types = activity_types
        self._activities = activities

    async def create_activity_type(
        self, request: pb.CreateActivityTypeRequest, call: CallContext
    ) -> pb.CreateActivityTypeResponse:
        """Makes a type."""
        one = request.activity_type
        program_id, type_id = parse(one.name, ACTIVITY_TYPE, "activity_type.name")
        check_id(type_id, "activity_type.name")
        if one.occasion not in _OCCASIONS:
            raise InvalidField.of("activity_type.occasion", "must be an occasion")
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        replayed = await self._activity_types.create(
            program, type_id, _terms(one), _OCCASIONS[one.occasion], fingerprint, call.caller.actor
        )
        tell_replay(call, replayed)
        made = await self._activity_types.get(program, type_id)
        return pb.CreateActivityTypeResponse(activity_type=_activity_type(program, made))

    async def update_activity_type(
        self, request: pb.UpdateActivityTypeRequest, call: CallContext
    ) -> pb.UpdateActivityTypeResponse:
        """Makes the next version of a type."""
        program_id, type_id = parse(request.activity_type.name, ACTIVITY_TYPE, "activity_type.name")
        paths = frozenset(request.update_mask.paths)
        if not paths or not paths <= _FIELDS.keys():
            raise InvalidField.of("update_mask", f"must be some of {', '.join(sorted(_FIELDS))}")
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        names = frozenset(_FIELDS[path] for path in paths)
        replayed = await self._activity_types.update(
            program, type_id, _terms(request.activity_type), names, fingerprint, call.caller.actor
        )
        tell_replay(call, replayed)
        changed = await self._activity_types.get(program, type_id)
        return pb.UpdateActivityTypeResponse(activity_type=_activity_type(program, changed))

    async def get_activity_type(
        self, request: pb.GetActivityTypeRequest, _call: CallContext
    ) -> pb.GetActivityTypeResponse:
        """Reads a type."""
        program_id, type_id = parse(request.name, ACTIVITY_TYPE)
        program = await self._programs.get(program_id)
        found = await self._activity_types.get(program, type_id)
        return pb.GetActivityTypeResponse(activity_type=_activity_type(program, found))

    async def list_activity_types(
        self, request: pb.ListActivityTypesRequest, _call: CallContext
    ) -> pb.ListActivityTypesResponse:
        """Lists types."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        most, query = page_size(request.page_size), ("ListActivityTypes", request.parent)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        program = await self._programs.get(program_id)
        found = await self._activity_types.page(program, after, most + 1)  # one more tells whether there is a next page
        return pb.ListActivityTypesResponse(
            activity_types=[_activity_type(program, one) for one in found[:most]],
            next_page_token=write_token(query, (found[most - 1].type_id,)) if len(found) > most else "",
        )

    async def archive_activity_type(
        self, request: pb.ArchiveActivityTypeRequest, call: CallContext
    ) -> pb.ArchiveActivityTypeResponse:
        """Archives a type."""
        program_id, type_id = parse(request.name, ACTIVITY_TYPE)
        program = await self._programs.get(program_id)
        replayed = await self._activity_types.archive(program, type_id, Fingerprint.of(call, request, program.name))
        tell_replay(call, replayed)
        archived = await self._activity_types.get(program, type_id)
        return pb.ArchiveActivityTypeResponse(activity_type=_activity_type(program, archived))

    async def record_activity(self, request: pb.RecordActivityRequest, call: CallContext) -> pb.RecordActivityResponse:
        """Records an activity."""
        program_id, asked = _asked(request.activity)
        program = await self._programs.get(program_id)
        recorded, already, replayed = await self._activities.record(
            program, asked, Fingerprint.of(call, request, program.name), call.caller.actor, call.remaining_s()
        )
        tell_replay(call, replayed)
        return pb.RecordActivityResponse(activity=_activity(program, recorded), already_recorded=already)

    async def simulate_activity(
        self, request: pb.SimulateActivityRequest, _call: CallContext
    ) -> pb.SimulateActivityResponse:
        """Answers what recording would."""
        program_id, asked = _asked(request.activity)
        program = await self._programs.get(program_id)
        judged, already = await self._activities.simulate(program, asked)
        return pb.SimulateActivityResponse(activity=_activity(program, judged), already_recorded=already)

    async def list_activities(self, request: pb.ListActivitiesRequest, _call: CallContext) -> pb.ListActivitiesResponse:
        """Lists a member's activities."""
        program_id, member_id = parse(request.parent, MEMBER, "parent")
        most, query = page_size(request.page_size), ("ListActivities", request.parent)
        before_time, before_id = _LATEST, ""
        if request.page_token:
            moment_us, last_id = read_token(request.page_token, query, (int, str))
            before_time, before_id = _moment(int(moment_us)), str(last_id)
        program = await self._programs.get(program_id)
        found = await self._activities.page(program, member_id, before_time, before_id, most + 1)
        token = ""
        if len(found) > most:
            last = found[most - 1].asked
            token = write_token(query, (to_microseconds(last.event_time), last.activity_id))
        return pb.ListActivitiesResponse(
            activities=[_activity(program, one) for one in found[:most]], next_page_token=token
        )


def _moment(moment_us: int) -> datetime:
    """A time from a page token, which a caller can write whatever into."""
    return from_microseconds(moment_us) if 0 <= moment_us <= to_microseconds(_LATEST) else _LATEST


def _terms(message: pb.ActivityType) -> ActivityTerms:
    return ActivityTerms(
        display_name=message.display_name,
        points=message.points,
        day_cap=message.day_cap or None,
        week_cap=message.week_cap or None,
        month_cap=message.month_cap or None,
        total_cap=message.total_cap or None,
        cooldown=_cooldown(message.cooldown) if message.HasField("cooldown") else None,
        expiry=read_expiry(message.expiry_policy, "activity_type.expiry_policy")
        if message.HasField("expiry_policy")
        else None,
    )


def _cooldown(message: Duration) -> timedelta:
    if message.nanos or not 0 <= message.seconds <= 10**9:
        raise InvalidField.of("activity_type.cooldown", "must be whole seconds, between 1 second and 366 days")
    return timedelta(seconds=message.seconds)


def _asked(message: pb.Activity) -> tuple[str, Asked]:
    """An activity's program, and the activity.

    Raises:
        InvalidField: a name or the time is malformed, or names another program.
    """
    program_id, activity_id = parse(message.name, ACTIVITY, "activity.name")
    check_id(activity_id, "activity.name")
    owner, member_id = parse(message.member, MEMBER, "activity.member")
    if owner != program_id:
        raise InvalidField.of("activity.member", "must be a member of the activity's program")
    type_owner, type_id = parse(message.activity_type, ACTIVITY_TYPE, "activity.activity_type")
    if type_owner != program_id:
        raise InvalidField.of("activity.activity_type", "must be a type of the activity's program")
    event_time = moment(message.event_time, "activity.event_time")
    return program_id, Asked(activity_id, member_id, type_id, event_time, dict(message.attributes))


def _activity_type(program: Program, one: ActivityType) -> pb.ActivityType:
    terms = one.terms
    made = pb.ActivityType(
        name=type_name(program, one.type_id),
        display_name=terms.display_name,
        points=terms.points,
        day_cap=terms.day_cap or 0,
        week_cap=terms.week_cap or 0,
        month_cap=terms.month_cap or 0,
        total_cap=terms.total_cap or 0,
        expiry_policy=None if terms.expiry is None else write_expiry(terms.expiry),
        occasion=_OCCASIONS_TOLD[one.occasion],
        version=one.version,
        archived=one.archived,
        create_time=timestamp(one.create_time),
        update_time=timestamp(one.update_time),
    )
    if terms.cooldown is not None:
        made.cooldown.FromTimedelta(terms.cooldown)
    return made


def _activity(program: Program, one: Activity) -> pb.Activity:
    asked, judgement = one.asked, one.judgement
    return pb.Activity(
        name=f"{program.name}/activities/{asked.activity_id}",
        member=f"{program.name}/members/{asked.member_id}",
        activity_type=type_name(program, asked.type_id),
        event_time=timestamp(asked.event_time),
        attributes=asked.attributes,
        state=_STATES[one.state],
        points=judgement.points,
        withheld=_WITHHELD[judgement.withheld] if judgement.withheld else pb.Activity.WITHHELD_UNSPECIFIED,
        again_time=optional_timestamp(judgement.again_time),
        explanation=explain(one.terms, judgement),
        activity_type_version=one.version,
        expire_time=optional_timestamp(one.expire_time),
        record_time=timestamp(one.record_time),
    )
