"""Saying what giving a recognition would come to, and writing nothing."""

from __future__ import annotations

from dataclasses import dataclass

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError
from guerdon_kit.postgres import Connection, Database
from recognition.clients.ledger import Ledger
from recognition.domain.acting import Acting
from recognition.domain.errors import FairnessRefusal, InsufficientAllowance, SelfGiving
from recognition.domain.fairness import Finding
from recognition.domain.parties import refusals as party_refusals
from recognition.domain.recognitions import Draft
from recognition.operations import organisations
from recognition.operations.fairness import judged
from recognition.operations.giving import creation, drafted
from recognition.operations.people import find as find_person
from recognition.operations.staff import standings


@dataclass(frozen=True, slots=True)
class Preview:
    """What a recognition would come to: the draft with all that is read into it, what the giver could give before, why
    it would be refused (the first reason is the one that giving would answer), and what the policies would say of it.
    """

    draft: Draft
    available: int
    refusals: tuple[DomainError, ...]
    findings: tuple[Finding, ...]


class Previewing:
    """Previews of recognitions."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def preview(self, draft: Draft, acting: Acting) -> Preview:
        """What giving it now would come to. Others may come in between, and the ledger has the last word.

        Raises:
            InvalidField, ScopeRequired: as giving.
            NotFound: the organisation, the giver or one of the teams does not exist.
        """
        async with self._database.transaction() as connection:
            read = await drafted(connection, draft, acting)
            refusals = await _refusals(connection, read)
            giver = await find_person(connection, read.organisation, read.giver)
            findings: tuple[Finding, ...] = ()
            try:
                findings = await judged(connection, creation("", read, acting, self._clock.now()), read.message)
            except FairnessRefusal as refusal:
                refusals.append(refusal)
        available, _ = await self._ledger.allowance(giver)
        if available < read.total:
            refusals.append(InsufficientAllowance(read.total, available))
        return Preview(read, available, tuple(refusals), findings)


async def _refusals(connection: Connection, draft: Draft) -> list[DomainError]:
    employer = await organisations.find(connection, draft.organisation)
    found: list[DomainError] = []
    try:
        draft.check(employer)
    except SelfGiving as refusal:
        found.append(refusal)
    people = [draft.giver, *draft.receivers]
    known = await standings(connection, draft.organisation, people)
    return found + party_refusals(draft.organisation, known, draft.giver, draft.receivers)
