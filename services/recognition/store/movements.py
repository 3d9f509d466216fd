"""The points that moved for recognitions, as rows."""

from __future__ import annotations

from collections.abc import Sequence

from guerdon_kit.postgres import Connection
from recognition.domain.changes import NewChange
from recognition.domain.gifts import GiftKind, Giving, Movement
from recognition.domain.recognitions import Recognition
from recognition.domain.takings import Gift, Recovery, recoveries
from recognition.store import queries


async def find_giving(connection: Connection, change: NewChange, recognition: Recognition) -> Giving:
    """What the ledger is asked for on behalf of a change of the recognition."""
    rows = queries.giving_accounts(
        connection, organisation=change.organisation, people=[change.giver, *change.receivers]
    )
    accounts = {row["person"]: row async for row in rows}
    return Giving(
        change=change.id,
        program=accounts[change.giver]["program"],
        source_id=accounts[change.giver]["allowance_account"],
        gifts=tuple(
            (accounts[receiver]["rewards_account"], amount)
            for receiver, amount in zip(change.receivers, change.amounts, strict=True)
        ),
        memo=recognition.name,
        actor=change.actor,
    )


async def insert(connection: Connection, movements: Sequence[Movement]) -> None:
    """Writes down what was moved at one time in one organisation."""
    await queries.insert_movements(
        connection,
        organisation=movements[0].organisation,
        record_time=movements[0].record_time,
        recognitions=[movement.recognition for movement in movements],
        changes=[movement.change for movement in movements],
        ordinals=[movement.ordinal for movement in movements],
        kinds=[movement.kind.value for movement in movements],
        givers=[movement.giver for movement in movements],
        receivers=[movement.receiver for movement in movements],
        amounts=[movement.amount for movement in movements],
        gift_changes=[movement.gift and movement.gift[0] for movement in movements],
        gift_ordinals=[movement.gift and movement.gift[1] for movement in movements],
        wanteds=[movement.wanted for movement in movements],
        posts=[movement.posts for movement in movements],
        transactions=[movement.transaction for movement in movements],
    )


async def gifts(connection: Connection, organisation: str, recognition: str) -> list[Gift]:
    """The gifts of a recognition, oldest first, less what was taken back of them."""
    rows = queries.list_gifts(connection, organisation=organisation, recognition=recognition)
    return [
        Gift(
            change=row["change"],
            ordinal=row["ordinal"],
            kind=GiftKind(row["kind"]),
            giver=row["giver"],
            receiver=row["receiver"],
            left=row["left"],
            posts=row["posts"],
            transaction=row["transaction"],
        )
        async for row in rows
    ]


async def taken(connection: Connection, change: NewChange) -> list[Recovery]:
    """What came back by a change, in its order."""
    rows = queries.list_taken(
        connection, organisation=change.organisation, recognition=change.recognition, change=change.id
    )
    return recoveries([Recovery(row["giver"], row["receiver"], row["wanted"], row["recovered"]) async for row in rows])
