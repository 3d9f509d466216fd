"""One batch: read, decide in arrival order, write.

Where it can, a batch reads without locks and writes, in a transaction of its own, if nothing of what it has read was
changed meanwhile: two round trips. Else it is one transaction at READ COMMITTED that locks before it reads. See
docs/adr/0067.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, NotFound, RequestIdReused, Unavailable
from guerdon_kit.postgres import Connection, Rerun
from guerdon_kit.postgres.requests import freeze, thaw
from ledger.domain import clockwork
from ledger.domain.book import Book
from ledger.domain.books import close_time_of
from ledger.domain.desk import Desk
from ledger.domain.errors import AlreadyPosted, BatchNotPosted
from ledger.domain.model import Account, Program, Unopened
from ledger.operations.outcome import Outcome, account_ids, decode
from ledger.operations.work import Work
from ledger.store import limits, reader, writer
from ledger.store.directory import Directory
from ledger.store.ids import IdBlocks

UNLOCKED_MAX = timedelta(milliseconds=250)
"""How long after its clock was read a batch without locks may begin to write: until then nothing shows that it is under
way, and who asks for balances at a record time waits for it to be over.
"""
_TICK = timedelta(microseconds=1)
_SOON = timedelta(seconds=1)
"""Books whose balance changes this soon are read in full: the batch's later items may reach that moment."""


class Done(NamedTuple):
    """An outcome, and whether it is that of an earlier request."""

    outcome: Outcome
    replayed: bool


class OpenedElsewhere(Unavailable):
    """Another process has opened an account that was to be opened: it can be found now."""


Answer = Done | DomainError
Decided = tuple[Answer, bool]
"""An answer, and whether its request is to be recorded."""
Here = dict[bytes, tuple[Work, Answer]]
"""What this batch has decided and will record, by request."""


@dataclass(frozen=True, slots=True)
class Result:
    """The answers of a batch in its order, and the books that readers must see before anybody hears of it: those it
    changed, and those of requests that came before, whose worker may have died before it showed them; and the accounts
    that it opened.
    """

    answers: list[Answer]
    shown: list[Book]
    opened: Sequence[Account] = ()

    def doubted(self) -> Result:
        """The same, where an earlier run of the batch may still be carried out: what would not stop it is not told."""
        answers = [one if isinstance(one, Done) or one.frozen else Unavailable() for one in self.answers]
        return replace(self, answers=answers)


