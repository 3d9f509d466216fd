"""Batches are capped, fair to programs and to callers at the till, and drop what nobody waits for any more."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from asyncpg import SerializationError

from guerdon_kit.clock import FixedClock
from guerdon_kit.errors import DeadlineExceeded, DomainError, NotFound, Overloaded, Unavailable
from guerdon_kit.postgres import Rerun
from guerdon_kit.testing import wait_until
from ledger.domain.book import Book
from ledger.domain.model import LONG_AGO, NEVER, Kind, Program
from ledger.domain.posting import PostingOrder, TransactionOrder
from ledger.operations.batch import Batch, Done, Result
from ledger.operations.commit import Committer, Limits, Submission, _Lane
from ledger.operations.outcome import Outcome
from ledger.operations.work import Post
from tests.unit.ledger.builders import ADA, ISSUANCE, NOW, book

FAR = time.monotonic() + 1_000_000
QUIET = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
PASSED = time.monotonic() - 1


def work(program: int = 1, postings: int = 1, shard: int = 0, memo: str = "") -> Post:
    order = TransactionOrder(
        Program(program, f"p{program}", "UTC", shard),
        Kind.EARN,
        (PostingOrder(ISSUANCE, ADA, 1, NEVER, LONG_AGO),) * postings,
        None,
        "tester",
        memo,
    )
    return Post(cast("Any", None), order, (), ())


def put(lane: _Lane, program: int, works: int, *, deadline: float = FAR, postings: int = 1) -> Submission:
    submission = Submission([work(program, postings) for _ in range(works)], deadline)
    lane.put(program, submission)
    return submission


def programs(taken: list[tuple[Submission, int]]) -> Counter[int]:
    return Counter(submission.works[index].program.number for submission, index in taken)


async def test_a_batch_takes_from_programs_in_turn() -> None:
    lane = _Lane()
    put(lane, 1, 5_000)
    put(lane, 2, 5_000)
    put(lane, 3, 100)
    assert programs(lane.take(Limits())) == {1: 500, 2: 400, 3: 100}
    assert programs(lane.take(Limits())) == {1: 500, 2: 500}


async def test_a_lone_caller_does_not_wait_behind_bulk_of_its_own_program() -> None:
    lane = _Lane()
    put(lane, 1, 5_000)
    till = [put(lane, 1, 1) for _ in range(20)]
    taken = lane.take(Limits())
    assert [one for one, _ in taken if one in till] == till


async def test_a_program_alone_fills_the_batch_and_nothing_is_taken_twice() -> None:
    lane = _Lane()
    bulk = put(lane, 1, 2_300)
    sizes = []
    seen: list[int] = []
    while taken := lane.take(Limits()):
        sizes.append(len(taken))
        seen += [index for _, index in taken]
    assert sizes == [1000, 1000, 300]
    assert seen == list(range(2_300))
    assert (bulk.next, lane.queued) == (2_300, 0)


async def test_a_bulk_that_a_batch_can_hold_is_kept_in_one_once_the_batch_is_half_full() -> None:
    lane = _Lane()
    bulks = [put(lane, 1, works) for works in (990, 980, 400, 400, 300, 3_000)]
    batches = []
    while taken := lane.take(Limits()):
        batches.append([(bulks.index(one), count) for one, count in Counter(one for one, _ in taken).items()])
    assert batches == [
        [(0, 990)],
        [(1, 980)],
        [(2, 400), (3, 400)],
        [(4, 300), (5, 700)],
        [(5, 1_000)],
        [(5, 1_000)],
        [(5, 300)],
    ]


async def test_a_bulk_that_waits_keeps_its_turn_and_others_take_the_room() -> None:
    lane = _Lane()
    first, waiting = put(lane, 1, 600), put(lane, 1, 600)
    till = [put(lane, 2, 1) for _ in range(3)]
    assert Counter(one for one, _ in lane.take(Limits())) == {first: 600, **dict.fromkeys(till, 1)}
    other = put(lane, 3, 600)
    assert Counter(one for one, _ in lane.take(Limits())) == {waiting: 500, other: 500}


async def test_a_batch_is_capped_by_postings_not_by_transactions() -> None:
    lane = _Lane()
    put(lane, 1, 100, postings=100)
    assert lane.queued == 10_000
    taken = lane.take(Limits())
    assert 10 <= len(taken) <= 12  # each turn may pass its cap by less than one transaction
    assert lane.queued == 10_000 - 100 * len(taken)


async def test_what_has_passed_its_deadline_is_answered_before_it_costs_anything() -> None:
    lane = _Lane()
    late = put(lane, 1, 3_000, deadline=PASSED)
    kept = put(lane, 1, 3)
    assert programs(lane.take(Limits())) == {1: 3}
    assert late.future.done()
    assert all(isinstance(answer, DeadlineExceeded) for answer in late.answers)
    assert not kept.future.done()
    assert lane.queued == 0
    assert lane.take(Limits()) == []


class Bad(Exception):
    """What the database says of a request that it cannot take."""


@dataclass
class Recorder:
    """Stands where the database runs a batch: notes its works, waits to be let go, answers or refuses."""

    ready: asyncio.Event
    batches: list[list[Post]]
    failure: DomainError | None = None
    attempts: list[Exception | None] = field(default_factory=list)
    answer: DomainError | None = None

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[None]:
        """For a batch without locks; none is written so but where a test says what comes of them."""
        if not self.attempts:
            raise Rerun
        if (failure := self.attempts.pop(0)) is not None:
            raise failure
        yield

    async def run(self, batch: Any, *, repeatable: bool) -> Result:
        assert repeatable
        works = list(cast("Batch", batch.__self__)._works)
        self.batches.append(cast("list[Post]", works))
        await self.ready.wait()
        if self.failure is not None:
            raise self.failure
        if any(cast("Post", one).order.memo == "bad" for one in works):
            raise Bad
        done = [self.answer or Done(Outcome(NOW, transaction=n), replayed=False) for n in range(len(works))]
        return Result(done, [book()])


def committer(recorder: Recorder, written: list[Any], **limits: int) -> Committer:
    async def write_through(books: Any) -> None:
        written.append(books)

    return Committer(
        cast("Any", recorder),
        cast("Any", SimpleNamespace(forgotten=0)),
        FixedClock(NOW),
        write_through,
        QUIET,
        Limits(**limits),
    )


async def test_who_comes_just_as_the_last_batch_has_ended_does_not_wait_for_the_next_caller() -> None:
    recorder = Recorder(asyncio.Event(), [])
    recorder.ready.set()
    made = committer(recorder, [])
    async with asyncio.timeout(30):
        for _ in range(3):  # each is put in before anything else has heard that the one before is answered
            await made.submit([work()], FAR)
    assert [len(batch) for batch in recorder.batches] == [1, 1, 1]


async def test_while_one_batch_is_in_the_database_the_next_one_collects() -> None:
    recorder, written = Recorder(asyncio.Event(), []), list[Any]()
    commits = committer(recorder, written)
    sent = [asyncio.create_task(commits.submit([work()], FAR)) for _ in range(10)]
    await wait_until(lambda: recorder.batches)
    assert [len(batch) for batch in recorder.batches] == [10]
    more = [asyncio.create_task(commits.submit([work()], FAR)) for _ in range(5)]
    recorder.ready.set()
    answers = await asyncio.gather(*sent, *more)
    assert sum(len(batch) for batch in recorder.batches) == 15
    assert len(recorder.batches) == 2
    assert all(isinstance(answer, Done) for [answer] in answers)
    assert len(written) == 2
    await commits.drain()


@pytest.mark.parametrize(
    ("attempts", "locked"),
    [
        ([None] * 6, []),
        ([Rerun(), None, None, None, None, None], [0]),  # it needs locks after all: no matter for the others
        ([SerializationError(), None, None, None, None], [0, 1]),
        ([SerializationError(), SerializationError(), None], [0, 1, 2, 3, 4]),
        ([SerializationError(), None, SerializationError(), None], [0, 1, 3, 4]),
    ],
    ids=["nobody in the way", "needs locks", "once in the way", "twice, for longer", "twice with luck between"],
)
async def test_a_batch_takes_locks_where_others_were_in_the_way(
    attempts: list[Exception | None], locked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempt(batch: Batch, _: Any) -> Result:
        return Result([Done(Outcome(NOW), replayed=False) for _ in batch._works], [])

    monkeypatch.setattr(Batch, "attempt", attempt)
    recorder = Recorder(asyncio.Event(), [], attempts=attempts)
    recorder.ready.set()
    made = committer(recorder, [])
    for number in range(6):
        [answer] = await made.submit([work(memo=str(number))], FAR)
        assert isinstance(answer, Done)
    assert [int(one.order.memo) for [one] in recorder.batches] == locked
    assert attempts == []


@pytest.mark.parametrize("lost", [True, False])
async def test_a_write_whose_end_is_unknown_is_run_again_and_not_denied(*, lost: bool) -> None:
    away = Unavailable()
    away.__cause__ = ConnectionResetError() if lost else TimeoutError()
    recorder = Recorder(asyncio.Event(), [], attempts=[away])
    recorder.ready.set()
    recorder.answer = NotFound("programs/shop/accounts/ada")
    [answer] = await committer(recorder, []).submit([work()], FAR)
    assert isinstance(answer, Unavailable)
    assert len(recorder.batches) == lost
    [answer] = await committer(recorder, []).submit([work()], FAR)
    assert isinstance(answer, NotFound)


async def test_shards_have_batches_of_their_own() -> None:
    recorder = Recorder(asyncio.Event(), [])
    commits = committer(recorder, [])
    tasks = [asyncio.create_task(commits.submit([work(shard=shard)], FAR)) for shard in (0, 1)]
    await wait_until(lambda: len(recorder.batches) == 2)  # both are in the database at once
    recorder.ready.set()
    await asyncio.gather(*tasks)


async def test_one_bad_request_fails_alone() -> None:
    recorder = Recorder(asyncio.Event(), [])
    recorder.ready.set()
    commits = committer(recorder, [])
    works = [work(memo="bad" if n == 37 else "") for n in range(64)]
    answers = await commits.submit(works, FAR)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, DomainError)] == [37]
    assert isinstance(answers[37], Unavailable)
    assert len(recorder.batches) < 20


async def test_an_atomic_batch_is_never_cut_in_two() -> None:
    lane = _Lane()
    put(lane, 1, 400)
    whole = Submission([work() for _ in range(3_000)], FAR, whole=True)
    lane.put(2, whole)
    put(lane, 1, 400)
    taken = lane.take(Limits())
    assert [index for one, index in taken if one is whole] == list(range(3_000))
    assert (len(taken), lane.queued) == (250 + 3_000, 550)
    late = Submission([work() for _ in range(9)], PASSED, whole=True)
    lane.put(2, late)
    assert late not in [one for one, _ in lane.take(Limits())]
    assert all(isinstance(answer, DeadlineExceeded) for answer in late.answers)


@pytest.mark.parametrize("bad", ["one of the atomic batch", "one before", "one after", "none"])
async def test_bisection_does_not_cut_an_atomic_batch(bad: str) -> None:
    recorder = Recorder(asyncio.Event(), [])
    commits = committer(recorder, [])
    parts = {name: [work(memo="bad" if name == bad else "") for _ in range(20)] for name in ("one before", "one after")}
    whole = [work(memo="bad" if n == 7 and bad == "one of the atomic batch" else "") for n in range(50)]
    async with asyncio.TaskGroup() as group:
        first = group.create_task(commits.submit([work()], FAR))
        await wait_until(lambda: recorder.batches)  # the others collect meanwhile
        before = group.create_task(commits.submit(parts["one before"], FAR))
        together = group.create_task(commits.submit(whole, FAR, whole=True))
        after = group.create_task(commits.submit(parts["one after"], FAR))
        await asyncio.sleep(0)
        recorder.ready.set()
    failed = [
        [isinstance(answer, Unavailable) for answer in task.result()] for task in (first, before, together, after)
    ]
    assert failed == [
        [False],
        [bad == "one before"] * 20,
        [bad == "one of the atomic batch"] * 50,
        [bad == "one after"] * 20,
    ]
    ids = set(map(id, whole))
    assert {sum(id(one) in ids for one in batch) for batch in recorder.batches} <= {0, 50}


async def test_a_database_that_is_away_is_asked_once_and_everybody_is_told() -> None:
    recorder = Recorder(asyncio.Event(), [], Unavailable())
    recorder.ready.set()
    answers = await committer(recorder, []).submit([work() for _ in range(50)], FAR)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert len(recorder.batches) == 1


async def test_a_full_queue_refuses_at_once_and_queues_nothing() -> None:
    recorder = Recorder(asyncio.Event(), [])
    commits = committer(recorder, [], batch_max=1, queue_max=3)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(commits.submit([work()], FAR))
        await wait_until(lambda: recorder.batches)
        waiting = group.create_task(commits.submit([work() for _ in range(3)], FAR))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await commits.submit([work()], FAR)
        recorder.ready.set()
    assert (len(first.result()), len(waiting.result())) == (1, 3)
    assert sum(len(batch) for batch in recorder.batches) == 4


async def test_a_caller_that_gives_up_does_not_stop_the_batch_that_has_its_work() -> None:
    recorder, written = Recorder(asyncio.Event(), []), list[list[Book]]()
    commits = committer(recorder, written)
    gone = asyncio.create_task(commits.submit([work()], FAR))
    await wait_until(lambda: recorder.batches)
    gone.cancel()
    recorder.ready.set()
    assert isinstance((await commits.submit([work()], FAR))[0], Done)
    assert gone.cancelled()
    assert len(written) == 2
