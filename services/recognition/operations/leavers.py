"""Settling with leavers: what they have left when their time is over is taken off them once, however many workers look.

Each leaving has a time at which it is looked at. A look that finds points takes in a settlement, with the person locked
who is still away, and asks the ledger under an id derived from it; what a crash or a silent ledger leaves is found by
the next look, and asked for again under the same id. The ledger says whether the points are there: where some were
redeemed, held or exchanged since it refuses, and it is looked anew. What comes in later is found by looking again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.events import Event, publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.pages import END, page_size, read_place, write_place
from guerdon_kit.postgres import Connection, Database, requests
from recognition.clients.budgets import BudgetLedger
from recognition.clients.leavers import LeaverBook
from recognition.domain.acting import Acting
from recognition.domain.leavers import (
    INSUFFICIENT,
    Leaver,
    LeaverTerms,
    Leaving,
    Settlement,
    settlement,
)
from recognition.domain.organisations import Organisation
from recognition.domain.payouts import Answer
from recognition.domain.roles import Role
from recognition.operations import organisations
from recognition.operations.acting import require_role
from recognition.store import leavers as store
from recognition.store import people

SETTLED = "guerdon.recognition.v1.leaver_settled"


class Leavers:
    """The organisations' leavers."""

    def __init__(
        self, database: Database, book: LeaverBook, ledger: BudgetLedger, clock: Clock, look_again: timedelta
    ) -> None:
        self._database = database
        self._book = book
        self._ledger = ledger
        self._clock = clock
        self._look_again = look_again

    async def set_policy(
        self, fingerprint: Fingerprint, organisation: str, terms: LeaverTerms, acting: Acting
    ) -> tuple[LeaverTerms, bool]:
        """Says what holds for those who leave from now on; answers it, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            RoleRequired: the caller is no admin.
            NotFound: there is no such organisation.
        """
        terms.check()

        async def work(connection: Connection) -> bytes:
            await require_role(connection, organisation, acting, Role.ADMIN)
            await organisations.find(connection, organisation)
            await store.set_policy(connection, organisation, terms, acting.actor, self._clock.now())
            return organisation.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self.policy(organisation), replayed

    async def policy(self, organisation: str) -> LeaverTerms:
        """What holds for those who leave now.

        Raises:
            NotFound: there is no such organisation.
        """
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            return await store.find_policy(connection, organisation)

    async def list_page(
        self, organisation: str, person: str | None, since: datetime | None, size: int, token: str, acting: Acting
    ) -> tuple[list[Leaver], str]:
        """A page of who left (if set only `person`, and only who was settled with `since` then), latest first, and the
        token of the next one.

        Raises:
            InvalidField: the size or the token is malformed.
            RoleRequired: the caller is no admin.
            NotFound: there is no such organisation.
            Unavailable: the ledger does not tell now what they have.
        """
        size = page_size(size)
        query = ("ListLeavers", organisation, person or "", "" if since is None else since.isoformat())
        before_time, before = read_place(token, query, END)
        async with self._database.acquire() as connection:
            await require_role(connection, organisation, acting, Role.ADMIN)
            employer = await organisations.find(connection, organisation)
            found = await store.list_before(
                connection,
                organisation,
                person=person,
                since=since,
                before_time=before_time,
                before=before,
                most=size + 1,
            )
            page = found[:size]
            settled = await store.settlements(connection, organisation, page)
        accounts = list(dict.fromkeys(leaving.rewards_account_id for leaving in page))  # who left twice has one
        available = dict(zip(accounts, await self._ledger.available(employer, accounts), strict=True))
        leavers = [
            Leaver(leaving, available[leaving.rewards_account_id], tuple(of_leaving))
            for leaving, of_leaving in zip(page, settled, strict=True)
        ]
        return leavers, write_place(query, page[-1].leave_time, page[-1].person) if len(found) > size else ""

    async def look(self, key: store.Key) -> None:
        """Looks at a leaving that this worker has the lease of: settles what is to be settled, and says when it is
        looked at next.

        Raises:
            OutcomeUnknown: the ledger did not answer; it is asked again.
            RemoteError: the ledger does not serve us; it is asked again.
        """
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, key.organisation)
            leaving = await store.find(connection, key)
            pending = await store.find_pending(connection, key.organisation, key.person)
        if pending is None and leaving.due(self._clock.now()):
            available = await self._book.takeable(employer, leaving.rewards_account_id)
            if available > 0:
                await self._take_in(key, employer, available)
                async with self._database.acquire() as connection:
                    pending = await store.find_pending(connection, key.organisation, key.person)
        if pending is None:
            async with self._database.transaction() as connection:
                await store.look_again(connection, key, leaving.next_look(self._clock.now(), self._look_again))
            return
        answer = await self._book.take(employer, leaving.rewards_account_id, pending)
        await self._settle(key, leaving, pending, answer)

    async def _take_in(self, key: store.Key, employer: Organisation, available: int) -> None:
        """Takes in a settlement, unless the person came back or somebody else has."""

        async def work(connection: Connection) -> None:
            await people.lock(connection, key.organisation, [key.person])  # nobody comes back meanwhile
            leaving = await store.find(connection, key)
            if leaving.return_time is None:
                worth = next((value for value in employer.countries if value.country == leaving.country), None)
                made = settlement(new_id("le"), leaving, available, worth)
                await store.take_in(connection, leaving, made, self._clock.now())

        await self._database.run(work, repeatable=True)

    async def _settle(self, key: store.Key, leaving: Leaving, pending: Settlement, answer: Answer) -> None:
        async def work(connection: Connection) -> None:
            now = self._clock.now()
            if await store.settle(connection, key.organisation, pending.id, answer, now) and answer.transaction:
                await publish(connection, _settled(leaving, pending, answer.transaction, now))
            # That points were used since it was looked says nothing of the rest of them.
            pause = timedelta(0) if answer.refusal == INSUFFICIENT else self._look_again
            await store.look_again(connection, key, leaving.next_look(now, pause))

        await self._database.run(work, repeatable=True)


def _settled(leaving: Leaving, settled: Settlement, transaction: str, now: datetime) -> Event:
    """How much it was admins ask for: it tells what came to a person in private."""
    data = {"person": leaving.name, "mode": settled.mode.name, "transaction": transaction}
    return Event(type=SETTLED, subject=leaving.name, key=leaving.name, time=now, data=data)