class Batch:
    """Decides and writes a list of works, in as many runs as that takes. `wholes` are the places, in order, of
    transactions that are posted together or not at all.
    """

    def __init__(self, works: Sequence[Work], directory: Directory, clock: Clock, wholes: Sequence[range] = ()) -> None:
        self._works = works
        self._directory = directory
        self._clock = clock
        self._wholes = wholes
        self._taken: frozenset[int] = frozenset()
        """Accounts that were to be opened and that another batch has opened since, by the ids they will not have."""

    @property
    def needs_locks(self) -> bool:
        """Whether it can only be decided under lock."""
        if self._wholes:
            return True
        shard = self._works[0].program.shard
        for work in self._works:
            if work.needs_locks or work.limitable or work.program.shard != shard:
                return True
            for account in work.members:
                if account.shard != shard or type(account) is Unopened:
                    return True
        return False

    async def attempt(self, connection: Connection) -> Result:
        """Decides on what is read without locks, and writes it if it is still so; outside of a transaction.

        Raises:
            Rerun: it needs locks.
            SerializationError: something was changed meanwhile; nothing is written.
        """
        accounts = {account.id: account for work in self._works for account in work.members}
        programs = list({work.program.number for work in self._works} | {a.program.number for a in accounts.values()})
        shard, keys = self._works[0].program.shard, self._keys()
        books, beginning = await reader.look(connection, shard, accounts, programs, keys.get(shard, []))
        desk, known, now, limitable = await self._read(connection, books, beginning)
        if limitable:
            raise Rerun
        answers = self._decide(desk, known, now)
        rows = self._request_rows(answers, known).get(shard, [])
        close_times = {program: beginning.close_times.get(program) for program in programs}
        decided = list(books.values())
        await writer.write_if_unchanged(
            connection,
            shard,
            beginning.block,
            decided,
            close_times,
            desk.journal,
            rows,
            now,
            latest=beginning.now + UNLOCKED_MAX,
        )
        return Result([answer for answer, _ in answers], self._shown(books, known))

    async def run(self, connection: Connection) -> Result:
        """Locks, decides and writes, within a transaction.

        Raises:
            Rerun, SerializationError: another worker won the race for a request or an account; nothing is then written.
        """
        works = self._works
        locked = {account.id: account for work in works for account in (*work.members, *work.locks)}
        unopened = {
            id_: one for id_, one in locked.items() if type(one) is Unopened and not self._directory.is_open(one)
        }
        books = await reader.lock(connection, [one for id_, one in locked.items() if id_ not in unopened])
        books = {id_: book for id_, book in books.items() if book.account.is_member}
        books |= {id_: Book(one, loaded=True) for id_, one in unopened.items() if id_ not in self._taken}
        programs = {work.program.number: work.program for work in works}
        programs |= {account.program.number: account.program for account in locked.values()}
        beginning = await reader.begin(connection, programs.values(), self._keys())
        desk, known, now, limitable = await self._read(connection, books, beginning)
        slices = await limits.lock(connection, limitable) if limitable else {}
        desk.slices.update(slices)
        await self._consult(connection, desk)
        answers = self._decide(desk, known, now)
        rows = self._request_rows(answers, known)
        try:
            await writer.write(connection, beginning.block, books.values(), unopened.keys(), desk.journal, rows, now)
        except writer.AccountsTaken as race:
            self._taken |= race.accounts
            raise
        if slices:
            await limits.write(connection, slices, desk.slices)
        opened = [one.opened() for id_, one in unopened.items() if id_ in books and books[id_].changed]
        return Result([answer for answer, _ in answers], self._shown(books, known), opened)

    async def _read(
        self, connection: Connection, books: dict[int, Book], beginning: reader.Beginning
    ) -> tuple[Desk, dict[bytes, Any], datetime, list[Account]]:
        """The desk to decide at, without limits; the requests that came before; the time; and the accounts that may
        have a credit limit and that points may be moved of.
        """
        now = beginning.now + self._clock.offset()
        known = await self._decoded(connection, beginning.known)
        loaded, limitable = await self._load(connection, books, known, max([now, *beginning.close_times.values()]))
        desk = await self._desk(connection, books, loaded, IdBlocks(beginning.block), beginning.close_times)
        return desk, known, now, limitable

    async def _consult(self, connection: Connection, desk: Desk) -> None:
        consulting = [work for work in self._works if work.consults]
        if consulting:
            consulted = {program for work in consulting for program in _programs(work)}
            desk.policies.update(await reader.policies(connection, consulted))
            asked = [adjustment for work in consulting for adjustment in work.approves]
            desk.adjustments.update(await reader.lock_adjustments(connection, asked))

    def _shown(self, books: Mapping[int, Book], known: Mapping[bytes, Any]) -> list[Book]:
        came_before = [work for work in self._works if work.fingerprint is not None and work.fingerprint.key in known]
        again = {account.id for work in came_before for account in work.members}
        return [book for id_, book in books.items() if book.changed or id_ in again]

    def _keys(self) -> dict[int, list[bytes]]:
        keys: dict[int, list[bytes]] = {}
        for work in self._works:
            if work.fingerprint is not None:
                keys.setdefault(work.program.shard, []).append(work.fingerprint.key)
        return keys

    async def _decoded(self, connection: Connection, found: Mapping[bytes, Any]) -> dict[bytes, Any]:
        """The records of requests that came before, each with the accounts that its outcome tells of."""
        if not found:
            return {}
        accounts: dict[int, Account] = {}
        shards = {account.shard for work in self._works for account in work.members}
        wanted = {id_ for row in found.values() if row["outcome"] is not None for id_ in account_ids(row["outcome"])}
        for shard in sorted(shards):
            accounts |= await self._directory.by_ids(shard, wanted - accounts.keys(), connection)
        return {key: (row, accounts) for key, row in found.items()}

    async def _load(
        self, connection: Connection, books: dict[int, Book], known: dict[bytes, Any], now: datetime
    ) -> tuple[int, list[Account]]:
        """Reads lots and holds where a decision needs them; answers how many, and the accounts that may have a credit
        limit and that points may be moved of.
        """
        new = [work for work in self._works if work.fingerprint is None or work.fingerprint.key not in known]
        wanted = {account.id for work in new for account in work.loads}
        takes: dict[int, int] = {}
        for work in new:
            for account, amount in work.takes:
                takes[account.id] = takes.get(account.id, 0) + amount
        # Times go on from the latest that is recorded or closed, which a clock that was set back has still to reach.
        horizon = max([now, *[book.record_time for book in books.values()]]) + _SOON
        due = {id_ for id_, book in books.items() if book.valid_until <= horizon}
        to_load = [books[id_] for id_ in sorted(wanted | due | takes.keys()) if id_ in books]
        for id_ in wanted | due:
            takes.pop(id_, None)
        count = await reader.load(connection, to_load, takes) if to_load else 0
        count += await reader.more_lots(connection, (pair for work in new for pair in work.lots), books)
        await reader.more_holds(connection, (pair for work in new for pair in work.holds), books)
        limitable = [account for work in new for account in work.limitable]
        for book in to_load:
            budgets = {lot.budget for lot in book.lots.values() if lot.budget is not None}
            program = book.account.program
            if not self._directory.knows_system_accounts(program, book.account.unit, budgets):
                await self._directory.load_system_accounts(program, connection)
            if budgets:  # what expires goes back to them
                limitable += [
                    self._directory.by_id(program, lot.budget)
                    for lot in book.lots.values()
                    if lot.budget is not None and lot.expire_time <= horizon
                ]
        return count, limitable

    async def _desk(
        self,
        connection: Connection,
        books: dict[int, Book],
        loaded: int,
        ids: IdBlocks,
        close_times: dict[int, datetime],
    ) -> Desk:
        originals = {original for work in self._works for original in work.reverses}
        undone = {}
        if originals:
            shards = {work.program.shard for work in self._works if work.reverses}
            shards |= {a.shard for work in self._works if work.reverses for a in work.members}
            undone = await reader.reversals(connection, shards, originals)
        # Each work, each lot and hold that may be due, and what a resolved hold may let expire.
        await ids.reserve(connection, sum(work.ids for work in self._works) + 2 * loaded + len(self._works))
        return Desk(books, ids.take, self._directory, undone, close_times)

    def _decide(self, desk: Desk, known: dict[bytes, Any], now: datetime) -> list[Decided]:
        """The answers, each with whether its request is to be recorded."""
        if not self._wholes:
            return self._decide_each(self._works, desk, known, {}, now)
        answers: list[Decided] = []
        here: Here = {}
        for whole in self._wholes:
            alone, together = self._works[len(answers) : whole.start], self._works[whole.start : whole.stop]
            answers += self._decide_each(alone, desk, known, here, now + len(answers) * _TICK)
            answers += self._decide_whole(together, desk, known, here, now + len(answers) * _TICK)
        rest = self._works[len(answers) :]
        return answers + self._decide_each(rest, desk, known, here, now + len(answers) * _TICK)

    def _decide_whole(
        self, works: Sequence[Work], desk: Desk, known: dict[bytes, Any], here: Here, now: datetime
    ) -> list[Decided]:
        """All of these transactions or none; where one is refused, books and journal are as they were.

        One that was posted before, by itself or among others, cannot be posted together with the rest any more: it is
        refused as such, unless all of them were. Then this is a replay.
        """
        before = [_answered_before(work, known, here) for work in works]
        if any(answer is not None for answer in before):
            return [(answer, False) for answer in _whole_again(works, before)]
        members = {account.id for work in works for account in work.members}
        saved = [(book, book.copy()) for id_, book in desk.books.items() if id_ in members]
        slices = dict(desk.slices)
        records, events = len(desk.journal.records), len(desk.journal.events)
        ours: Here = {}
        answers: list[Decided] = []
        for work in works:
            answers += self._decide_each([work], desk, known, ours, now + len(answers) * _TICK)
            refusal, keep = answers[-1]
            if isinstance(refusal, DomainError):
                for book, copy in saved:
                    book.put_back(copy)
                desk.slices.update(slices)
                del desk.journal.records[records:], desk.journal.events[events:]
                if keep and work.fingerprint is not None:
                    here[work.fingerprint.key] = (work, refusal)
                refused = [refusal if one is work else None for one in works]
                return [(answer, keep and answer is refusal) for answer in none_posted(refused)]
        here |= ours
        return answers

    def _decide_each(
        self, works: Sequence[Work], desk: Desk, known: dict[bytes, Any], here: Here, now: datetime
    ) -> list[Decided]:
        """Each of these works on its own; adds to `here` what is to be recorded."""
        answers: list[Decided] = []
        at = now
        for work in works:
            fingerprint = work.fingerprint
            if fingerprint is not None:
                if fingerprint.key in known:
                    answers.append((_replay(work, *known[fingerprint.key]), False))
                    continue
                if fingerprint.key in here:
                    answers.append((_again(work, *here[fingerprint.key]), False))
                    continue
            books = [desk.books[account.id] for account in work.members if account.id in desk.books]
            if len(books) < len(work.members):
                missing = next(account for account in work.members if account.id not in desk.books)
                gone = isinstance(missing, Unopened)
                answers.append((OpenedElsewhere() if gone else NotFound(missing.name), False))
                continue
            # Each goes on from its own accounts' times: one that is ahead of the clock hastens no other's expiry.
            at += _TICK
            # Nothing is recorded within closed books, which a clock that was set back may still point into.
            closed = close_time_of(_programs(work), desk.close_times) if desk.close_times else None
            start = at if closed is None else max(at, closed)
            answer = _decide_one(work, books, desk, _sweep(books, desk, start))
            keep = fingerprint is not None and (isinstance(answer, Done) or answer.frozen)
            if keep and fingerprint is not None:
                here[fingerprint.key] = (work, answer)
            answers.append((answer, keep))
        return answers

    def _request_rows(
        self, answers: Iterable[tuple[Answer, bool]], known: dict[bytes, Any]
    ) -> dict[int, list[writer.RequestRow]]:
        rows: dict[int, list[writer.RequestRow]] = {}
        for work, (answer, keep) in zip(self._works, answers, strict=True):
            fingerprint = work.fingerprint
            if not keep or fingerprint is None:
                continue
            outcome = answer.outcome.encode() if isinstance(answer, Done) else None
            refusal = None if isinstance(answer, Done) else json.dumps(freeze(answer))
            rows.setdefault(work.program.shard, []).append(
                writer.RequestRow(fingerprint.key, fingerprint.digest, fingerprint.fields, outcome, refusal)
            )
        return rows


