"""Reversal: undoing an earlier transaction, wholly or in part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from ledger.domain.book import Book, Move
from ledger.domain.clockwork import expire_due
from ledger.domain.desk import Desk, Undone
from ledger.domain.errors import InsufficientPoints, NotReversible, OverReversal, PartialReversalNotPossible
from ledger.domain.journal import Entry, Event, Record
from ledger.domain.model import EARNING, SPENDING, Account, Kind, Program
from ledger.domain.posting import entry, moved_expiry
from ledger.domain.states import Operation, require

FINAL = frozenset({Kind.REVERSAL, Kind.EXPIRY, Kind.MERGE})
"""The kinds that cannot be reversed."""


class Policy(IntEnum):
    """What happens when the points that an earn brought are gone. The numbers are those of the contract."""

    ONLY_UNSPENT = 1
    WITHIN_BALANCE = 2
    ALLOW_NEGATIVE = 3


@dataclass(frozen=True, slots=True)
class OriginalPosting:
    """A posting of the transaction to undo, as it is stored, with what was undone of it so far."""

    id: int
    source: Account
    destination: Account
    amount: int
    consumed: tuple[Move, ...]
    """What it took from the source's lots: lot and positive amount, in the order of consumption."""
    made: tuple[int, ...]
    """The lots that it made at the destination, in the order of consumption; a system account has none of them."""


@dataclass(frozen=True, slots=True)
class Original:
    """The transaction to undo."""

    id: int
    program: Program
    kind: Kind
    size: int
    """How many postings it has. Those of an exchange that lie in other programs may not be among `postings`."""
    postings: tuple[OriginalPosting, ...]

    @property
    def name(self) -> str:
        """The resource name."""
        return f"{self.program.name}/transactions/{self.id}"


@dataclass(frozen=True, slots=True)
class ReversalOrder:
    """A reversal that is asked for. `amount` 0 is all that is left."""

    amount: int
    policy: Policy
    actor: str
    memo: str


def reverse(order: ReversalOrder, original: Original, desk: Desk, now: datetime) -> Record | None:
    """Undoes `original`, or that part of it; None where the policy leaves nothing to take.

    Restored lots keep their own expiry. One that has meanwhile expired gets the program's grace from now on, and with
    it what is held of it; without any it expires again at once. Points that this earn brought and that have expired are
    not taken again, and points that went on to other members are not followed.
    An exchange of several postings goes back as a whole or not at all, whatever the policy: neither side keeps points
    for which the other has got its own back.

    Raises:
        NotReversible: an expiry, a merge or a reversal.
        InsufficientPoints: the policy does not let the whole of an exchange be taken back.
        PartialReversalNotPossible: part of a transaction of several postings.
        OverReversal: more than is left of it.
        AccountClosed: an account that it would change is closed.
        BudgetExhausted: a budget has given away what is to be taken out of it again.
    """
    require_reversible(original)
    earlier = desk.reversals.get(original.id, [])
    amounts = _amounts(order, original, earlier, desk.books)
    _require_states(original, desk.books)
    if original.kind is Kind.EXCHANGE and len(amounts) > 1:
        _require_whole(order, original, amounts, desk.books, now)
    first = desk.ids(len(original.postings))
    granted: list[Event] = []
    entries: list[Entry] = []
    for posting, amount in zip(original.postings, amounts, strict=True):
        restored = [move for undone in earlier if undone.source == posting.source.id for move in undone.moves]
        work = _Undoing(order.policy, original.kind, posting, restored, first + len(entries), len(entries))
        grace = _Grace(desk.policies[posting.source.program.number].restored_lot_grace, order.actor, granted)
        entry_made = _undo(work, amount, desk.books, grace, now)
        if entry_made is not None:
            entries.append(entry_made)
    if not entries:
        return None
    record = Record(
        first,
        original.program.number,
        Kind.REVERSAL,
        now,
        now,
        order.actor,
        order.memo,
        original.id,
        tuple(entries),
    )
    desk.book(record)
    desk.journal.events += granted
    undone = [Undone(made.destination.id, made.amount, made.moves) for made in entries]
    desk.reversals.setdefault(original.id, []).extend(undone)
    for account in {posting.source.id for posting in original.postings}:
        if account in desk.books:
            expire_due(desk.books[account], desk, now)
    return record


def _require_states(original: Original, books: Mapping[int, Book]) -> None:
    for posting in original.postings:
        for account, operation in (
            (posting.destination, Operation.CLAW_BACK),
            (posting.source, Operation.RESTORE),
        ):
            if account.id in books:
                require(operation, account, books[account.id].state)


def require_reversible(original: Original) -> None:
    """Raises NotReversible for an expiry, a merge or a reversal."""
    if original.kind in FINAL:
        raise NotReversible(transaction=original.name, kind=original.kind.name)


def require_cancellable(original: Original) -> None:
    """Raises NotReversible for what cannot be undone as far as it is pending: a part of an exchange cannot either."""
    if original.kind is Kind.EXCHANGE:
        raise NotReversible(transaction=original.name, kind=original.kind.name)
    require_reversible(original)


