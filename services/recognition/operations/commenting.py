"""Saying something to a recognition: comments and reactions."""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.pages import BEGINNING, cut, page_size, read_place
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.acting import Acting
from recognition.domain.comments import (
    COMMENTS_MAX,
    EMOJIS_MAX,
    EMOJIS_OF_PERSON_MAX,
    Comment,
    ReactionCount,
    check_comment,
    check_emoji,
)
from recognition.domain.errors import CommentsFull, PersonDeactivated, ReactionsFull
from recognition.domain.people import person_name
from recognition.domain.roles import Role
from recognition.operations.acting import acting_person, require_role, viewer_id
from recognition.operations.viewing import find_seen
from recognition.store import comments as store
from recognition.store import people as people_store
from recognition.store import recognitions as recognition_store


class Commenting:
    """Comments and reactions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def comment(
        self, fingerprint: Fingerprint, organisation: str, recognition: str, author: str, message: str, acting: Acting
    ) -> tuple[Comment, bool]:
        """Comments on a recognition; answers the comment, and whether this is a replay. An empty author is the acting
        person.

        Raises:
            InvalidField: the message is out of its bounds, or nobody says it.
            ScopeRequired: the author is another than the acting person.
            NotFound: there is no such recognition, it is not theirs to see, or the comment was taken away since.
            PersonDeactivated, CommentsFull: as they say.
        """
        check_comment(message)

        async def work(connection: Connection) -> bytes:
            person = await _lock_seen(connection, organisation, recognition, author, acting, "comment.author")
            if await store.number(connection, organisation, recognition) >= COMMENTS_MAX:
                raise CommentsFull(COMMENTS_MAX)
            made = Comment(organisation, recognition, new_id("co"), person, message, self._clock.now())
            await store.insert(connection, made, acting.actor)
            return made.id.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        async with self._database.acquire() as connection:
            return await _find(connection, organisation, recognition, outcome.decode()), replayed

    async def delete(
        self, fingerprint: Fingerprint, organisation: str, recognition: str, comment: str, acting: Acting
    ) -> bool:
        """Takes a comment away; answers whether this is a replay.

        Raises:
            NotFound: there is none, or its recognition is not theirs to see.
            RoleRequired: it is another's.
        """

        async def work(connection: Connection) -> bytes:
            person = await acting_person(connection, organisation, acting, None)
            if not acting.acts_for:
                await find_seen(connection, organisation, recognition, person)
            found = await _find(connection, organisation, recognition, comment)
            if person != found.author:
                await require_role(connection, organisation, acting, Role.ADMIN)
            await store.delete(connection, organisation, comment, acting.actor)
            return b""

        _, replayed = await requests.once(self._database, fingerprint, work)
        return replayed

    async def list_comments(
        self, organisation: str, recognition: str, viewer: str | None, acting: Acting, size: int, token: str
    ) -> tuple[list[Comment], str]:
        """A page of the comments on a recognition, oldest first, and the token of the next one.

        Raises:
            InvalidField: the size or the token is malformed.
            NotFound: there is no such recognition or viewer, or it is not theirs to see.
            ScopeRequired: the viewer is another than the acting person.
        """
        size = page_size(size)
        async with self._database.acquire() as connection:
            person = await viewer_id(connection, organisation, viewer, acting)
            await find_seen(connection, organisation, recognition, person)
            query = ("ListComments", organisation, recognition, person or "")
            after_time, after = read_place(token, query, BEGINNING)
            found = await store.list_after(connection, organisation, recognition, after_time, after, size + 1)
        return cut(found, size, query, lambda one: (one.create_time, one.id))

    async def react(
        self,
        fingerprint: Fingerprint,
        organisation: str,
        recognition: str,
        person: str,
        emoji: str,
        acting: Acting,
        *,
        unset: bool,
    ) -> tuple[list[ReactionCount], bool]:
        """Reacts with an emoji, or takes that back; answers the reactions as they are now, and if this is a replay.

        Raises:
            InvalidField: it is no emoji, or nobody reacts.
            ScopeRequired: the person is another than the acting one.
            NotFound: there is no such recognition, or it is not theirs to see.
            PersonDeactivated, ReactionsFull: as they say.
        """
        check_emoji(emoji)

        async def work(connection: Connection) -> bytes:
            who = await _lock_seen(connection, organisation, recognition, person, acting, "person")
            if unset:
                await store.take_reaction(connection, organisation, recognition, who, emoji)
                return who.encode()
            there = await store.reactions(connection, organisation, recognition, who)
            if sum(one.mine for one in there if one.emoji != emoji) >= EMOJIS_OF_PERSON_MAX:
                raise ReactionsFull(EMOJIS_OF_PERSON_MAX)
            if len({one.emoji for one in there} - {emoji}) >= EMOJIS_MAX:
                raise ReactionsFull(EMOJIS_MAX)
            await store.react(connection, organisation, recognition, who, emoji, self._clock.now())
            return who.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        async with self._database.acquire() as connection:
            await find_seen(connection, organisation, recognition, outcome.decode())
            return await store.reactions(connection, organisation, recognition, outcome.decode()), replayed

    async def list_reactions(
        self, organisation: str, recognition: str, viewer: str | None, acting: Acting
    ) -> list[ReactionCount]:
        """The reactions to a recognition, the most frequent first.

        Raises:
            NotFound: there is no such recognition or viewer, or it is not theirs to see.
            ScopeRequired: the viewer is another than the acting person.
        """
        async with self._database.acquire() as connection:
            person = await viewer_id(connection, organisation, viewer, acting)
            await find_seen(connection, organisation, recognition, person)
            return await store.reactions(connection, organisation, recognition, person)


async def _lock_seen(
    connection: Connection, organisation: str, recognition: str, named: str, acting: Acting, field: str
) -> str:
    """Locks a recognition for somebody who sees it and takes part; answers who that is."""
    person = await acting_person(connection, organisation, acting, named or None)
    if person is None:
        raise InvalidField.of(field, "is required: the token names no active person here")
    await recognition_store.lock(connection, organisation, recognition)
    await find_seen(connection, organisation, recognition, person)
    standing = (await people_store.lock(connection, organisation, [person])).get(person)
    if standing is None:
        raise NotFound(person_name(organisation, person))
    if not standing.active:
        raise PersonDeactivated(person_name(organisation, person))
    return person


async def _find(connection: Connection, organisation: str, recognition: str, comment: str) -> Comment:
    found = await store.find(connection, organisation, recognition, comment)
    if found is None:
        raise NotFound(f"organisations/{organisation}/recognitions/{recognition}/comments/{comment}")
    return found
