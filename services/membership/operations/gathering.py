"""Group commit of purchases: while one group is in the database the next one collects.

A till's purchase costs as many statements as a chunk of a thousand. So those of one program that come at the same time
are recorded in one transaction and brought to the ledger in one batch. There is no waiting timer: a lone purchase is
recorded at once.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, Unavailable
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import find_all, record_all
from membership.domain.deliveries import Delivery
from membership.domain.program import Program
from membership.domain.purchases import Purchase
from membership.domain.rows import Row
from membership.operations.deliveries import MARGIN_S, PATIENCE_S, Deliveries
from membership.operations.found import find_purchases
from membership.operations.recording import Recorded, Recording, record_rows
from membership.operations.rules import Rulebooks

T = TypeVar("T")

GROUP_MAX = 100
"""The most purchases of a group."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What became of a purchase: whether it was recorded before by another request, whether this is a replay, the
    number of the delivery that brings it to the ledger, and how its group is told of once that is tried, by their ids.
    """

    already: bool
    replayed: bool
    delivery_no: int | None
    group: asyncio.Task[dict[str, Purchase]] | None = None


@dataclass(eq=False, slots=True)
class _Asked:
    program: Program
    row: Row
    fingerprint: Fingerprint
    answer: asyncio.Future[Gathered]


class Gathering:
    """Records purchases together that come at the same time, each program's and each caller's apart."""

    def __init__(self, database: Database, deliveries: Deliveries, rulebooks: Rulebooks, clock: Clock) -> None:
        self._database = database
        self._deliveries = deliveries
        self._rulebooks = rulebooks
        self._clock = clock
        self._waiting: dict[tuple[int, str], deque[_Asked]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def record(self, program: Program, row: Row, fingerprint: Fingerprint, actor: str) -> Gathered:
        """Records a purchase, which is within its bounds.

        Raises:
            NotFound, PurchaseDiffers, MemberClosed, MemberErased: it is refused.
            RequestIdReused, ReplayedRefusal: as requests are.
            Unavailable: PostgreSQL is away; the same request may be sent again to learn the outcome.
        """
        asked = _Asked(program, row, fingerprint, asyncio.get_running_loop().create_future())
        key = (program.program_no, actor)
        if key in self._waiting:
            self._waiting[key].append(asked)
        else:
            self._waiting[key] = deque([asked])
            _ = self._begin(self._run(key))
        return await asked.answer

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Has something done, whoever may still wait for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, key: tuple[int, str]) -> None:
        """Records groups until nobody waits any more."""
        waiting = self._waiting[key]
        try:
            while waiting:
                await self._record_or_fail(take(waiting), key[1])
        finally:
            del self._waiting[key]
            for one in waiting:
                _fail(one, Unavailable())

    async def _record_or_fail(self, group: Sequence[_Asked], actor: str) -> None:
        try:
            if group:
                await self._record(group, actor)
        except Exception as error:  # noqa: BLE001 - whoever asked is told, as by any call
            if len(group) == 1 or isinstance(error, Unavailable):
                for one in group:
                    _fail(one, error)
                return
            for one in group:  # what one of them does to the group must not harm the others
                await self._record_or_fail([one], actor)

    async def _record(self, group: Sequence[_Asked], actor: str) -> None:
        program = group[-1].program
        recording = Recording(self._clock.now(), self._deliveries.first_due_time(), actor)

        async def unit(
            connection: Connection,
        ) -> tuple[list[bytes | DomainError | None], dict[int, Told], Recorded | None]:
            found = await find_all(connection, [one.fingerprint for one in group])
            rows = [one.row._replace(place=place) for place, one in enumerate(group) if found[place] is None]
            if not rows:
                return found, {}, None
            recorded = await record_rows(connection, program, self._rulebooks, rows, recording, enroll_unknown=False)
            number = recorded.delivery.delivery_no if recorded.delivery else None
            made = {
                row.place: Told(already=row.place in recorded.already_recorded, delivery=number)
                for row in rows
                if row.place not in recorded.refused
            }
            if made:
                await record_all(
                    connection, [(group[place].fingerprint, json.dumps(told).encode()) for place, told in made.items()]
                )
            return found, made, recorded

        found, made, recorded = await self._database.run(unit, repeatable=True)
        recorded_ids = [group[place].row.purchase_id for place, told in made.items() if not told["already"]]
        delivery = recorded.delivery if recorded is not None else None
        bringing = self._begin(self._bring(program, delivery, recorded_ids)) if recorded_ids else None
        for place, one in enumerate(group):
            before = found[place]
            if isinstance(before, DomainError):
                _fail(one, before)
            elif before is not None:
                _answer(one, json.loads(before), replayed=True)
            elif place in made:
                _answer(one, made[place], replayed=False, group=None if made[place]["already"] else bringing)
            elif recorded is not None:
                _fail(one, recorded.refused[place])

    async def _bring(self, program: Program, delivery: Delivery | None, ids: Sequence[str]) -> dict[str, Purchase]:
        """Brings a group to the ledger, if that answers in time, and reads it once for all who asked."""
        if delivery is not None:
            await self._deliveries.try_to_deliver(delivery, PATIENCE_S + MARGIN_S)
        return await find_purchases(self._database, program, ids)


class Told(TypedDict):
    """What is kept of a request's outcome."""

    already: bool
    delivery: int | None


def take(waiting: deque[_Asked]) -> list[_Asked]:
    """The next group: of different requests and purchases; what comes twice is of the group after it."""
    group: list[_Asked] = []
    later: list[_Asked] = []
    seen: set[bytes | str] = set()
    while waiting and len(group) < GROUP_MAX:
        one = waiting.popleft()
        names: set[bytes | str] = {one.fingerprint.key, one.row.purchase_id}
        if seen & names:
            later.append(one)
        elif not one.answer.done():  # else its caller has left
            group.append(one)
            seen |= names
    waiting.extendleft(reversed(later))
    return group


def _answer(one: _Asked, told: Told, *, replayed: bool, group: asyncio.Task[dict[str, Purchase]] | None = None) -> None:
    if not one.answer.done():
        one.answer.set_result(Gathered(told["already"], replayed, told["delivery"], group))


def _fail(one: _Asked, error: Exception) -> None:
    if not one.answer.done():
        one.answer.set_exception(error)