def none_posted(refusals: Sequence[DomainError | None]) -> list[DomainError]:
    """The answers to transactions that were to be posted together, of which some are refused: the others are told of
    the first of these.
    """
    first = next(index for index, refusal in enumerate(refusals) if refusal is not None)
    others = BatchNotPosted(item=first)
    return [others if refusal is None else refusal for refusal in refusals]


def _whole_again(works: Sequence[Work], before: Sequence[Answer | None]) -> Sequence[Answer]:
    """The answers to transactions that were to be posted together, where some have been answered before."""
    done = [answer for answer in before if isinstance(answer, Done)]
    if len(done) == len(works):
        return done
    refusals: list[DomainError | None] = []
    for work, answer in zip(works, before, strict=True):
        if isinstance(answer, Done):
            refusals.append(AlreadyPosted(transaction=f"{work.program.name}/transactions/{answer.outcome.transaction}"))
        else:
            refusals.append(answer)
    return none_posted(refusals)


def _answered_before(work: Work, known: dict[bytes, Any], here: Here) -> Answer | None:
    """What the request was answered, if it came before."""
    if work.fingerprint is None:
        return None
    key = work.fingerprint.key
    if key in known:
        return _replay(work, *known[key])
    return _again(work, *here[key]) if key in here else None


def _sweep(books: Sequence[Book], desk: Desk, at: datetime) -> datetime:
    """Books what the clock has done to the accounts that a work touches; answers `at` or a time later than all that was
    recorded on them, at which nothing more is due.
    """
    while True:
        for book in books:
            at = _after(book, at)
        due = [book for book in books if clockwork.is_due(book, at)]
        if not due:
            return at
        for book in due:
            at = clockwork.sweep(book, desk, _after(book, at))


