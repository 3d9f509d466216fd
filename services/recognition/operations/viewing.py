"""Seeing recognitions: what is public, and what is private to the viewer."""

from __future__ import annotations

from dataclasses import astuple

from guerdon_kit.errors import NotFound
from guerdon_kit.pages import END, cut, page_size, read_place
from guerdon_kit.postgres import Connection, Database
from recognition.domain.acting import Acting
from recognition.domain.comments import Echo
from recognition.domain.recognitions import Recognition, Visibility, Wanted
from recognition.domain.teams import team_name
from recognition.operations import people
from recognition.operations.acting import acting_person, viewer_id
from recognition.store import comments, teams
from recognition.store import recognitions as store


class Viewing:
    """The feed, and what is found in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(
        self, organisation: str, recognition: str, viewer: str | None, acting: Acting
    ) -> tuple[Recognition, Echo]:
        """The recognition, if the viewer (the acting person where None is named) sees it, and what was said to it.

        Raises:
            NotFound: there is none, or it is not theirs to see.
            ScopeRequired: the viewer is another than the acting person.
        """
        async with self._database.acquire() as connection:
            person = await viewer_id(connection, organisation, viewer, acting)
            found = await find_seen(connection, organisation, recognition, person)
            return found, (await comments.echoes(connection, organisation, [recognition], person))[recognition]

    async def echo(self, recognition: Recognition, acting: Acting) -> Echo:
        """What was said to a recognition of the acting person's."""
        organisation = recognition.draft.organisation
        async with self._database.acquire() as connection:
            person = await acting_person(connection, organisation, acting, None)
            return (await comments.echoes(connection, organisation, [recognition.id], person))[recognition.id]

    async def list_feed(
        self,
        organisation: str,
        wanted: Wanted,
        *,
        viewer: str | None,
        acting: Acting,
        size: int,
        token: str,
    ) -> tuple[list[tuple[Recognition, Echo]], str]:
        """A page of what the viewer sees, newest first, each with what was said to it, and the token of the next one.

        Raises:
            InvalidField: the size, the token or a filter is malformed.
            NotFound: there is no such organisation, person, team or viewer.
            ScopeRequired: the viewer is another than the acting person.
        """
        size = page_size(size)
        wanted.check()
        async with self._database.acquire() as connection:
            seen_by = await viewer_id(connection, organisation, viewer, acting)
            for person in filter(None, (wanted.person, wanted.giver, wanted.receiver)):
                await people.find(connection, organisation, person)
            if wanted.team is not None and await teams.find(connection, organisation, wanted.team) is None:
                raise NotFound(team_name(organisation, wanted.team))
            query = ("ListRecognitions", organisation, *(str(one or "") for one in astuple(wanted)), seen_by or "")
            before_time, before = read_place(token, query, wanted.until or END)
            feed = store.Feed(organisation, seen_by, wanted, before_time, before)
            found = await store.list_feed(connection, feed, size + 1)
            page, next_token = cut(found, size, query, lambda one: (one.create_time, one.id))
            echoes = await comments.echoes(connection, organisation, [one.id for one in page], seen_by)
        return [(one, echoes[one.id]) for one in page], next_token


async def find_seen(connection: Connection, organisation: str, recognition: str, person: str | None) -> Recognition:
    """The recognition, if that person (None: nobody of the organisation) sees it.

    Raises:
        NotFound: there is none, or it is not theirs to see.
    """
    found = await store.find(connection, organisation, recognition)
    if found is not None:
        said_to_teams = person is not None and found.draft.visibility is Visibility.TEAM
        theirs = await teams.of_people(connection, organisation, [person or ""]) if said_to_teams else ()
        if found.seen_by(person, theirs):
            return found
    raise NotFound(f"organisations/{organisation}/recognitions/{recognition}")
