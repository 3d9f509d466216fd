"""The feed: recognitions, and what was paid from award budgets and is seen as they are."""

from __future__ import annotations

from dataclasses import dataclass

from guerdon_kit.errors import NotFound
from guerdon_kit.pages import END, cut, page_size, read_place
from guerdon_kit.postgres import Database
from recognition.domain.acting import Acting
from recognition.domain.comments import Echo
from recognition.domain.feed import FeedItem
from recognition.domain.recognitions import Recognition, Wanted
from recognition.domain.teams import team_name
from recognition.operations import people
from recognition.operations.acting import viewer_id
from recognition.store import comments, teams
from recognition.store import feed as store
from recognition.store.recognitions import Feed


@dataclass(frozen=True, slots=True)
class Asked:
    """A page that somebody asks for: of what is `wanted` (a person, a team, a value), or all; `viewer` is None where it
    is the acting person.
    """

    organisation: str
    wanted: Wanted
    viewer: str | None
    size: int
    token: str


class FeedReading:
    """The feed, as people see it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_items(self, asked: Asked, acting: Acting) -> tuple[list[FeedItem], dict[str, Echo], str]:
        """A page of what the viewer sees, newest first; what was said to each of its recognitions, by id; and the token
        of the next page.

        Raises:
            InvalidField: the size, the token or the value is malformed.
            NotFound: there is no such organisation, person, team or viewer.
            ScopeRequired: the viewer is another than the acting person.
        """
        size = page_size(asked.size)
        organisation, wanted = asked.organisation, asked.wanted
        wanted.check()
        async with self._database.acquire() as connection:
            viewer = await viewer_id(connection, organisation, asked.viewer, acting)
            if wanted.person is not None:
                await people.find(connection, organisation, wanted.person)
            if wanted.team is not None and await teams.find(connection, organisation, wanted.team) is None:
                raise NotFound(team_name(organisation, wanted.team))
            filters = (wanted.person or "", wanted.team or "", wanted.value or "")
            query = ("ListFeed", organisation, *filters, viewer or "")
            before_time, before = read_place(asked.token, query, END)
            found = await store.list_items(
                connection, Feed(organisation, viewer, wanted, before_time, before), size + 1
            )
            page, next_token = cut(found, size, query, lambda one: (one.time, one.id))
            thanks = [one.id for one in page if isinstance(one.content, Recognition)]
            echoes = await comments.echoes(connection, organisation, thanks, viewer)
        return page, echoes, next_token
