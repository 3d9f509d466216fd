"""People, between the contract and the domain."""

from __future__ import annotations

from datetime import date

from google.type.date_pb2 import Date

from guerdon.recognition.v1 import organisations_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import parse
from recognition.domain.people import ActiveSpan, NewPerson, Person, person_name
from recognition.domain.profiles import TEAMS_MAX, Birthday, Profile
from recognition.domain.roles import Role
from recognition.domain.teams import team_name
from recognition.servicer.naming import PERSON, optional_person_id, person_id, team_id

PERSON_FIELDS = frozenset(
    {
        "birthday",
        "celebrations_opt_out",
        "country",
        "display_name",
        "identity",
        "leaderboards_opt_out",
        "manager",
        "role",
        "start_date",
        "teams",
        "user_name",
    }
)
"""What of a person may change."""

ROLES = {
    pb.ROLE_UNSPECIFIED: Role.GIVER,
    pb.ROLE_ADMIN: Role.ADMIN,
    pb.ROLE_MANAGER: Role.MANAGER,
    pb.ROLE_GIVER: Role.GIVER,
    pb.ROLE_RECEIVER_ONLY: Role.RECEIVER_ONLY,
    pb.ROLE_OBSERVER: Role.OBSERVER,
}
ROLE_NUMBERS = {role: number for number, role in ROLES.items()}


def read_person(message: pb.Person, organisation: str | None, field: str) -> NewPerson:
    """A person as asked for, of this organisation if one is given."""
    owner, person = parse(message.name, PERSON, f"{field}.name")
    if organisation is not None:
        person_id(message.name, organisation, f"{field}.name")
    if message.role not in ROLES:
        raise InvalidField.of(f"{field}.role", "must be a role")
    if len(message.teams) > TEAMS_MAX:
        raise InvalidField.of(f"{field}.teams", "must be at most 50")
    profile = Profile(
        display_name=message.display_name,
        identity=message.identity,
        role=ROLES[message.role],
        manager=optional_person_id(message.manager, owner, f"{field}.manager") or "",
        teams=tuple(team_id(name, owner, f"{field}.teams[{index}]") for index, name in enumerate(message.teams)),
        country=message.country,
        start_date=_day(message.start_date) if message.HasField("start_date") else None,
        birthday=_birthday(message.birthday, field) if message.HasField("birthday") else None,
        user_name=message.user_name,
        celebrations_opt_out=message.celebrations_opt_out,
        leaderboards_opt_out=message.leaderboards_opt_out,
    )
    return NewPerson(owner, person, profile)


def _day(message: Date) -> date:
    """A day; the first one there is for what is none, on which nobody began to work and which the domain refuses."""
    try:
        return date(message.year, message.month, message.day)
    except (ValueError, OverflowError):
        return date.min


def _birthday(message: Date, field: str) -> Birthday:
    if message.year:
        raise InvalidField.of(f"{field}.birthday.year", "must be 0: how old somebody is, is not kept")
    return Birthday(message.month, message.day)


def write_person(person: Person) -> pb.Person:
    """The contract's person."""
    profile = person.profile
    start, birthday = profile.start_date, profile.birthday
    return pb.Person(
        name=person.name,
        display_name=profile.display_name,
        identity=profile.identity,
        state=pb.PERSON_STATE_ACTIVE if person.active else pb.PERSON_STATE_DEACTIVATED,
        allowance_account=person.allowance_account,
        rewards_account=person.rewards_account,
        create_time=timestamp(person.create_time),
        role=ROLE_NUMBERS[profile.role],
        manager=person_name(person.organisation, profile.manager) if profile.manager else "",
        teams=[team_name(person.organisation, team) for team in profile.teams],
        country=profile.country,
        start_date=None if start is None else Date(year=start.year, month=start.month, day=start.day),
        birthday=None if birthday is None else Date(month=birthday.month, day=birthday.day),
        user_name=profile.user_name,
        celebrations_opt_out=profile.celebrations_opt_out,
        leaderboards_opt_out=profile.leaderboards_opt_out,
        active_spans=map(_write_span, person.spans),
    )


def _write_span(span: ActiveSpan) -> pb.ActiveSpan:
    end_time = None if span.end_time is None else timestamp(span.end_time)
    return pb.ActiveSpan(start_time=timestamp(span.start_time), end_time=end_time)
