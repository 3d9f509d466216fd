"""Importing people: whoever is new is added, whoever is there is brought up to date, all of them or nobody."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.ledger import Ledger
from recognition.domain.people import NewPerson, Person, changed_fields, person_name, rows_wrong
from recognition.domain.teams import team_name
from recognition.operations import organisations
from recognition.operations.people import change, taken
from recognition.store import people as store
from recognition.store import teams as team_store


@dataclass(frozen=True, slots=True)
class ImportedPeople:
    """What became of people; with `errors`, by place, nobody was added or changed."""

    created: int
    updated: int
    unchanged: int
    errors: Mapping[int, DomainError]


class _Wrong(Exception):
    """Undoes what was done for the others."""

    def __init__(self, errors: Mapping[int, DomainError]) -> None:
        super().__init__()
        self.errors = errors


class PeopleImports:
    """Imports of people."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def run(
        self,
        fingerprint: Fingerprint,
        organisation: str,
        people: Sequence[NewPerson],
        fields: Collection[str],
        actor: str,
    ) -> tuple[ImportedPeople, bool]:
        """Adds people, and gives those who are there the named fields; answers what became of them, and whether this is
        a replay. The accounts of who is new come first, as where people are added one by one.

        Raises:
            NotFound: there is no such organisation.
        """
        wrong = rows_wrong(people)
        if wrong:
            return _refused(wrong), False
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            known = await store.existing(connection, organisation, [person.id for person in people])
        new = [person for person in people if person.id not in known]
        if new:
            await self._ledger.create_people_accounts(employer, new, actor)

        async def work(connection: Connection) -> bytes:
            return json.dumps(await self._import(connection, organisation, people, fields, actor)).encode()

        try:
            outcome, replayed = await requests.once(self._database, fingerprint, work)
        except _Wrong as found:
            return _refused(found.errors), False
        created, updated, unchanged = json.loads(outcome)
        return ImportedPeople(created, updated, unchanged, {}), replayed

    async def _import(
        self,
        connection: Connection,
        organisation: str,
        people: Sequence[NewPerson],
        fields: Collection[str],
        actor: str,
    ) -> tuple[int, int, int]:
        found = await store.find(connection, organisation, [person.id for person in people])
        errors = await _missing(connection, organisation, people)
        if errors:
            raise _Wrong(errors)
        places = {person.id: place for place, person in enumerate(people)}
        new = [person for person in people if person.id not in found]
        added = await store.insert(connection, organisation, new, actor, self._clock.now())
        for person in new:
            if person.id not in added:
                errors[places[person.id]] = await taken(connection, person)
        if errors:
            raise _Wrong(errors)
        await team_store.join(
            connection, organisation, [(team, person.id) for person in new for team in person.profile.teams]
        )
        updated = 0
        for person in people:
            changes = _changes(person, found.get(person.id), fields)
            if changes:
                updated += 1
                try:
                    await change(connection, organisation, person.id, changes)
                except DomainError as refusal:
                    errors[places[person.id]] = refusal
        if errors:
            raise _Wrong(errors)
        return len(new), updated, len(people) - len(new) - updated


def _changes(person: NewPerson, found: Person | None, fields: Collection[str]) -> dict[str, Any]:
    return {} if found is None else changed_fields(found.profile, person.profile, fields)


async def _missing(connection: Connection, organisation: str, people: Sequence[NewPerson]) -> dict[int, DomainError]:
    """Managers and teams that are not there, by the place of who names them."""
    ids = {person.id for person in people}
    managers = ids | await store.existing(
        connection, organisation, {person.profile.manager for person in people} - ids - {""}
    )
    teams = await team_store.lock(connection, organisation, {team for one in people for team in one.profile.teams})
    errors: dict[int, DomainError] = {}
    for place, person in enumerate(people):
        manager = person.profile.manager
        if manager and manager not in managers:
            errors[place] = NotFound(person_name(organisation, manager))
        team = next((team for team in person.profile.teams if team not in teams), None)
        if team is not None:
            errors[place] = NotFound(team_name(organisation, team))
    return errors


def _refused(errors: Mapping[int, DomainError]) -> ImportedPeople:
    return ImportedPeople(0, 0, 0, errors)
