"""The writes that a batch is made of. Each says what it locks and reads, and decides with it under lock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from guerdon_kit.errors import NotFound
from guerdon_kit.idempotency import Fingerprint
from ledger.domain.adjustments import Adjustment, approve, require_alone
from ledger.domain.book import Book
from ledger.domain.desk import Desk
from ledger.domain.holds import CaptureOrder, HoldOrder, capture, hold_name, place, release
from ledger.domain.lifecycle import StateOrder, change_state
from ledger.domain.lots import Cancel, LotsOrder, update_lots
from ledger.domain.model import MOVED_LOTS_MAX, MOVING, Account, Hold, Kind, Program
from ledger.domain.posting import PostingOrder, TransactionOrder, post
from ledger.domain.reversal import Original, OriginalPosting, ReversalOrder, reverse
from ledger.operations.outcome import Outcome


class Work(Protocol):
    """One write."""

    @property
    def fingerprint(self) -> Fingerprint | None:
        """What identifies its request; None for the sweeper's own."""
        ...

    @property
    def program(self) -> Program:
        """Whose turn it takes, and whose shard keeps its request record."""
        ...

    @property
    def members(self) -> tuple[Account, ...]:
        """The member accounts to lock, each once."""
        ...

    @property
    def locks(self) -> tuple[Account, ...]:
        """System accounts to lock besides."""
        ...

    @property
    def limitable(self) -> tuple[Account, ...]:
        """The accounts that it moves points of and that may have a credit limit; those that points expire to aside."""
        ...

    @property
    def weight(self) -> int:
        """How many postings it may make, at least 1."""
        ...

    @property
    def ids(self) -> int:
        """How many ids it may take, and what the clock may do to the lots that it makes."""
        ...

    @property
    def loads(self) -> tuple[Account, ...]:
        """Those of the members all of whose lots and holds must be read."""
        ...

    @property
    def takes(self) -> Iterable[tuple[Account, int]]:
        """What it takes of members of whom it needs no lots but those that are consumed first."""
        ...

    @property
    def lots(self) -> Iterable[tuple[Account, int]]:
        """Lots to read besides, which may be closed."""
        ...

    @property
    def holds(self) -> Iterable[tuple[Account, int]]:
        """Holds to read besides, which may be resolved."""
        ...

    @property
    def reverses(self) -> tuple[int, ...]:
        """The transactions whose earlier reversals to read."""
        ...

    @property
    def consults(self) -> bool:
        """Whether it consults its program's policies or a proposed adjustment, as hardly any does."""
        ...

    @property
    def approves(self) -> tuple[Adjustment, ...]:
        """The proposed adjustments to lock and read."""
        ...

    @property
    def needs_locks(self) -> bool:
        """Whether it can be decided under lock alone, for what it reads or writes besides member accounts, lots and
        holds.
        """
        ...

    def decide(self, desk: Desk, now: datetime) -> Outcome:
        """Applies it to the books, or raises a `DomainError`."""
        ...


