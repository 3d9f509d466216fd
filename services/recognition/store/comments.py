"""Comments and reactions, as rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.comments import Comment, Echo, ReactionCount
from recognition.store import queries


async def insert(connection: Connection, comment: Comment, actor: str) -> None:
    """Stores a comment."""
    await queries.insert_comment(
        connection,
        organisation=comment.organisation,
        comment=comment.id,
        recognition=comment.recognition,
        author=comment.author,
        message=comment.message,
        actor=actor,
        create_time=comment.create_time,
    )


async def find(connection: Connection, organisation: str, recognition: str, comment: str) -> Comment | None:
    """The comment of that id, unless it was taken away."""
    row = await queries.find_comment(connection, organisation=organisation, recognition=recognition, comment=comment)
    return None if row is None else _comment(row)


async def number(connection: Connection, organisation: str, recognition: str) -> int:
    """How many comments a recognition has."""
    found: int = await queries.count_comments(connection, organisation=organisation, recognition=recognition)
    return found


async def list_after(
    connection: Connection, organisation: str, recognition: str, after_time: datetime, after: str, most: int
) -> list[Comment]:
    """At most so many comments on a recognition, oldest first, from after that one on."""
    rows = queries.list_comments(
        connection,
        organisation=organisation,
        recognition=recognition,
        after_time=after_time,
        after=after,
        most=most,
    )
    return [_comment(row) async for row in rows]


async def delete(connection: Connection, organisation: str, comment: str, actor: str) -> None:
    """Takes a comment away."""
    await queries.delete_comment(connection, organisation=organisation, comment=comment, actor=actor)


async def react(
    connection: Connection, organisation: str, recognition: str, person: str, emoji: str, create_time: datetime
) -> None:
    """Adds a reaction, unless it is there."""
    await queries.insert_reaction(
        connection,
        organisation=organisation,
        recognition=recognition,
        person=person,
        emoji=emoji,
        create_time=create_time,
    )


async def take_reaction(connection: Connection, organisation: str, recognition: str, person: str, emoji: str) -> None:
    """Takes a reaction back, if it is there."""
    await queries.delete_reaction(
        connection, organisation=organisation, recognition=recognition, person=person, emoji=emoji
    )


async def reactions(
    connection: Connection, organisation: str, recognition: str, person: str | None
) -> list[ReactionCount]:
    """The reactions to a recognition, the most frequent first, and which of them are that person's."""
    rows = queries.list_reactions(connection, organisation=organisation, recognition=recognition, person=person)
    return [ReactionCount(row["emoji"], row["count"], row["mine"]) async for row in rows]


async def echoes(
    connection: Connection, organisation: str, recognitions: Collection[str], person: str | None
) -> dict[str, Echo]:
    """What was said to each of these recognitions, and which of the reactions are that person's."""
    found = dict.fromkeys(recognitions, Echo())
    if not found:
        return found
    rows = queries.list_echoes(connection, organisation=organisation, recognitions=list(found), person=person)
    async for row in rows:
        echo = found[row["recognition"]]
        if row["emoji"]:
            reaction = ReactionCount(row["emoji"], row["count"], row["mine"])
            found[row["recognition"]] = replace(echo, reactions=(*echo.reactions, reaction))
        else:
            found[row["recognition"]] = replace(echo, comments=row["count"])
    return found


def _comment(row: asyncpg.Record) -> Comment:
    return Comment(
        organisation=row["organisation"],
        recognition=row["recognition"],
        id=row["comment"],
        author=row["author"],
        message=row["message"],
        create_time=row["create_time"],
    )
