"""Group commit: while one batch is in the database the next one collects.

One batch is in flight for each worker and set of shards, and further ones only while enough is queued to fill half of
each. There is no waiting timer: an idle service commits a lone request at once, and a busy one takes what has come once
nobody more comes for a few turns of the loop. Batches are capped by postings and take
from unary and bulk callers and from programs in turn; a bulk of a batch's size is kept in one, where it can be.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import cast

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DeadlineExceeded, DomainError, Overloaded, Unavailable
from guerdon_kit.postgres import Database, Rerun, was_lost
from ledger.domain.book import Book
from ledger.domain.model import Unopened
from ledger.operations.batch import Answer, Batch, Result
from ledger.operations.company import until_nobody_comes
from ledger.operations.openings import Openings
from ledger.operations.work import Work
from ledger.store.directory import Directory

WriteThrough = Callable[[Sequence[Book] | None], Awaitable[None]]
"""Told of the books that a committed batch changed, before anybody is answered; None where it is unknown whether a
batch was committed. It must not raise.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds batches and queues, in postings."""

    batch_max: int = 1000
    turn_max: int = 250
    """What one caller or program may have of a batch before it is the next one's turn."""
    queue_max: int = 20_000
    in_flight_max: int = 4
    """How many batches may be in the database at once. Every lane may have one; further ones only while they are half
    full: each holds a connection, and reads need some too.
    """


class Submission:
    """Works that one caller sent together, and their answers as they come in."""

    __slots__ = ("answers", "deadline", "future", "next", "unanswered", "weight", "whole", "works")

    def __init__(self, works: Sequence[Work], deadline: float, *, whole: bool = False) -> None:
        self.works = works
        self.weight = sum([work.weight for work in works])
        self.deadline = deadline
        self.whole = whole
        """Whether one batch takes all of them, which commits all or none."""
        self.next = 0
        """The first work that no batch has taken."""
        self.answers: list[Answer | None] = [None] * len(works)
        self.unanswered = len(works)
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def waits(self, room: int, limits: Limits) -> bool:
        """Whether it is left to the next batch, because this one is half full and has no room for all of it: it would
        be answered no sooner, and its accounts would keep the next batch waiting.
        """
        return self.next == 0 and room < self.weight <= limits.batch_max and 2 * room <= limits.batch_max

    def answer(self, index: int, answer: Answer) -> None:
        """One answer is there."""
        self.answers[index] = answer
        self.unanswered -= 1
        if self.unanswered == 0 and not self.future.done():
            self.future.set_result(None)


Taken = list[tuple[Submission, int]]


class _Lane:
    """The queue of one set of shards: for each program, unary callers and bulk callers apart, in turn."""

    def __init__(self) -> None:
        self.turns: OrderedDict[tuple[int, bool], deque[Submission]] = OrderedDict()
        self.queued = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def put(self, program: int, submission: Submission) -> None:
        turn = (program, len(submission.works) > 1)
        self.turns.setdefault(turn, deque()).append(submission)
        self.queued += submission.weight

    def take(self, limits: Limits) -> Taken:
        """The next batch. What has passed its deadline is answered here, before it costs anything."""
        taken: Taken = []
        left = limits.batch_max
        waiting = []
        while left > 0 and self.turns:
            turn, queue = self.turns.popitem(last=False)
            weight = self._take_turn(queue, left, limits, taken)
            left -= weight
            if queue and not weight:
                waiting.append((turn, queue))
            elif queue:
                self.turns[turn] = queue
        for turn, queue in reversed(waiting):
            self.turns[turn] = queue
            self.turns.move_to_end(turn, last=False)
        return taken

    def _take_turn(self, queue: deque[Submission], room: int, limits: Limits, taken: Taken) -> int:
        weight, most = 0, min(room, limits.turn_max)
        now = time.monotonic()
        while queue and weight < most and not queue[0].waits(room - weight, limits):
            submission = queue[0]
            late = submission.deadline <= now
            while submission.next < len(submission.works) and (late or weight < most or submission.whole):
                index = submission.next
                submission.next += 1
                cost = submission.works[index].weight
                self.queued -= cost
                if late:
                    submission.answer(index, DeadlineExceeded())
                else:
                    weight += cost
                    taken.append((submission, index))
            if submission.next == len(submission.works):
                queue.popleft()
        return weight


class _Luck:
    """Whether to try the next batch without locks: not for a while after others were in the way, longer each time."""

    WAIT_MAX = 64

    def __init__(self) -> None:
        self._wait = 1
        self._left = 0

    def tries(self) -> bool:
        """Whether to try this one."""
        if self._left:
            self._left -= 1
            return False
        return True

    def held(self) -> None:
        """Nobody was in the way."""
        self._wait = 1

    def failed(self) -> None:
        """Somebody was: the next ones are not tried."""
        self._left, self._wait = self._wait, min(2 * self._wait, self.WAIT_MAX)


