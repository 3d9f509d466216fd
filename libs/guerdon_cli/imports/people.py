"""Sending a file of people: batch by batch, each whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.field_mask_pb2 import FieldMask

import guerdon
from guerdon import error_from_status, new_request_id
from guerdon.recognition.v1.imports_pb2 import ImportPeopleRequest
from guerdon.recognition.v1.organisations_pb2 import Person
from guerdon.recognition.v1.teams_pb2 import CreateTeamRequest, ListTeamsRequest, Team
from guerdon_cli.imports.recognitions import Progress, Refusal

BATCH = 500
PAGE = 1_000


@dataclass(frozen=True)
class ImportedPeople:
    """What became of a file."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    """Rows that were wrong; nobody of their batch was imported, nor of those after it."""


async def import_people(
    client: guerdon.Client,
    organisation: str,
    people: Sequence[tuple[int, Person]],
    fields: Sequence[str],
    progress: Progress,
    refused: Refusal,
) -> ImportedPeople:
    """Makes the teams that are missing, then imports people with the numbers of their rows, managers first. It stops
    after the first batch in which something is wrong.

    Raises:
        guerdon.GuerdonError: it cannot go on; all may be sent again.
    """
    await _make_teams(client, organisation, {team for _, person in people for team in person.teams})
    total = ImportedPeople()
    for first in range(0, len(people), BATCH):
        batch = people[first : first + BATCH]
        request = ImportPeopleRequest(
            parent=organisation,
            people=[person for _, person in batch],
            update_mask=FieldMask(paths=fields),
            request_id=new_request_id(),
        )
        answer = await client.imports.ImportPeople(request)
        for one in answer.errors:
            error = error_from_status(one.error)
            refused(batch[one.index][0], error.reason, str(error))
        total = ImportedPeople(
            total.created + answer.created_count,
            total.updated + answer.updated_count,
            total.unchanged + answer.unchanged_count,
            len(answer.errors),
        )
        if answer.errors:
            return total
        progress(len(batch))
    return total


async def _make_teams(client: guerdon.Client, organisation: str, wanted: set[str]) -> None:
    request = ListTeamsRequest(parent=organisation, page_size=PAGE)
    found: set[str] = set()
    while True:
        page = await client.teams.ListTeams(request)
        found |= {team.name for team in page.teams}
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    for name in sorted(wanted - found):
        team = Team(name=name, display_name=name.rpartition("/")[2])
        await client.teams.CreateTeam(CreateTeamRequest(team=team, request_id=new_request_id()))