@dataclass(frozen=True, slots=True)
class _Plain:
    """What most writes leave empty."""

    consults: ClassVar[bool] = False  # no property: every batch asks it of all its works
    needs_locks: ClassVar[bool] = False
    fingerprint: Fingerprint | None

    @property
    def locks(self) -> tuple[Account, ...]:
        return ()

    @property
    def limitable(self) -> tuple[Account, ...]:
        return ()

    @property
    def weight(self) -> int:
        return 1

    @property
    def ids(self) -> int:
        return self.weight

    @property
    def takes(self) -> Iterable[tuple[Account, int]]:
        return ()

    @property
    def lots(self) -> Iterable[tuple[Account, int]]:
        return ()

    @property
    def holds(self) -> Iterable[tuple[Account, int]]:
        return ()

    @property
    def reverses(self) -> tuple[int, ...]:
        return ()

    @property
    def approves(self) -> tuple[Adjustment, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Post(_Plain):
    """Posts a transaction."""

    order: TransactionOrder
    members: tuple[Account, ...]
    loads: tuple[Account, ...]

    @classmethod
    def of(cls, order: TransactionOrder, fingerprint: Fingerprint) -> Post:
        """The write of an order: credits need no lots."""
        made = Adjust if order.kind is Kind.ADJUSTMENT else cls
        if len(order.postings) == 1:
            [only] = order.postings
            if not only.source.is_member:
                return made(fingerprint, order, (only.destination,) if only.destination.is_member else (), ())
        members = {a.id: a for p in order.postings for a in (p.source, p.destination) if a.is_member}
        moved = {p.source.id: p.source for p in order.postings if p.source.is_member} if order.kind in MOVING else {}
        return made(fingerprint, order, tuple(members.values()), tuple(moved.values()))

    @property
    def program(self) -> Program:
        return self.order.program

    @property
    def takes(self) -> Iterable[tuple[Account, int]]:
        if self.order.kind in MOVING:
            return ()
        return [(posting.source, posting.amount) for posting in self.order.postings if posting.source.is_member]

    @property
    def limitable(self) -> tuple[Account, ...]:
        postings = self.order.postings
        if len(postings) == 1 and not (postings[0].source.limitable or postings[0].destination.limitable):
            return ()  # nearly always
        return _limitable(postings)

    @property
    def weight(self) -> int:
        return len(self.order.postings)

    @property
    def ids(self) -> int:
        postings = len(self.order.postings)
        return postings * (1 + 2 * MOVED_LOTS_MAX) if self.order.kind in MOVING else postings

    def decide(self, desk: Desk, now: datetime) -> Outcome:
        record = post(self.order, desk, now)
        balances = tuple([desk.books[account.id].balance() for account in self.members])
        return Outcome(now, balances, transaction=record.id)


@dataclass(frozen=True, slots=True)
class Adjust(Post):
    """Posts an adjustment, for one person alone."""

    consults: ClassVar[bool] = True
    needs_locks: ClassVar[bool] = True

    def decide(self, desk: Desk, now: datetime) -> Outcome:
        require_alone(self.program, self.order.postings, desk.policies[self.program.number])
        return Post.decide(self, desk, now)


@dataclass(frozen=True, slots=True)
class Approve(Post):
    """Approves a proposed adjustment, and posts it."""

    consults: ClassVar[bool] = True
    needs_locks: ClassVar[bool] = True
    adjustment: Adjustment
    """As it was read before the batch: who proposed what never changes."""
    actor: str
    person: str

    @classmethod
    def by(cls, actor: str, person: str, adjustment: Adjustment, fingerprint: Fingerprint) -> Approve:
        """The write of an approval."""
        plain = Post.of(adjustment.order(actor), fingerprint)
        return cls(fingerprint, plain.order, plain.members, plain.loads, adjustment, actor, person)

    @property
    def approves(self) -> tuple[Adjustment, ...]:
        return (self.adjustment,)

    def decide(self, desk: Desk, now: datetime) -> Outcome:
        as_it_is = desk.adjustments.get(self.adjustment.id)
        if as_it_is is None:
            raise NotFound(self.adjustment.name)
        record = approve(as_it_is, self.actor, self.person, desk, now)
        balances = tuple([desk.books[account.id].balance() for account in self.members])
        return Outcome(now, balances, transaction=record.id)


@dataclass(frozen=True, slots=True)
class _OfOneAccount(_Plain):
    account: Account

    @property
    def program(self) -> Program:
        return self.account.program

    @property
    def members(self) -> tuple[Account, ...]:
        return (self.account,)

    @property
    def loads(self) -> tuple[Account, ...]:
        return (self.account,)

    def _outcome(self, desk: Desk, hold: Hold, now: datetime, transaction: int = 0) -> Outcome:
        balance = desk.books[self.account.id].balance()
        return Outcome(now, (balance,), transaction, hold.id, hold.state, hold.captured)


@dataclass(frozen=True, slots=True)
class Place(_OfOneAccount):
    """Places a hold."""

    order: HoldOrder

    @property
    def loads(self) -> tuple[Account, ...]:
        return ()

    @property
    def takes(self) -> Iterable[tuple[Account, int]]:
        return ((self.account, self.order.amount),)

    def decide(self, desk: Desk, now: datetime) -> Outcome:
        hold = place(self.order, desk.books[self.account.id], desk, now)
        return self._outcome(desk, hold, now)


def _held(book: Book, id_: int) -> Hold:
    """A hold on an account. Raises NotFound: it is gone, as the database was put back to an earlier point."""
    hold = book.holds.get(id_)
    if hold is None:
        raise NotFound(hold_name(book.account, id_))
    return hold


@dataclass(frozen=True, slots=True)
class Capture(_OfOneAccount):
    """Captures a hold."""

    hold: int
    order: CaptureOrder

    @property
    def holds(self) -> Iterable[tuple[Account, int]]:
        return ((self.account, self.hold),)

    def decide(self, desk: Desk, now: datetime) -> Outcome:
        book = desk.books[self.account.id]
        hold, record = capture(self.order, _held(book, self.hold), book, desk, now)
        return self._outcome(desk, hold, now, record.id)


@dataclass(frozen=True, slots=True)
class Release(_OfOneAccount):
    """Releases a hold."""

    hold: int
    actor: str

    @property
    def holds(self) -> Iterable[tuple[Account, int]]:
        return ((self.account, self.hold),)

    def decide(self, desk: Desk, now: datetime) -> Outcome:
        book = desk.books[self.account.id]
        hold = release(_held(book, self.hold), book, self.actor, desk, now)
        return self._outcome(desk, hold, now)


@dataclass(frozen=True, slots=True)
class ChangeState(_OfOneAccount):
    """Freezes, unfreezes or closes an account."""

    needs_locks: ClassVar[bool] = True
    order: StateOrder

    @property
    def loads(self) -> tuple[Account, ...]:
        return ()  # its numbers say whether it is empty

    def decide(self, desk: Desk, now: datetime) -> Outcome:
        book = desk.books[self.account.id]
        change_state(self.order, book, desk, now)
        return Outcome(now, (book.balance(),))


@dataclass(frozen=True, slots=True)
class Sweep(_OfOneAccount):
    """Books what the clock has done to an account: every batch does that first to whatever it has locked."""

    due_lots: int
    """How many lots were seen to have expired: each is a posting."""

    @property
    def weight(self) -> int:
        return max(1, self.due_lots)

    def decide(self, desk: Desk, now: datetime) -> Outcome:
        return Outcome(now, (desk.books[self.account.id].balance(),))


@dataclass(frozen=True, slots=True)
class Reverse(_Plain):
    """Reverses a transaction."""

    consults: ClassVar[bool] = True
    needs_locks: ClassVar[bool] = True
    order: ReversalOrder
    original: Original
    program: Program

    @property
    def weight(self) -> int:
        return len(self.original.postings)

    @property
    def members(self) -> tuple[Account, ...]:
        found = {a.id: a for p in self.original.postings for a in (p.source, p.destination) if a.is_member}
        return tuple(found.values())

    @property
    def locks(self) -> tuple[Account, ...]:
        # Two reversals of one original must see each other also where no member account brings them together.
        return () if self.members else (self.original.postings[0].destination,)

    @property
    def limitable(self) -> tuple[Account, ...]:
        return _limitable(self.original.postings)

    @property
    def loads(self) -> tuple[Account, ...]:
        return self.members

    @property
    def lots(self) -> Iterable[tuple[Account, int]]:
        return _lots_of(self.original)

    @property
    def reverses(self) -> tuple[int, ...]:
        return (self.original.id,)

    def decide(self, desk: Desk, now: datetime) -> Outcome:
        record = reverse(self.order, self.original, desk, now)
        balances = tuple([desk.books[account.id].balance() for account in self.members])
        if record is None:
            return Outcome(now, balances)
        amount = sum(entry.amount for entry in record.entries if entry.source.program == self.program)
        return Outcome(now, balances, transaction=record.id, amount=amount)


@dataclass(frozen=True, slots=True)
class UpdateLots(_Plain):
    """Moves the expiry of lots, activates or cancels them."""

    consults: ClassVar[bool] = True
    needs_locks: ClassVar[bool] = True
    account: Account
    order: LotsOrder

    @property
    def program(self) -> Program:
        return self.account.program

    @property
    def _originals(self) -> tuple[Original, ...]:
        change = self.order.change
        return change.originals if isinstance(change, Cancel) else ()

    @property
    def weight(self) -> int:
        return max(1, sum(len(original.postings) for original in self._originals))

    @property
    def members(self) -> tuple[Account, ...]:
        found = {p.source.id: p.source for o in self._originals for p in o.postings if p.source.is_member}
        found |= {p.destination.id: p.destination for o in self._originals for p in o.postings}
        return tuple({**found, self.account.id: self.account}.values())

    @property
    def limitable(self) -> tuple[Account, ...]:
        return _limitable(posting for original in self._originals for posting in original.postings)

    @property
    def loads(self) -> tuple[Account, ...]:
        return self.members

    @property
    def lots(self) -> Iterable[tuple[Account, int]]:
        return (lot for original in self._originals for lot in _lots_of(original))

    @property
    def reverses(self) -> tuple[int, ...]:
        return tuple(original.id for original in self._originals)

    def decide(self, desk: Desk, now: datetime) -> Outcome:
        amount = update_lots(self.order, desk.books[self.account.id], desk, now)
        balances = tuple([desk.books[account.id].balance() for account in self.members])
        return Outcome(now, balances, amount=amount)


def _limitable(postings: Iterable[PostingOrder | OriginalPosting]) -> tuple[Account, ...]:
    return tuple([side for posting in postings for side in (posting.source, posting.destination) if side.limitable])


def _lots_of(original: Original) -> Iterable[tuple[Account, int]]:
    """The lots that undoing a transaction may change."""
    for posting in original.postings:
        if posting.source.is_member:
            yield from ((posting.source, lot) for lot, _ in posting.consumed)
        if posting.destination.is_member:
            yield from ((posting.destination, lot) for lot in posting.made)
