"""Carrying out what is done to a recognition: its points move all together or not at all, and exactly once.

A change is stored PENDING beside the record of its request, then the ledger is asked under ids derived from it, then it
is DONE, and what it does is seen, or REFUSED. A crash or a silent ledger leaves it PENDING: the recovery, or the same
request sent again, asks under the same ids. One worker at a time does so, kept apart by a lease; the ledger would
forgive more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound, Unavailable
from guerdon_kit.events import publish
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.postgres import Connection, Database
from recognition.clients.ledger import Ledger
from recognition.domain.changes import Change, ChangeKey, ChangeKind, ChangeState, NewChange
from recognition.domain.errors import GivingRefused, InsufficientAllowance, RecognitionRejected
from recognition.domain.fairness import Mode
from recognition.domain.gifts import Giving
from recognition.domain.moving import movements_of, recounted
from recognition.domain.recognitions import Recognition, State
from recognition.domain.reviews import REJECTIONS, Review, ReviewState, from_reserve, reservation
from recognition.domain.takings import Recovery, Taken, Taking, take_all, take_for_edit
from recognition.operations import telling
from recognition.operations.counting import count, recount
from recognition.operations.fairness import judged
from recognition.store import changes as store
from recognition.store import fairness as fairness_store
from recognition.store import movements, reviews
from recognition.store import recognitions as recognition_store

POLL_S = 0.05

_FIRST: dict[ChangeKind, tuple[ChangeKind, ...]] = {
    ChangeKind.CREATE: (),
    ChangeKind.ADD_ON: (),
    ChangeKind.EDIT: (ChangeKind.ADD_ON,),
    ChangeKind.DELETE: (ChangeKind.ADD_ON, ChangeKind.EDIT),
}
"""Which earlier changes a change waits for, by carrying them out itself: what they give may be for it to take back.
Later ones are held off: they find an edit under way, or a recognition that is gone.
"""


class Changing:
    """Changes on their way."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock, lease: timedelta) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._lease = lease

    async def take_in(self, connection: Connection, change: NewChange, *, words: str = "") -> None:
        """Stores a change, which is for this worker to carry out as long as its lease lasts. `words` are newly
        said by it.

        Raises:
            FairnessRefusal: a policy of the organisation blocks it.
        """
        findings = await judged(connection, change, words)
        await store.insert(connection, change, change.create_time + self._lease)
        await fairness_store.keep(connection, change.key, findings)
        if any(finding.mode is Mode.HOLD for finding in findings):
            time = await fairness_store.review_time(connection, change.organisation)
            await reviews.insert(connection, change.key, change.create_time + time)

    async def do(self, connection: Connection, change: NewChange, before: Recognition, *, words: str = "") -> None:
        """Stores a change that moves no points, and applies it to the recognition, which is locked.

        Raises:
            FairnessRefusal: a policy of the organisation blocks its `words`.
        """
        findings = await judged(connection, change, words)
        await store.insert(connection, change, change.create_time, ChangeState.DONE)
        await fairness_store.keep(connection, change.key, findings)
        await apply(connection, change, before)

    async def finish(self, key: ChangeKey, *, fresh: bool) -> None:
        """Waits until a change is settled, within the caller's deadline; by this worker if it has just taken it in
        (`fresh`), or if nobody else is at it.

        Raises:
            InsufficientAllowance, GivingRefused, RecognitionRejected: it is REFUSED.
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

    async def find(self, key: ChangeKey) -> Change:
        """The change, in whatever state.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            return await _find(connection, key)

    async def recovered(self, key: ChangeKey) -> list[Recovery]:
        """What a DONE change took back."""
        async with self._database.acquire() as connection:
            return await movements.taken(connection, (await _find(connection, key)).new)

    async def carry_out(self, key: ChangeKey) -> None:
        """Asks the ledger for a PENDING change that this worker has the lease of, and writes down its answer.

        Raises:
            OutcomeUnknown: the ledger did not answer; it stays PENDING.
            RemoteError: the ledger does not serve us; it stays PENDING.
        """
        async with self._database.acquire() as connection:
            found = await _find(connection, key)
            if found.state is not ChangeState.PENDING:
                return None
            change = found.new
            first = await store.list_all(
                connection, change.organisation, change.recognition, _FIRST[change.kind], ChangeState.PENDING
            )
        for one in first:
            await self.carry_out(one.new.key)
        async with self._database.acquire() as connection:
            recognition = await _recognition(connection, change)
            giving = await movements.find_giving(connection, change, recognition)
            takings = await _takings(connection, change)
            review = await reviews.find(connection, change.key)
            if (await _find(connection, key)).state is not ChangeState.PENDING:
                return None  # another has settled it since; what is there to be taken by now is not this change's
        if review is not None and review.state is not ReviewState.APPROVED:
            return await self._hold(change, review, giving)
        if review is not None:
            giving = from_reserve(giving, change.organisation)
        try:
            transactions = await self._ledger.give(giving) if giving.gifts else []
        except (InsufficientAllowance, GivingRefused) as refusal:
            if review is not None:
                return await self._turn_down(change)
            await self._refuse(change, *_why(refusal))
        else:
            taken = await self._take(change, takings, recognition.name) if takings else []
            await self._settle(change, transactions, taken)

    async def _hold(self, change: NewChange, review: Review, giving: Giving) -> None:
        """Reserves the points of a change that is to wait for a decision, or gives them back after that."""
        if review.state in REJECTIONS:
            await self._ledger.give_back(review.transaction, change)
            return await self._refuse(change, RecognitionRejected.reason, 0)
        if review.state is ReviewState.HELD:
            return None  # who was before has reserved them
        try:
            [transaction] = await self._ledger.give(reservation(giving, change.organisation))
        except (InsufficientAllowance, GivingRefused) as refusal:
            return await self._refuse(change, *_why(refusal))

        async def work(connection: Connection) -> None:
            if await reviews.hold(connection, change.key, transaction):
                await store.settle(connection, change.key, ChangeState.HELD)

        await self._database.run(work, repeatable=True)
        return None

    async def _take(self, change: NewChange, takings: Sequence[Taking], memo: str) -> list[Taken]:
        """Takes points back. Those that had been held come back to the reserve, and from there to where they were."""
        async with self._database.acquire() as connection:
            given = {taking.gift.change for taking in takings}
            reserved = await reviews.reservations(connection, change.organisation, given)
        taken = await self._ledger.take(change, takings, memo)
        for one in taken:
            gift = one.taking.gift
            if one.recovered and gift.change in reserved:
                part = f"-{gift.change}-{gift.ordinal}"
                await self._ledger.give_back(reserved[gift.change], change, part, one.recovered)
        return taken

    async def _turn_down(self, change: NewChange) -> None:
        """Has what was approved go back: the ledger would not give it."""
        async with self._database.transaction() as connection:
            await reviews.turn_down(connection, change.key)
        await self.carry_out(change.key)

    async def _settle(self, change: NewChange, transactions: Sequence[str], taken: Sequence[Taken]) -> None:
        async def work(connection: Connection) -> list[ChangeKey]:
            await recognition_store.lock(connection, change.organisation, change.recognition)
            if not await store.settle(connection, change.key, ChangeState.DONE):
                return []  # whoever was first has counted and told
            before = await _recognition(connection, change)
            now = self._clock.now()
            moved = movements_of(change, before, transactions, taken, now)
            if moved:
                await count(connection, moved)
            await apply(connection, change, before)
            return await reviews.outdate(connection, change, now, now + self._lease) if _outdates(change) else []

        for outdated in await self._database.run(work, repeatable=True):
            await self.carry_out(outdated)

    async def _refuse(self, change: NewChange, reason: str, available_amount: int) -> None:
        async with self._database.transaction() as connection:
            await recognition_store.lock(connection, change.organisation, change.recognition)
            settled = await store.settle(connection, change.key, ChangeState.REFUSED, reason, available_amount)
            if settled and change.kind is ChangeKind.CREATE:
                await recognition_store.set_state(connection, change.organisation, change.recognition, State.REFUSED)


