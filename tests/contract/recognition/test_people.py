"""What is known of people, who may do what, and who takes part again, through the whole way of a request."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date

from guerdon import InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import teams_pb2 as teams
from guerdon.type.v1.rational_pb2 import Rational
from tests.contract.recognition.world import Employer


async def make_team(employer: Employer, team: str) -> teams.Team:
    request = teams.CreateTeamRequest(
        team=teams.Team(name=f"{employer.name}/teams/{team}", display_name=team.title()), request_id=new_request_id()
    )
    return (await employer.admin.teams.CreateTeam(request)).team


async def change(employer: Employer, person: str, **fields: Any) -> orgs.Person:
    request = orgs.UpdatePersonRequest(
        person=orgs.Person(name=employer.person(person), **fields),
        update_mask=FieldMask(paths=list(fields)),
        request_id=new_request_id(),
    )
    return (await employer.admin.organisations.UpdatePerson(request)).person


async def test_a_person_is_read_as_they_were_made_and_changed(employer: Employer) -> None:
    team = await make_team(employer, "sales")
    person = employer.new_person("eve")
    person.role, person.manager, person.country = orgs.ROLE_MANAGER, employer.person("ann"), "GB"
    person.teams.append(team.name)
    person.start_date.CopyFrom(Date(year=2020, month=3, day=1))
    person.birthday.CopyFrom(Date(month=2, day=29))
    person.user_name = "Eve@example.com"
    await employer.admin.organisations.CreatePerson(orgs.CreatePersonRequest(person=person, request_id="eve"))
    read = await employer.read_person("eve")
    assert [span.HasField("end_time") for span in read.active_spans] == [False]
    for output_only in ("state", "allowance_account", "rewards_account", "create_time", "active_spans"):
        read.ClearField(output_only)
    assert read == person
    by_name = orgs.ListPeopleRequest(parent=employer.name, user_name="eve@EXAMPLE.com")
    assert [one.name for one in (await employer.admin.organisations.ListPeople(by_name)).people] == [person.name]
    in_team = orgs.ListPeopleRequest(parent=employer.name, team=team.name)
    assert [one.name for one in (await employer.admin.organisations.ListPeople(in_team)).people] == [person.name]
    changed = await change(employer, "eve", teams=[], country="US", celebrations_opt_out=True)
    assert (list(changed.teams), changed.country, changed.celebrations_opt_out) == ([], "US", True)
    assert (changed.role, changed.manager) == (orgs.ROLE_MANAGER, person.manager)


async def test_a_persons_fields_out_of_bounds_are_named(employer: Employer) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        await change(employer, "ann", country="gb", birthday=Date(month=2, day=30), start_date=Date(year=2020, month=3))
    fields = [violation.field for violation in refusal.value.violations]
    assert fields == ["person.country", "person.start_date", "person.birthday"]
    for unchangeable in ({"state": orgs.PERSON_STATE_ACTIVE}, {}):
        with pytest.raises(InvalidRequestError) as refusal:
            await change(employer, "ann", **unchangeable)
        assert [violation.field for violation in refusal.value.violations] == ["update_mask"]
    for missing in ({"manager": employer.person("nobody")}, {"teams": [f"{employer.name}/teams/none"]}):
        with pytest.raises(NotFoundError):
            await change(employer, "ann", **missing)


async def test_nobody_reports_to_themselves_near_or_far(employer: Employer) -> None:
    await change(employer, "ben", manager=employer.person("ann"))
    await change(employer, "cleo", manager=employer.person("ben"))
    for manager in ("ann", "ben", "cleo"):
        with pytest.raises(RefusedError) as refusal:
            await change(employer, "ann", manager=employer.person(manager))
        assert (refusal.value.reason, refusal.value.metadata) == ("MANAGER_CYCLE", {"person": employer.person("ann")})
    await change(employer, "ben", manager="")
    assert (await change(employer, "ann", manager=employer.person("cleo"))).manager == employer.person("cleo")


async def test_a_user_name_is_one_persons_whatever_its_case(employer: Employer) -> None:
    await change(employer, "ann", user_name="ann@example.com")
    with pytest.raises(RefusedError) as refusal:
        await change(employer, "ben", user_name="ANN@example.com")
    assert (refusal.value.reason, refusal.value.metadata) == ("USER_NAME_TAKEN", {"person": employer.person("ben")})
    imposter = employer.new_person("eve")
    imposter.user_name = "Ann@example.com"
    with pytest.raises(RefusedError) as refusal:
        await employer.admin.organisations.CreatePerson(orgs.CreatePersonRequest(person=imposter, request_id="eve"))
    assert refusal.value.reason == "USER_NAME_TAKEN"
    with pytest.raises(RefusedError) as refusal:
        await change(employer, "ben", identity=employer.new_person("ann").identity)
    assert refusal.value.reason == "IDENTITY_TAKEN"


@pytest.mark.parametrize(
    ("role", "gives", "receives"),
    [
        ("ROLE_ADMIN", True, True),
        ("ROLE_MANAGER", True, True),
        ("ROLE_GIVER", True, True),
        ("ROLE_RECEIVER_ONLY", False, True),
        ("ROLE_OBSERVER", False, False),
    ],
)
async def test_a_role_says_who_gives_and_who_receives(
    employer: Employer, role: orgs.Role, gives: bool, receives: bool
) -> None:
    await change(employer, "ben", role=role)
    for giver, receiver, allowed, reason in [
        ("ben", "ann", gives, "GIVING_NOT_ALLOWED"),
        ("ann", "ben", receives, "RECEIVING_NOT_ALLOWED"),
    ]:
        if allowed:
            await employer.give(giver, [receiver], 1)
            continue
        with pytest.raises(RefusedError) as refusal:
            await employer.give(giver, [receiver], 1)
        assert refusal.value.reason == reason
        assert refusal.value.metadata == {"person": employer.person("ben"), "role": str(role).removeprefix("ROLE_")}


async def test_who_comes_back_has_the_accounts_and_points_they_had(employer: Employer) -> None:
    await employer.give("ann", ["ben"], 30)
    before = await employer.read_person("ben")
    again = orgs.ReactivatePersonRequest(name=before.name, request_id="again")
    with pytest.raises(RefusedError) as refusal:
        await employer.admin.organisations.ReactivatePerson(again)
    assert refusal.value.reason == "PERSON_ACTIVE"
    await employer.admin.organisations.DeactivatePerson(
        orgs.DeactivatePersonRequest(name=before.name, request_id=new_request_id())
    )
    back = (await employer.admin.organisations.ReactivatePerson(again)).person
    repeated = employer.admin.organisations.ReactivatePerson(again)
    assert (await repeated).person == back
    assert await was_replayed(repeated)
    assert (back.state, back.rewards_account) == (orgs.PERSON_STATE_ACTIVE, before.rewards_account)
    assert [span.HasField("end_time") for span in back.active_spans] == [True, False]
    assert back.active_spans[0].start_time == before.create_time
    await employer.give("ann", ["ben"], 1)
    assert await employer.earned("ben") == 31


async def test_an_organisation_changes_but_for_its_unit_and_zone(employer: Employer) -> None:
    # Oracle: Assembly, $1 = 10 points: a point is 10 cents.
    value = orgs.CountryValue(
        country="US", currency_code="USD", minor_units_per_point=Rational(numerator=10, denominator=1)
    )
    request = orgs.UpdateOrganisationRequest(
        organisation=orgs.Organisation(name=employer.name, values=["#speed"], countries=[value]),
        update_mask=FieldMask(paths=["values", "countries"]),
        request_id="change",
    )
    changed = (await employer.admin.organisations.UpdateOrganisation(request)).organisation
    assert (list(changed.values), list(changed.countries)) == (["#speed"], [value])
    assert changed.display_name == "Employer"
    repeated = employer.admin.organisations.UpdateOrganisation(request)
    assert (await repeated).organisation == changed
    assert await was_replayed(repeated)
    for field in ("unit", "time_zone"):
        fixed = orgs.UpdateOrganisationRequest(
            organisation=request.organisation, update_mask=FieldMask(paths=[field]), request_id=new_request_id()
        )
        with pytest.raises(InvalidRequestError) as refusal:
            await employer.admin.organisations.UpdateOrganisation(fixed)
        assert [violation.field for violation in refusal.value.violations] == ["update_mask"]
    request.organisation.countries[0].minor_units_per_point.numerator = 0
    request.organisation.countries.append(value)
    request.request_id = "change-again"
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.admin.organisations.UpdateOrganisation(request)
    assert [violation.field for violation in refusal.value.violations] == [
        "organisation.countries[0].minor_units_per_point",
        "organisation.countries[1].country",
    ]


async def test_a_team_is_made_renamed_listed_and_dissolved(employer: Employer) -> None:
    sales = await make_team(employer, "sales")
    await make_team(employer, "care")
    with pytest.raises(RefusedError) as taken:
        await make_team(employer, "sales")
    assert taken.value.reason == "ALREADY_EXISTS"
    request = teams.UpdateTeamRequest(
        team=teams.Team(name=sales.name, display_name="Selling"),
        update_mask=FieldMask(paths=["display_name"]),
        request_id="rename",
    )
    assert (await employer.admin.teams.UpdateTeam(request)).team.display_name == "Selling"
    listing = teams.ListTeamsRequest(parent=employer.name, page_size=1)
    first = await employer.admin.teams.ListTeams(listing)
    listing.page_token = first.next_page_token
    second = await employer.admin.teams.ListTeams(listing)
    assert [team.display_name for team in [*first.teams, *second.teams]] == ["Care", "Selling"]
    assert second.next_page_token == ""
    await change(employer, "ann", teams=[sales.name])
    deletion = teams.DeleteTeamRequest(name=sales.name, request_id="dissolve")
    await employer.admin.teams.DeleteTeam(deletion)
    repeated = employer.admin.teams.DeleteTeam(deletion)
    await repeated
    assert await was_replayed(repeated)
    assert list((await employer.read_person("ann")).teams) == []
    with pytest.raises(NotFoundError):
        await change(employer, "ann", teams=[sales.name])
    with pytest.raises(RefusedError):
        await make_team(employer, "sales")
