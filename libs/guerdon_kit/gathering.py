"""Group commit: while one group is in the database the next one collects.

What is asked at the same time is done together, in one transaction, with as many statements as one of it would cost.
There is no waiting timer: what is asked alone is done at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from guerdon_kit.errors import Unavailable

Key = TypeVar("Key", bound=Hashable)
Ask = TypeVar("Ask")
Answer = TypeVar("Answer")

GROUP_MAX = 100
"""The most of a group."""


@dataclass(eq=False, slots=True)
class Waiting(Generic[Ask, Answer]):
    """What is asked for, and where the answer goes."""

    ask: Ask
    answer: asyncio.Future[Answer]


class Gathering(Generic[Key, Ask, Answer]):
    """Does together what is asked at the same time under the same key.

    `work(key, asks)` answers each of the asks, in their order, with an answer or with the error that it is refused
    for. Where it raises, each ask is done by itself, so that one does not harm the others; not so where PostgreSQL is
    away. Of two asks that have one of their `names` in common the later one is of a later group.
    """

    def __init__(
        self,
        work: Callable[[Key, Sequence[Ask]], Awaitable[Sequence[Answer | Exception]]],
        names: Callable[[Ask], Collection[Hashable]],
        most: int = GROUP_MAX,
    ) -> None:
        self._work = work
        self._names = names
        self._most = most
        self._waiting: dict[Key, deque[Waiting[Ask, Answer]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def do(self, key: Key, ask: Ask) -> Answer:
        """Has it done; once it is begun, whether or not the caller stays to hear of it.

        Raises:
            Unavailable: PostgreSQL is away; ask again to learn the outcome. And what the work refuses it for.
        """
        waiting: Waiting[Ask, Answer] = Waiting(ask, asyncio.get_running_loop().create_future())
        if key in self._waiting:
            self._waiting[key].append(waiting)
        else:
            self._waiting[key] = deque([waiting])
            task = asyncio.create_task(self._run(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        answer: Answer = await waiting.answer
        return answer

    async def _run(self, key: Key) -> None:
        """Does groups until nobody waits any more."""
        waiting = self._waiting[key]
        try:
            while waiting:
                if group := take(waiting, self._names, self._most):
                    await self._answer(key, group)
        finally:
            del self._waiting[key]
            for one in waiting:
                _tell(one, Unavailable())

    async def _answer(self, key: Key, group: Sequence[Waiting[Ask, Answer]]) -> None:
        try:
            answers = await self._work(key, [one.ask for one in group])
        except Exception as error:  # noqa: BLE001 - whoever asked is told, as by any call
            if len(group) == 1 or isinstance(error, Unavailable):
                answers = [error] * len(group)
            else:
                for one in group:
                    await self._answer(key, [one])
                return
        for one, answer in zip(group, answers, strict=True):
            _tell(one, answer)


def take(
    waiting: deque[Waiting[Ask, Answer]], names: Callable[[Ask], Collection[Hashable]], most: int
) -> list[Waiting[Ask, Answer]]:
    """The next group, of different names; what has one in common with an earlier one is left for the group after it.
    Whose caller has left before it was begun is dropped.
    """
    group: list[Waiting[Ask, Answer]] = []
    later: list[Waiting[Ask, Answer]] = []
    seen: set[Hashable] = set()
    while waiting and len(group) < most:
        one = waiting.popleft()
        own = names(one.ask)
        if not seen.isdisjoint(own):
            later.append(one)
        elif not one.answer.done():
            group.append(one)
            seen.update(own)
    waiting.extendleft(reversed(later))
    return group


def _tell(one: Waiting[Ask, Answer], answer: Answer | Exception) -> None:
    if one.answer.done():
        return
    if isinstance(answer, Exception):
        one.answer.set_exception(answer)
    else:
        one.answer.set_result(answer)
