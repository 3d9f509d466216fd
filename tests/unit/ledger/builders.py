"""Programs, accounts, books and desks, in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ledger.domain.book import Book, facts
from ledger.domain.desk import Desk
from ledger.domain.holds import HoldOrder, place
from ledger.domain.journal import Record
from ledger.domain.limits import Slice
from ledger.domain.lots import Activate, Cancel, LotsOrder, MoveExpiry, update_lots
from ledger.domain.model import LONG_AGO, NEVER, Account, AccountKind, Hold, Kind, Lot, Program
from ledger.domain.policies import Policies
from ledger.domain.posting import PostingOrder, TransactionOrder, post
from ledger.domain.reversal import Original, OriginalPosting, Policy, ReversalOrder, consumed, reverse
from ledger.domain.transfer import made_lots

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHOP = Program(1, "shop", "UTC", 0)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def account(id_: int, kind: AccountKind = AccountKind.MEMBER, program: Program = SHOP) -> Account:
    return Account(program.shard, id_, program, 1, kind, f"{program.name}/accounts/{id_}", NOW)


ADA, BEN = account(11), account(12)
ISSUANCE = account(2, AccountKind.ISSUANCE)
REDEMPTION = account(3, AccountKind.REDEMPTION)
BREAKAGE = account(4, AccountKind.BREAKAGE)
BUDGET = account(6, AccountKind.BUDGET)
ADJUSTMENT = account(7, AccountKind.ADJUSTMENT)


class System:
    """Where expired points go."""

    def breakage(self, program: Program, unit: int) -> Account:
        assert (program, unit) == (SHOP, 1)
        return BREAKAGE

    def by_id(self, program: Program, account: int) -> Account:
        assert (program, account) == (SHOP, BUDGET.id)
        return BUDGET


def lot(id_: int, amount: int, *, expires: datetime = NEVER, available: datetime = LONG_AGO, made: int = 0) -> Lot:
    return Lot(id_, id_, amount, amount, 0, 0, expires, available, later(made - 1000), None)


def book(*lots: Lot, of: Account = ADA, debt: int = 0) -> Book:
    """A loaded book whose numbers fit its lots."""
    made = Book(of, posted=sum(one.open for one in lots) - debt, debt=debt, lots={one.id: one for one in lots})
    made.loaded = True
    made.refresh(NOW)
    return made


@dataclass
class Ledger:
    """A small ledger in memory: books, a desk, and a clock that ticks between transactions."""

    books: dict[int, Book] = field(default_factory=lambda: {ADA.id: book(), BEN.id: book(of=BEN)})
    now: datetime = NOW
    policies: Policies = field(default_factory=Policies)

    def __post_init__(self) -> None:
        numbers = itertools.count(1000)

        def take(count: int) -> int:
            first = next(numbers)
            for _ in range(count - 1):
                next(numbers)
            return first

        policies = {SHOP.number: self.policies}
        self.desk = Desk(self.books, take, System(), policies=policies, slices={BUDGET.id: None})

    @property
    def ada(self) -> Book:
        return self.books[ADA.id]

    @property
    def ben(self) -> Book:
        return self.books[BEN.id]

    def tick(self, seconds: float = 1) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def move(self, kind: Kind, *postings: PostingOrder, effective: datetime | None = None) -> Record:
        return post(TransactionOrder(SHOP, kind, postings, effective, "tester", ""), self.desk, self.tick())

    def earn(
        self,
        amount: int,
        *,
        expires: datetime = NEVER,
        available: datetime = LONG_AGO,
        to: Account = ADA,
        source: Account = ISSUANCE,
    ) -> Record:
        return self.move(Kind.EARN, PostingOrder(source, to, amount, expires, available))

    def spend(self, amount: int, of: Account = ADA) -> Record:
        return self.move(Kind.SPEND, PostingOrder(of, REDEMPTION, amount, NEVER, LONG_AGO))

    def give(self, amount: int, source: Account = ADA, to: Account = BEN) -> Record:
        return self.move(Kind.RECOGNITION, PostingOrder(source, to, amount, NEVER, LONG_AGO))

    def transfer(self, amount: int, source: Account = ADA, to: Account = BEN) -> Record:
        return self.move(Kind.TRANSFER, PostingOrder(source, to, amount, NEVER, LONG_AGO))

    def merge(self, amount: int, source: Account = ADA, to: Account = BEN, *, pending: bool = False) -> Record:
        return self.move(Kind.MERGE, PostingOrder(source, to, amount, NEVER, NEVER if pending else LONG_AGO))

    def fund(self, amount: int, to: Account = BUDGET) -> Record:
        return self.move(Kind.FUND, PostingOrder(ISSUANCE, to, amount, NEVER, LONG_AGO))

    def grant(self, *amounts: int, expires: datetime = NEVER) -> Record:
        postings = (PostingOrder(BUDGET, to, n, expires, LONG_AGO) for to, n in zip((ADA, BEN), amounts, strict=False))
        return self.move(Kind.GRANT, *postings)

    def limit(self, credit_limit: int, available: int) -> None:
        """Gives the budget a credit limit, which leaves so much."""
        self.desk.slices[BUDGET.id] = Slice(BUDGET, credit_limit, available)

    @property
    def left(self) -> int:
        """What the budget has left."""
        found = self.desk.slices[BUDGET.id]
        assert found is not None
        return found.available

    def hold(self, amount: int, seconds: float = 600, of: Account = ADA) -> Hold:
        order = HoldOrder(of, amount, self.now + timedelta(seconds=seconds), "", "tester")
        return place(order, self.books[of.id], self.desk, self.tick())

    def update_lots(self, change: MoveExpiry | Activate | Cancel, *records: Record, of: Account = ADA) -> int:
        lots = {lot for record in records for e in record.entries for lot in made_lots(e.id, e.moves)}
        order = LotsOrder(frozenset(lots) if records else None, change, "tester")
        return update_lots(order, self.books[of.id], self.desk, self.tick())

    def move_expiry(self, to: datetime, *records: Record, only_extend: bool = False, of: Account = ADA) -> int:
        return self.update_lots(MoveExpiry(to, only_extend), *records, of=of)

    def cancel(self, *records: Record) -> int:
        return self.update_lots(Cancel(tuple(map(original, records))), *records)

    def reverse(self, record: Record, amount: int = 0, policy: Policy = Policy.ALLOW_NEGATIVE) -> Record | None:
        return reverse(ReversalOrder(amount, policy, "tester", ""), original(record), self.desk, self.tick())


def pending(amount: int, **times: datetime) -> PostingOrder:
    """An earn of Ada's that waits to be activated."""
    return PostingOrder(ISSUANCE, ADA, amount, times.get("expires", NEVER), NEVER)