class Committer:
    """Takes works and answers them once they are committed."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        clock: Clock,
        write_through: WriteThrough,
        log: structlog.typing.FilteringBoundLogger,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._write_through = write_through
        self._log = log
        self._limits = limits or Limits()
        self._lanes: dict[frozenset[int], _Lane] = {}
        self._openings = Openings()
        self._luck = _Luck()

    async def submit(self, works: Sequence[Work], deadline: float, *, whole: bool = False) -> list[Answer]:
        """Commits works of one program, each on its own, or as a `whole` all or none, and answers them in order.

        `deadline` is by `time.monotonic()`. A caller that stops waiting does not stop a batch that has its works.

        Raises:
            Overloaded: the queue is full; nothing was queued.
        """
        by_lane: dict[frozenset[int], list[int]] = {}
        if whole:
            by_lane[frozenset().union(*map(_shards, works))] = list(range(len(works)))
        else:
            for index, work in enumerate(works):
                by_lane.setdefault(_shards(work), []).append(index)
        lanes = {shards: self._lanes.setdefault(shards, _Lane()) for shards in by_lane}
        if any(lane.queued >= self._limits.queue_max for lane in lanes.values()):
            raise Overloaded
        answers: list[Answer] = [Unavailable()] * len(works)
        sent: list[tuple[list[int], Submission]] = []
        for shards, indexes in by_lane.items():
            submission = Submission([works[index] for index in indexes], deadline, whole=whole)
            sent.append((indexes, submission))
            self._enqueue(lanes[shards], submission)
        for indexes, submission in sent:
            await submission.future
            for index, answer in zip(indexes, submission.answers, strict=True):
                assert answer is not None
                answers[index] = answer
        return answers

    async def drain(self) -> None:
        """Returns when nothing is queued or in flight."""
        while tasks := [task for lane in self._lanes.values() for task in lane.tasks]:
            await asyncio.wait(tasks)

    def _enqueue(self, lane: _Lane, submission: Submission) -> None:
        lane.put(submission.works[0].program.number, submission)
        much = 2 * lane.queued >= self._limits.batch_max
        if not lane.tasks or (much and self._in_flight() < self._limits.in_flight_max):
            task = asyncio.create_task(self._work(lane))
            lane.tasks.add(task)

    def _in_flight(self) -> int:
        return sum(len(lane.tasks) for lane in self._lanes.values())

    async def _work(self, lane: _Lane) -> None:
        try:
            while lane.turns:
                await until_nobody_comes(lambda: lane.queued, self._limits.turn_max)
                if taken := lane.take(self._limits):  # unless another task has taken it meanwhile
                    await self._commit(taken)
        finally:
            # Here and not in a callback, which comes later: who is put in between would find a task that takes no more.
            lane.tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _commit(self, taken: Taken) -> None:
        """Commits a batch and answers everybody in it. A batch that the database refuses is bisected, so that one
        bad request fails alone.
        """
        answers: Sequence[Answer]
        try:
            result = await self._run(taken)
            answers = result.answers
            if result.shown:
                await self._write_through(result.shown)
        except DomainError as away:
            await self._write_through(None)  # the connection may have been lost during the commit
            answers = [away] * len(taken)
        except Exception as error:  # noqa: BLE001 - whatever a bad request provokes must not fail its neighbours
            if middle := _middle(taken):
                await self._commit(taken[:middle])
                await self._commit(taken[middle:])
                return
            self._log.error("batch_failed", exc_info=error)
            answers = [Unavailable()] * len(taken)
        for (submission, index), answer in zip(taken, answers, strict=True):
            submission.answer(index, answer)

    async def _run(self, taken: Taken) -> Result:
        works = [submission.works[index] for submission, index in taken]
        wholes = [
            range(first, first + len(submission.works))
            for first, (submission, index) in enumerate(taken)
            if index == 0 and submission.whole
        ]
        batch = Batch(works, self._directory, self._clock, wholes)
        lost = False
        if self._in_flight() == 1 and not batch.needs_locks and self._luck.tries():
            try:
                async with self._database.acquire() as connection:
                    result = await batch.attempt(connection)
            except Rerun:
                pass
            except Exception as error:  # under lock it is found what it was, or that it was committed
                self._log.info("batch_not_as_it_was_read", error=type(error).__name__)
                self._luck.failed()
                lost = was_lost(error)
                if isinstance(error, Unavailable) and not lost:
                    raise
            else:
                self._luck.held()
                return result
        unopened = {account for work in works for account in work.members if type(account) is Unopened}
        async with self._openings.alone(unopened):
            forgotten = self._directory.forgotten
            # Repeatable: every work has its request record, or is the sweeper's, which finds nothing due again.
            result = await self._database.run(batch.run, repeatable=True)
            if result.opened:
                self._directory.learn(result.opened, forgotten)
        # What was lost may still be carried out: a refusal that nothing records must not deny it.
        return result.doubted() if lost else result


def _middle(taken: Taken) -> int:
    """Where to bisect a batch: not within a whole. 0: it cannot be."""
    middle = len(taken) // 2
    submission, index = taken[middle]
    if not submission.whole:
        return middle
    first = middle - index
    end = first + len(submission.works)
    return first or (end if end < len(taken) else 0)


def _shards(work: Work) -> frozenset[int]:
    return frozenset((work.program.shard, *(account.shard for account in work.members)))
