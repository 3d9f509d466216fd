"""What a message says by itself, who sees what is said to a team, and what a preview tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from guerdon import InvalidRequestError, NotFoundError, RefusedError, new_request_id
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon.recognition.v1 import teams_pb2 as teams
from tests.contract.recognition.test_changes import add, edit
from tests.contract.recognition.world import Employer


async def test_whom_the_message_mentions_receives_where_no_receiver_is_named(employer: Employer) -> None:
    request = employer.thanks("ann", [], 10, message="Thanks @ben and @cleo, from @ann. #Teamwork!")
    given = (await employer.admin.recognition.CreateRecognition(request)).recognition
    assert list(given.receivers) == [employer.person("ben"), employer.person("cleo")]
    assert list(given.mentions) == [employer.person(one) for one in ("ben", "cleo", "ann")]
    assert list(given.values) == ["#teamwork"]
    mere = employer.thanks("ann", ["dan"], 10, message="With @ben", values=["#care"])
    other = (await employer.admin.recognition.CreateRecognition(mere)).recognition
    assert (list(other.receivers), list(other.mentions)) == ([employer.person("dan")], [employer.person("ben")])
    edited, _ = await edit(employer, other, "message", message="With @cleo #teamwork")
    assert (list(edited.mentions), list(edited.values)) == ([employer.person("cleo")], ["#care", "#teamwork"])
    assert await employer.left("ann") == 170


async def test_a_mention_of_nobody_is_refused_with_its_position(employer: Employer) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.admin.recognition.CreateRecognition(employer.thanks("ann", [], 10, message="Thanks @nobody"))
    [violation] = refusal.value.violations
    assert violation.field == "recognition.message"
    assert violation.description == "mentions @nobody at character 7, who is nobody here"


async def test_what_is_too_long_for_a_message_is_refused_unread(employer: Employer) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.admin.recognition.CreateRecognition(
            employer.thanks("ann", ["ben"], 10, message="@nobody " * 300)
        )
    assert [one.description for one in refusal.value.violations] == ["must be at most 2,000 characters"]
    crowded = employer.thanks("ann", ["ben"], 10)
    crowded.recognition.teams.extend(f"{employer.name}/teams/t{number}" for number in range(11))
    with pytest.raises(InvalidRequestError) as refusal:
        await employer.admin.recognition.CreateRecognition(crowded)
    assert [one.field for one in refusal.value.violations] == ["recognition.teams"]


async def test_what_is_said_to_a_team_its_members_see(employer: Employer) -> None:
    await _team(employer, "sales", "ben", "dan")
    await _team(employer, "crew", "cleo")
    to_theirs = await _give_to_team(employer, ["ben"])
    to_crew = await _give_to_team(employer, ["ben"], "crew")
    assert list(to_theirs.teams) == [f"{employer.name}/teams/sales"]
    for person, seen in [
        ("ann", [to_crew, to_theirs]),
        ("ben", [to_crew, to_theirs]),
        ("dan", [to_theirs]),
        ("cleo", [to_crew]),
        ("stranger", []),
    ]:
        client = employer.own_client(person)
        assert list((await employer.feed(client)).recognitions) == seen
        for one in (to_theirs, to_crew):
            request = recs.GetRecognitionRequest(name=one.name)
            if one in seen:
                assert (await client.recognition.GetRecognition(request)).recognition == one
            else:
                with pytest.raises(NotFoundError):
                    await client.recognition.GetRecognition(request)
    await add(employer, to_theirs, "dan", 1)
    with pytest.raises(NotFoundError):
        await add(employer, to_crew, "dan", 1)
    with pytest.raises(InvalidRequestError) as refusal:
        await _give_to_team(employer, ["ann"], giver="ben")
    assert [one.field for one in refusal.value.violations] == ["recognition.visibility"]
    with pytest.raises(NotFoundError):
        await _give_to_team(employer, ["ben"], "none")


async def test_the_feed_is_filtered_by_team_side_and_time(employer: Employer) -> None:
    await _team(employer, "sales", "ben")
    first = await employer.give("ann", ["ben"], 1)
    second = await employer.give("ben", ["ann", "cleo"], 2)
    third = await employer.give("ann", ["cleo"], 3)

    async def names(**filters: str) -> list[str]:
        fields = {key: f"{employer.name}/{value}" for key, value in filters.items()}
        request = recs.ListRecognitionsRequest(parent=employer.name, **fields)  # type: ignore[arg-type]  # names only
        return [one.name for one in (await employer.admin.recognition.ListRecognitions(request)).recognitions]

    assert await names(team="teams/sales") == [first.name]
    assert await names(giver="people/ann") == [third.name, first.name]
    assert await names(receiver="people/cleo") == [third.name, second.name]
    assert await names(giver="people/ann", receiver="people/cleo") == [third.name]
    assert await names(person="people/ann", team="teams/sales") == [first.name]
    request = recs.ListRecognitionsRequest(parent=employer.name, start_time=second.create_time)
    request.end_time.CopyFrom(third.create_time)
    found = (await employer.admin.recognition.ListRecognitions(request)).recognitions
    assert [one.name for one in found] == [second.name]
    request.end_time.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    assert len((await employer.admin.recognition.ListRecognitions(request)).recognitions) == 2
    with pytest.raises(InvalidRequestError):
        await names(person="people/ann", giver="people/ann")


async def test_a_preview_is_what_giving_then_comes_to(employer: Employer) -> None:
    request = employer.thanks("ann", [], 30, message="Thanks @ben @cleo #care")
    preview = await _preview(employer, request)
    assert await employer.left("ann") == 200
    assert not (await employer.feed()).recognitions
    assert (preview.total_amount, preview.available_amount, preview.remaining_amount) == (60, 200, 140)
    given = (await employer.admin.recognition.CreateRecognition(request)).recognition
    assert (given.giver, given.receivers, given.values) == (
        preview.recognition.giver,
        preview.recognition.receivers,
        preview.recognition.values,
    )
    assert await employer.left("ann") == preview.remaining_amount
    assert not preview.refusals


async def test_a_preview_tells_what_giving_then_refuses(employer: Employer) -> None:
    await employer.admin.organisations.DeactivatePerson(
        orgs.DeactivatePersonRequest(name=employer.person("dan"), request_id=new_request_id())
    )
    for receivers, amount, reasons in [
        (["ben"], 201, ["INSUFFICIENT_ALLOWANCE"]),
        (["ann"], 1, ["SELF_GIVING"]),
        (["ben", "dan"], 150, ["PERSON_DEACTIVATED", "INSUFFICIENT_ALLOWANCE"]),
        (["nobody"], 1, ["NOT_FOUND"]),
    ]:
        request = employer.thanks("ann", receivers, amount)
        refusals = (await _preview(employer, request)).refusals
        assert [one.reason for one in refusals] == reasons
        with pytest.raises((RefusedError, NotFoundError)) as refusal:
            await employer.admin.recognition.CreateRecognition(request)
        assert (refusal.value.reason, refusal.value.metadata) == (refusals[0].reason, dict(refusals[0].metadata))
    with pytest.raises(InvalidRequestError):
        await _preview(employer, employer.thanks("ann", ["ben"], 0))


async def test_what_was_said_to_teams_can_be_hidden_though_nobody_is_in_them_any_more(employer: Employer) -> None:
    await _team(employer, "east", "ben")
    await _team(employer, "west")
    said = await employer.give("ann", ["ben"], 1)
    request = employer.thanks("ann", ["cleo"], 1)
    request.recognition.teams.append(f"{employer.name}/teams/west")
    named = (await employer.admin.recognition.CreateRecognition(request)).recognition
    for team in ("east", "west"):
        await employer.admin.teams.DeleteTeam(
            teams.DeleteTeamRequest(name=f"{employer.name}/teams/{team}", request_id=new_request_id())
        )
    for shown in (said, named):
        for visibility in (recs.VISIBILITY_TEAM, recs.VISIBILITY_PRIVATE):
            hidden, _ = await edit(employer, shown, "visibility", visibility=visibility)
            assert hidden.visibility == visibility


async def test_what_is_for_teams_is_not_edited_to_be_for_who_is_in_none(employer: Employer) -> None:
    await _team(employer, "east", "ben")
    said = await _give_to_team(employer, ["ben"])
    with pytest.raises(InvalidRequestError) as invalid:
        await edit(employer, said, "receivers", receivers=["cleo"])
    assert [one.field for one in invalid.value.violations] == ["recognition.visibility"]


async def _preview(employer: Employer, request: recs.CreateRecognitionRequest) -> recs.PreviewRecognitionResponse:
    return await employer.admin.recognition.PreviewRecognition(
        recs.PreviewRecognitionRequest(parent=request.parent, recognition=request.recognition)
    )


async def _give_to_team(
    employer: Employer, receivers: list[str], *said_to: str, giver: str = "ann"
) -> recs.Recognition:
    request = employer.thanks(giver, receivers, 1)
    request.recognition.visibility = recs.VISIBILITY_TEAM
    request.recognition.teams.extend(f"{employer.name}/teams/{team}" for team in said_to)
    return (await employer.admin.recognition.CreateRecognition(request)).recognition


async def _team(employer: Employer, team: str, *people: str) -> None:
    name = f"{employer.name}/teams/{team}"
    await employer.admin.teams.CreateTeam(
        teams.CreateTeamRequest(team=teams.Team(name=name, display_name=team), request_id=new_request_id())
    )
    for person in people:
        request = orgs.UpdatePersonRequest(
            person=orgs.Person(name=employer.person(person), teams=[name]), request_id=new_request_id()
        )
        request.update_mask.paths.append("teams")
        await employer.admin.organisations.UpdatePerson(request)
