"""A program's books: what happened before their close time is not posted any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from ledger.domain.errors import BooksAlreadyClosed, BooksClosed, BooksNotClosed, SecondPersonRequired
from ledger.domain.model import LONG_AGO, Program


class IfClosed(IntEnum):
    """What becomes of a transaction that happened while the books that it belongs to are closed by now. The numbers are
    those of the contract.
    """

    REFUSE = 1
    CARRY_FORWARD = 2


@dataclass(frozen=True, slots=True)
class BooksChange:
    """A closing or a reopening, as it is stored. `close_time` None: nothing is closed from then on."""

    number: int
    close_time: datetime | None
    actor: str
    person: str
    """Who decided it: the actor, or whom the actor acts for."""
    reason: str
    record_time: datetime


def effective_time(
    asked: datetime | None, now: datetime, program: Program, close_time: datetime | None, if_closed: IfClosed
) -> datetime:
    """When a transaction that is recorded at `now`, which is not before `close_time`, counts as having happened.

    Raises:
        BooksClosed: in closed books, and it is not to be carried forward into the open ones.
    """
    effective = now if asked is None or asked > now else asked
    if close_time is None or effective >= close_time:
        return effective
    if if_closed is IfClosed.REFUSE:
        raise BooksClosed(program=program.name, close_time=close_time.isoformat(), effective_time=effective.isoformat())
    return close_time


def close_time_of(programs: Iterable[Program], close_times: Mapping[int, datetime]) -> datetime | None:
    """The latest of these programs' close times, which are given by number; None where all books are open."""
    return max((close_times[one.number] for one in programs if one.number in close_times), default=None)


def require_closable(program: Program, changes: Sequence[BooksChange], close_time: datetime) -> None:
    """Raises BooksAlreadyClosed where the books are closed up to that time or further. `changes` are newest first."""
    now_closed = changes[0].close_time if changes else None
    if now_closed is not None and close_time <= now_closed:
        raise BooksAlreadyClosed(program=program.name, close_time=now_closed.isoformat())


def require_reopenable(
    program: Program, changes: Sequence[BooksChange], close_time: datetime | None, person: str
) -> None:
    """Whether `person` may have the books closed only up to `close_time`, or not at all. `changes` are all there were,
    newest first.

    Raises:
        BooksNotClosed: they are not closed any further.
        SecondPersonRequired: the same person closed a part of what would be open again.
    """
    now_closed = changes[0].close_time if changes else None
    wanted = close_time or LONG_AGO
    if now_closed is None or now_closed <= wanted:
        raise BooksNotClosed(program=program.name, close_time=now_closed.isoformat() if now_closed else "never")
    # What a closing closed is closed still as far as no later change went below it.
    still = now_closed
    for change, before in zip(changes, [*changes[1:], None], strict=True):
        still = min(still, change.close_time or LONG_AGO)
        began = (before.close_time if before is not None else None) or LONG_AGO
        if still > max(began, wanted) and change.person == person:
            because = f"the books of {program.name} up to {still.isoformat()} were closed by the same person"
            raise SecondPersonRequired(because=because, program=program.name, close_time=still.isoformat())
