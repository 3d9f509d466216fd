"""Giving a recognition."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.acting import Acting
from recognition.domain.changes import ChangeKey, ChangeKind, NewChange
from recognition.domain.parties import check_parties
from recognition.domain.recognitions import Draft, Recognition, Visibility
from recognition.domain.teams import team_name
from recognition.operations import organisations
from recognition.operations.acting import acting_person
from recognition.operations.changing import Changing
from recognition.operations.wording import worded
from recognition.store import people as people_store
from recognition.store import recognitions as store
from recognition.store import teams


class Giving:
    """New recognitions."""

    def __init__(self, database: Database, clock: Clock, changing: Changing) -> None:
        self._database = database
        self._clock = clock
        self._changing = changing

    async def create(self, fingerprint: Fingerprint, draft: Draft, acting: Acting) -> tuple[Recognition, bool]:
        """Gives; answers the recognition, and whether this is a replay. An empty giver is the acting person.

        Raises:
            InvalidField: a field is out of its bounds, or nobody gives.
            ScopeRequired: the giver is another than the acting person.
            NotFound: the organisation, one of the people or one of the teams does not exist.
            SelfGiving, PersonDeactivated, GivingNotAllowed, ReceivingNotAllowed: as they say.
            FairnessRefusal: a policy of the organisation blocks it.
            InsufficientAllowance, GivingRefused: the ledger refused; the same request is refused again.
            Unavailable: it is taken in, and the ledger has not answered; the same request tells how it ended.
        """

        async def work(connection: Connection) -> bytes:
            recognition = new_id("rc")
            now = self._clock.now()
            checked = await _checked(connection, draft, acting)
            await store.insert(connection, recognition, checked, actor=acting.actor, create_time=now)
            change = creation(recognition, checked, acting, now)
            await self._changing.take_in(connection, change, words=checked.message)
            return recognition.encode()

        outcome, replayed = await requests.once(self._database, fingerprint, work)
        recognition = outcome.decode()
        await self._changing.finish(ChangeKey(draft.organisation, recognition), fresh=not replayed)
        async with self._database.acquire() as connection:
            return await find(connection, draft.organisation, recognition), replayed


def creation(recognition: str, draft: Draft, acting: Acting, now: datetime) -> NewChange:
    """The change that gives a recognition of that id."""
    return NewChange(
        organisation=draft.organisation,
        id=recognition,
        recognition=recognition,
        kind=ChangeKind.CREATE,
        person=draft.giver,
        giver=draft.giver,
        receivers=draft.receivers,
        amounts=(draft.amount,) * len(draft.receivers),
        actor=acting.actor,
        create_time=now,
    )


async def find(connection: Connection, organisation: str, recognition: str) -> Recognition:
    """The recognition of that id, in whatever state.

    Raises:
        NotFound: there is none.
    """
    found = await store.find(connection, organisation, recognition)
    if found is None:
        raise NotFound(f"organisations/{organisation}/recognitions/{recognition}")
    return found


async def drafted(connection: Connection, draft: Draft, acting: Acting) -> Draft:
    """The draft with all that is read into it: who gives, whom and what the message names, and where no receiver is
    named, those whom it mentions. The teams that it names stay until the transaction ends.

    Raises:
        InvalidField, ScopeRequired, NotFound: as `Giving.create`.
    """
    employer = await organisations.find(connection, draft.organisation)
    giver = await acting_person(connection, draft.organisation, acting, draft.giver or None)
    if giver is None:
        raise InvalidField.of("recognition.giver", "is required: the token names no active person here")
    read = await worded(connection, employer, replace(draft, giver=giver))
    if not read.receivers:
        read = replace(read, receivers=tuple(person for person in read.mentioned if person != giver))
    await require_teams(connection, read)
    return read


async def require_teams(connection: Connection, draft: Draft) -> None:
    """Raises NotFound for a team that is not there, and InvalidField for what is said to teams and finds none."""
    existing = await teams.lock(connection, draft.organisation, draft.teams) if draft.teams else set()
    for team in draft.teams:
        if team not in existing:
            raise NotFound(team_name(draft.organisation, team))
    await require_audience(connection, draft, draft.teams)


async def require_audience(connection: Connection, draft: Draft, said_to: Collection[str]) -> None:
    """Raises InvalidField for what is for teams, was `said_to` none, and has receivers who are in none."""
    if draft.visibility is not Visibility.TEAM or said_to:
        return
    if await teams.of_people(connection, draft.organisation, draft.receivers):
        return
    raise InvalidField.of("recognition.visibility", "TEAM: no team is named, and the receivers are in none")


async def _checked(connection: Connection, draft: Draft, acting: Acting) -> Draft:
    """The draft as it may be given. Whom it concerns stays as active as that until the transaction ends."""
    read = await drafted(connection, draft, acting)
    read.check(await organisations.find(connection, draft.organisation))
    await require_parties(connection, draft.organisation, read.giver, read.receivers)
    return read


async def require_parties(connection: Connection, organisation: str, giver: str, receivers: Collection[str]) -> None:
    """Locks these people: who takes part, and as what, stays so until the transaction ends.

    Raises:
        NotFound, PersonDeactivated, GivingNotAllowed, ReceivingNotAllowed: as `check_parties`.
    """
    standings = await people_store.lock(connection, organisation, [giver, *receivers])
    check_parties(organisation, standings, giver, receivers)