async def apply(connection: Connection, change: NewChange, before: Recognition) -> None:
    """Makes the recognition what a DONE change makes of it, and tells of it, which is locked."""
    match change.kind:
        case ChangeKind.CREATE:
            await recognition_store.set_state(connection, change.organisation, before.id, State.POSTED)
        case ChangeKind.DELETE:
            await recognition_store.set_state(connection, change.organisation, before.id, State.DELETED)
        case ChangeKind.EDIT:
            assert change.after is not None, "an edit knows what it makes"
            await recognition_store.edit(connection, before, change.after, change.create_time)
            gifts = await movements.gifts(connection, change.organisation, before.id)
            otherwise = recounted(change, before, gifts, change.create_time)
            if otherwise:
                await recount(connection, otherwise)
    event = telling.event(change, before)
    if event is not None:
        await publish(connection, event)


def _outdates(change: NewChange) -> bool:
    """Whether add-ons that wait for a decision may have no place any more after a change."""
    if change.before is None or change.after is None:
        return change.kind is ChangeKind.DELETE
    return not set(change.before.receivers) <= set(change.after.receivers)


async def _takings(connection: Connection, change: NewChange) -> list[Taking]:
    """What a change takes back. The same whenever it is asked for, because what it has to wait for is settled, and what
    comes later is held off.
    """
    if change.kind not in (ChangeKind.EDIT, ChangeKind.DELETE):
        return []
    gifts = await movements.gifts(connection, change.organisation, change.recognition)
    if change.after is None:
        return take_all(gifts)
    return take_for_edit(change.after, gifts)


async def _find(connection: Connection, key: ChangeKey) -> Change:
    found = await store.find(connection, key)
    if found is None:
        raise NotFound(f"organisations/{key.organisation}/changes/{key.change}")
    return found


async def _recognition(connection: Connection, change: NewChange) -> Recognition:
    found = await recognition_store.find(connection, change.organisation, change.recognition)
    assert found is not None, "a change's recognition is stored with it"
    return found


def _why(refusal: InsufficientAllowance | GivingRefused) -> tuple[str, int]:
    """The reason that is kept, and what was left of the allowance, if that was it."""
    if isinstance(refusal, InsufficientAllowance):
        return refusal.reason, int(refusal.metadata["available"])
    return refusal.metadata["ledger_reason"], 0


def _answer(change: Change) -> None:
    if change.state in (ChangeState.DONE, ChangeState.HELD):
        return
    if change.refusal == RecognitionRejected.reason:
        raise RecognitionRejected
    if change.refusal == InsufficientAllowance.reason:
        raise InsufficientAllowance(sum(change.new.amounts), change.available_amount)
    raise GivingRefused(change.refusal)
