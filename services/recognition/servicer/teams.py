"""Teams: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import teams_pb2 as pb
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.teams import Team
from recognition.operations.teams import Teams
from recognition.servicer.naming import ORGANISATION, TEAM, read_mask, tell_replay


class TeamServicer:
    """`guerdon.recognition.v1.TeamService`."""

    service = pb.DESCRIPTOR.services_by_name["TeamService"]

    def __init__(self, teams: Teams) -> None:
        self._teams = teams

    async def create_team(self, request: pb.CreateTeamRequest, call: CallContext) -> pb.CreateTeamResponse:
        """Makes a team."""
        organisation, team = parse(request.team.name, TEAM, "team.name")
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        made, replayed = await self._teams.create(
            fingerprint, organisation, team, request.team.display_name, call.caller.actor
        )
        tell_replay(call, replayed)
        return pb.CreateTeamResponse(team=write_team(made))

    async def update_team(self, request: pb.UpdateTeamRequest, call: CallContext) -> pb.UpdateTeamResponse:
        """Changes a team."""
        organisation, team = parse(request.team.name, TEAM, "team.name")
        read_mask(request.update_mask, ["display_name"])
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        changed, replayed = await self._teams.rename(fingerprint, organisation, team, request.team.display_name)
        tell_replay(call, replayed)
        return pb.UpdateTeamResponse(team=write_team(changed))

    async def delete_team(self, request: pb.DeleteTeamRequest, call: CallContext) -> pb.DeleteTeamResponse:
        """Dissolves a team."""
        organisation, team = parse(request.name, TEAM)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        tell_replay(call, await self._teams.delete(fingerprint, organisation, team))
        return pb.DeleteTeamResponse()

    async def list_teams(self, request: pb.ListTeamsRequest, _call: CallContext) -> pb.ListTeamsResponse:
        """Lists teams by id."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        size = page_size(request.page_size)
        query = ("ListTeams", organisation)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        found = await self._teams.list_after(organisation, after, size + 1)
        return pb.ListTeamsResponse(
            teams=map(write_team, found[:size]),
            next_page_token=write_token(query, (found[size - 1].id,)) if len(found) > size else "",
        )


def write_team(team: Team) -> pb.Team:
    """The contract's team."""
    return pb.Team(name=team.name, display_name=team.display_name, create_time=timestamp(team.create_time))
