"""Carrying out what is done to a recognition: its points move all together or not at all, and exactly once.

A change is stored PENDING beside the record of its request, then the ledger is asked under ids derived from it, then it
is DONE, and what it does is seen, or REFUSED. A crash or a silent ledger leaves it PENDING: the recovery, or the same
request sent again, asks under the same ids. One worker at a time does so, kept apart by a lease; the ledger would
forgive more.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound, Unavailable
from guerdon_kit.events import publish
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.postgres import Connection, Database
from recognition.clients.ledger import Ledger
from recognition.domain.changes import Change, ChangeKey, ChangeState, NewChange
from recognition.domain.errors import GivingRefused, InsufficientAllowance
from recognition.domain.gifts import GiftKind, Movement
from recognition.domain.recognitions import Recognition, State
from recognition.operations.counting import count
from recognition.operations.fairness import judged
from recognition.operations.telling import created
from recognition.store import changes as store
from recognition.store import fairness as fairness_store
from recognition.store import movements
from recognition.store import recognitions as recognition_store

POLL_S = 0.05


class Changing:
    """Changes on their way."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock, lease: timedelta) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._lease = lease

    async def take_in(self, connection: Connection, change: NewChange, *, words: str = "") -> None:
        """Stores a change, which is for this worker to carry out as long as its lease lasts. `words` are said with it.

        Raises:
            FairnessRefusal: a policy of the organisation blocks it.
        """
        findings = await judged(connection, change, words)
        await store.insert(connection, change, change.create_time + self._lease)
        await fairness_store.keep(connection, change.key, findings)

    async def finish(self, key: ChangeKey, *, fresh: bool) -> None:
        """Waits until a change is settled, within the caller's deadline; by this worker if it has just taken it in
        (`fresh`), or if nobody else is at it.

        Raises:
            InsufficientAllowance, GivingRefused: it is REFUSED.
            Unavailable: it is taken in, and the ledger has not answered.
        """
        mine = fresh
        while True:
            if mine:
                try:
                    await self.carry_out(key)
                except OutcomeUnknown as error:
                    raise Unavailable from error
            async with self._database.acquire() as connection:
                found = await _find(connection, key)
                if found.state is not ChangeState.PENDING:
                    return _answer(found)
                now = self._clock.now()
                mine = await store.claim_one(connection, key, now, now + self._lease)
            if not mine:
                await asyncio.sleep(POLL_S)

    async def carry_out(self, key: ChangeKey) -> None:
        """Asks the ledger for a PENDING change that this worker has the lease of, and writes down its answer.

        Raises:
            OutcomeUnknown: the ledger did not answer; it stays PENDING.
            RemoteError: the ledger does not serve us; it stays PENDING.
        """
        async with self._database.acquire() as connection:
            found = await _find(connection, key)
            if found.state is not ChangeState.PENDING:
                return
            recognition = await _recognition(connection, found.new)
            giving = await movements.find_giving(connection, found.new, recognition)
        try:
            transactions = await self._ledger.give(giving)
        except InsufficientAllowance as refusal:
            await self._refuse(found, refusal.reason, int(refusal.metadata["available"]))
        except GivingRefused as refusal:
            await self._refuse(found, refusal.metadata["ledger_reason"], 0)
        else:
            await self._settle(found, transactions)

    async def _settle(self, change: Change, transactions: list[str]) -> None:
        async def work(connection: Connection) -> None:
            if not await store.settle(connection, change.key, ChangeState.DONE):
                return  # whoever was first has counted and told
            recognition = await _recognition(connection, change.new)
            now = self._clock.now()
            moved = [
                Movement(
                    organisation=change.new.organisation,
                    recognition=recognition.id,
                    change=change.new.id,
                    ordinal=ordinal,
                    kind=GiftKind.GIVEN,
                    giver=change.new.person,
                    receiver=receiver,
                    amount=amount,
                    posts=1,
                    visibility=recognition.draft.visibility,
                    values=recognition.draft.values,
                    give_time=recognition.create_time,
                    record_time=now,
                    transaction=transaction,
                )
                for ordinal, (receiver, amount, transaction) in enumerate(
                    zip(change.new.receivers, change.new.amounts, transactions, strict=True)
                )
            ]
            await recognition_store.set_state(connection, change.new.organisation, recognition.id, State.POSTED)
            await count(connection, moved)
            if recognition.public:  # what is private is told to nobody
                await publish(connection, created(recognition))

        await self._database.run(work, repeatable=True)

    async def _refuse(self, change: Change, reason: str, available_amount: int) -> None:
        async with self._database.transaction() as connection:
            if await store.settle(connection, change.key, ChangeState.REFUSED, reason, available_amount):
                new = change.new
                await recognition_store.set_state(connection, new.organisation, new.recognition, State.REFUSED)


async def _find(connection: Connection, key: ChangeKey) -> Change:
    found = await store.find(connection, key)
    if found is None:
        raise NotFound(f"organisations/{key.organisation}/changes/{key.change}")
    return found


async def _recognition(connection: Connection, change: NewChange) -> Recognition:
    found = await recognition_store.find(connection, change.organisation, change.recognition)
    assert found is not None, "a change's recognition is stored with it"
    return found


def _answer(change: Change) -> None:
    if change.state is ChangeState.DONE:
        return
    if change.refusal == InsufficientAllowance.reason:
        raise InsufficientAllowance(sum(change.new.amounts), change.available_amount)
    raise GivingRefused(change.refusal)