def original(record: Record) -> Original:
    """A record as it is read back."""
    postings = tuple(
        OriginalPosting(
            e.id, e.source, e.destination, e.amount, consumed(e.source, e.moves, e.amount), made_lots(e.id, e.moves)
        )
        for e in record.entries
    )
    return Original(record.id, SHOP, record.kind, len(postings), postings)


def open_lots(book_: Book) -> dict[int, int]:
    """What is open of each lot that is not closed."""
    return {one.id: one.open for one in book_.lots.values() if one.open}


def require_sound(book_: Book, now: datetime) -> None:
    """What holds before and after every method."""
    lots = book_.lots.values()
    assert book_.posted == sum(one.open for one in lots) - book_.debt
    assert book_.available == book_.posted - book_.held - book_.pending - due(lots, now)
    assert book_.held == sum(hold.amount for hold in book_.holds.values() if hold.resolve_time is None)
    assert sum(one.held for one in lots) == book_.held
    assert book_.debt >= 0
    assert all(0 <= one.held <= one.open <= one.amount for one in lots)
    assert all(0 <= one.expired <= one.amount - one.open for one in lots)
    assert book_.valid_until == facts(lots, book_.holds.values(), now).valid_until


def due(lots: Iterable[Lot], now: datetime) -> int:
    return sum(one.free for one in lots if one.expire_time <= now)