def _decide_one(work: Work, books: Sequence[Book], desk: Desk, at: datetime) -> Answer:
    """Decides one work at a time later than its accounts' last; a refusal leaves them as they were."""
    # One posting to or from one account is refused before it changes anything, unless a credit limit refuses it.
    save = len(books) > 1 or work.weight > 1 or (desk.slices and work.limitable)
    saved = [book.copy() for book in books] if save else []
    slices = dict(desk.slices)
    try:
        return Done(work.decide(desk, at), replayed=False)
    except DomainError as refusal:
        for book, before in zip(books, saved, strict=False):
            book.put_back(before)
        desk.slices.update(slices)
        return refusal


def _programs(work: Work) -> Iterator[Program]:
    """Those in whose books a work writes."""
    yield work.program
    for account in work.members:
        yield account.program


def _after(book: Book, at: datetime) -> datetime:
    return at if book.record_time < at else book.record_time + _TICK


def _replay(work: Work, row: Any, accounts: dict[int, Account]) -> Answer:
    assert work.fingerprint is not None
    differing = work.fingerprint.differing(row["digest"], row["fields"])
    if differing is not None:
        return RequestIdReused(fields=differing)
    if row["refusal"] is not None:
        return thaw(row["refusal"])
    return Done(decode(row["outcome"], accounts), replayed=True)


def _again(work: Work, first: Work, answer: Answer) -> Answer:
    """The same request twice in one batch."""
    assert work.fingerprint is not None
    assert first.fingerprint is not None
    differing = work.fingerprint.differing(first.fingerprint.digest, first.fingerprint.fields)
    if differing is not None:
        return RequestIdReused(fields=differing)
    return Done(answer.outcome, replayed=True) if isinstance(answer, Done) else thaw(freeze(answer))