def _require_whole(
    order: ReversalOrder, original: Original, amounts: Sequence[int], books: Mapping[int, Book], now: datetime
) -> None:
    """Raises OverReversal where a part has expired, InsufficientPoints where the policy would leave a part."""
    required: dict[int, int] = {}
    made: dict[int, list[int]] = {}
    for posting, amount in zip(original.postings, amounts, strict=True):
        if amount < posting.amount:
            raise OverReversal(transaction=original.name, requested=posting.amount, remaining=amount)
        if posting.destination.id in books:
            required[posting.destination.id] = required.get(posting.destination.id, 0) + amount
            made.setdefault(posting.destination.id, []).extend(posting.made)
    for account, amount in required.items():
        within = _within(order.policy, books[account], made[account], now)
        if amount > within:
            raise InsufficientPoints(books[account].account.name, amount, within)


def _amounts(
    order: ReversalOrder, original: Original, earlier: Sequence[Undone], books: Mapping[int, Book]
) -> list[int]:
    """How much of each posting is to be undone."""
    left = [posting.amount - _expired(posting, books) for posting in original.postings]
    if len(left) > 1:
        # An exchange's postings are of two units, which have no sum.
        total = 0 if original.kind is Kind.EXCHANGE else sum(posting.amount for posting in original.postings)
        if earlier:
            raise OverReversal(transaction=original.name, requested=order.amount or total, remaining=0)
        if order.amount not in (0, total):
            raise PartialReversalNotPossible(transaction=original.name, postings=len(left))
        return left
    # What was taken as debt may come back with a restored spend and expire: together more than the posting brought.
    remaining = max(0, left[0] - sum(undone.amount for undone in earlier))
    requested = order.amount or remaining
    if requested > remaining or requested == 0:
        raise OverReversal(transaction=original.name, requested=order.amount, remaining=remaining)
    return [requested]


def _expired(posting: OriginalPosting, books: Mapping[int, Book]) -> int:
    """How much of what a posting brought has expired since."""
    book = books.get(posting.destination.id)
    return 0 if book is None else sum(book.lots[lot].expired for lot in posting.made if lot in book.lots)


@dataclass(frozen=True, slots=True)
class _Undoing:
    """One posting on its way back."""

    policy: Policy
    kind: Kind
    posting: OriginalPosting
    restored: list[Move]
    id: int
    ordinal: int


@dataclass(frozen=True, slots=True)
class _Grace:
    """What a program grants to lots that have expired before they are restored."""

    lifetime: timedelta
    """How long they live from then on."""
    actor: str
    granted: list[Event]

    def grant(self, lots: Iterable[int], book: Book, now: datetime) -> None:
        """Gives those of the lots that have expired their new expiry."""
        expired = [lot for lot in map(book.lots.__getitem__, lots) if lot.expire_time <= now]
        if expired and self.lifetime:
            self.granted.append(moved_expiry(expired, now + self.lifetime, book, self.actor, now))


def _undo(work: _Undoing, amount: int, books: Mapping[int, Book], grace: _Grace, now: datetime) -> Entry | None:
    posting, kind = work.posting, work.kind
    taker, giver = books.get(posting.source.id), books.get(posting.destination.id)
    moves: list[Move] = []
    giver_debt = 0 if giver is None else giver.debt
    taker_debt = 0 if taker is None else taker.debt
    if giver is not None:
        amount = min(amount, _within(work.policy, giver, posting.made, now))
        if amount == 0:
            return None
        others = 0 if work.policy is Policy.ONLY_UNSPENT else amount
        # As `restorable` goes: what part of a transfer brought last returns to the lots that it took last.
        moves += giver.claw_back(amount, reversed(posting.made), others, now)
        if kind in EARNING:
            giver.earned -= amount
    if taker is not None:
        taker.require_room(amount)
        back = restorable(posting.consumed, work.restored, amount)
        grace.grant([lot for lot, _ in back], taker, now)
        moves += taker.restore(back, now)
        if kind in SPENDING:
            taker.spent -= amount
    return entry(
        work.id,
        work.ordinal,
        posting.destination,
        posting.source,
        amount,
        giver,
        taker,
        moves,
        now,
        source_debt_delta=0 if giver is None else giver.debt - giver_debt,
        destination_debt_delta=0 if taker is None else taker.debt - taker_debt,
    )


def _within(policy: Policy, book: Book, made: Iterable[int], now: datetime) -> int:
    """The most that a policy lets a claw-back take."""
    if policy is Policy.ALLOW_NEGATIVE:
        return 2**63 - 1
    own = [book.lots[lot] for lot in made if lot in book.lots and book.lots[lot].expire_time > now]
    if policy is Policy.ONLY_UNSPENT:
        return sum(lot.free for lot in own)
    return max(book.available, 0) + sum(lot.free for lot in own if lot.available_time > now)


def consumed(source: Account, moves: Iterable[Move], amount: int) -> tuple[Move, ...]:
    """What a stored posting of `amount` took from its source's lots, in the order of consumption, as positive amounts.

    Those are its first moves. What follows paid debts, from lots of either side, and is not given back.
    """
    taken: list[Move] = []
    for lot, delta in moves if source.is_member else ():
        if amount == 0:
            break
        taken.append((lot, -delta))
        amount += delta
    return tuple(taken)


def restorable(consumed: Iterable[Move], restored: Iterable[Move], amount: int) -> list[Move]:
    """What to put back where: the reverse of the order of consumption, less what was put back before."""
    back: dict[int, int] = {}
    for lot, part in restored:
        if part > 0:
            back[lot] = back.get(lot, 0) + part
    plan: list[Move] = []
    for lot, part in reversed(list(consumed)):
        already = min(back.get(lot, 0), part)
        back[lot] = back.get(lot, 0) - already
        give = min(part - already, amount)
        if give:
            plan.append((lot, give))
            amount -= give
    assert amount == 0, "more is restored than was consumed"
    return plan
