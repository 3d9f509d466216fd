"""Whatever is done in whatever order: the books stay sound, refusals change nothing, and the journal explains all."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from guerdon_kit.errors import DomainError
from ledger.domain.clockwork import is_due, sweep
from ledger.domain.holds import CaptureOrder, capture, release
from ledger.domain.journal import Record
from ledger.domain.lots import Activate
from ledger.domain.model import LONG_AGO, MOVING, NEVER, Hold, HoldState, Kind
from ledger.domain.reversal import Policy
from tests.unit.ledger.builders import ADA, BEN, BUDGET, ISSUANCE, REDEMPTION, Ledger, pending, require_sound

members = st.sampled_from([ADA, BEN])
amounts = st.integers(1, 60)
spans = st.integers(1, 40)


class Books(RuleBasedStateMachine):
    """Two members and everything that can happen to them, swept before each step as a batch does."""

    @initialize()
    def begin(self) -> None:
        self.ledger = Ledger()
        self.posted: list[Record] = []
        self.holds: list[Hold] = []

    @rule(to=members, amount=amounts, life=st.none() | spans, wait=st.none() | spans, funded=st.booleans())
    def earn(self, to: object, amount: int, life: int | None, wait: int | None, funded: bool) -> None:
        available = LONG_AGO if wait is None else self.ledger.now + timedelta(seconds=wait)
        expires = NEVER if life is None else max(self.ledger.now, available) + timedelta(seconds=life + 2)
        account = ADA if to is ADA else BEN
        source = BUDGET if funded else ISSUANCE
        self._do(lambda: self.ledger.earn(amount, expires=expires, available=available, to=account, source=source))

    @rule(amount=amounts, ada=st.booleans())
    def spend(self, amount: int, ada: bool) -> None:
        self._do(lambda: self.ledger.spend(amount, ADA if ada else BEN))

    @rule(amount=amounts, ada=st.booleans())
    def give(self, amount: int, ada: bool) -> None:
        self._do(lambda: self.ledger.give(amount, *((ADA, BEN) if ada else (BEN, ADA))))

    @rule(amount=amounts, ada=st.booleans())
    def transfer(self, amount: int, ada: bool) -> None:
        self._do(lambda: self.ledger.transfer(amount, *((ADA, BEN) if ada else (BEN, ADA))))

    @rule(amount=amounts, ada=st.booleans(), seconds=spans)
    def hold(self, amount: int, ada: bool, seconds: int) -> None:
        def place() -> None:
            self.holds.append(self.ledger.hold(amount, seconds + 5, ADA if ada else BEN))

        self._do(place)

    @rule(data=st.data(), amount=st.integers(0, 60))
    def capture(self, data: st.DataObject, amount: int) -> None:
        if self.holds:
            hold = data.draw(st.sampled_from(self.holds))

            def take() -> Record:
                book = self.ledger.books[hold.account]
                order = CaptureOrder(amount, REDEMPTION, "tester", "")
                return capture(order, book.holds[hold.id], book, self.ledger.desk, self.ledger.tick())[1]

            self._do(take)

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if self.holds:
            hold = data.draw(st.sampled_from(self.holds))

            def give_back() -> None:
                book = self.ledger.books[hold.account]
                release(book.holds[hold.id], book, "tester", self.ledger.desk, self.ledger.tick())

            self._do(give_back)

    @rule(data=st.data(), amount=st.integers(0, 60), policy=st.sampled_from(Policy))
    def reverse(self, data: st.DataObject, amount: int, policy: Policy) -> None:
        if self.posted:
            record = data.draw(st.sampled_from(self.posted))
            self._do(lambda: self.ledger.reverse(record, amount, policy))

    @rule(data=st.data(), ada=st.booleans(), seconds=st.none() | spans, only_extend=st.booleans(), some=st.booleans())
    def move_expiry(self, data: st.DataObject, ada: bool, seconds: int | None, only_extend: bool, some: bool) -> None:
        to = NEVER if seconds is None else self.ledger.now + timedelta(seconds=seconds + 2)
        chosen = [data.draw(st.sampled_from(self.posted))] if some and self.posted else []
        of = ADA if ada else BEN
        self._do(lambda: self.ledger.move_expiry(to, *chosen, only_extend=only_extend, of=of))

    @rule(amount=amounts, life=st.none() | spans)
    def earn_pending(self, amount: int, life: int | None) -> None:
        expires = NEVER if life is None else self.ledger.now + timedelta(seconds=life + 2)
        self._do(lambda: self.ledger.move(Kind.EARN, pending(amount, expires=expires)))

    @rule(ada=st.booleans(), amount=amounts, waiting=st.booleans())
    def merge(self, ada: bool, amount: int, waiting: bool) -> None:
        ways = (ADA, BEN) if ada else (BEN, ADA)
        self._do(lambda: self.ledger.merge(amount, *ways, pending=waiting))

    @rule(ada=st.booleans())
    def take_over(self, ada: bool) -> None:
        ways = (ADA, BEN) if ada else (BEN, ADA)
        debt = self.ledger.books[ways[1].id].debt
        if debt:
            self._do(lambda: self.ledger.merge(debt, *ways))

    @rule(ada=st.booleans())
    def activate(self, ada: bool) -> None:
        self._do(lambda: self.ledger.update_lots(Activate(), of=ADA if ada else BEN))

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.posted:
            record = data.draw(st.sampled_from(self.posted))
            if record.entries[0].destination is ADA:
                self._do(lambda: self.ledger.cancel(record))

    @rule(seconds=spans)
    def wait(self, seconds: int) -> None:
        self.ledger.tick(seconds)

    def _do(self, step: object) -> None:
        assert callable(step)
        self._sweep()
        before = [book.copy() for book in self.ledger.books.values()]
        written = (len(self.ledger.desk.journal.records), len(self.ledger.desk.journal.events))
        try:
            record = step()
        except DomainError:
            # Every step here has one posting: its refusal comes before it changes anything, gifts aside.
            for book, old in zip(self.ledger.books.values(), before, strict=True):
                assert book == old
            assert written == (len(self.ledger.desk.journal.records), len(self.ledger.desk.journal.events))
            return
        if isinstance(record, Record) and record.kind in {Kind.EARN, Kind.SPEND, Kind.RECOGNITION, Kind.TRANSFER}:
            self.posted.append(record)

    def _sweep(self) -> None:
        # A step begins a second from now, and books what is due by then.
        at = self.ledger.now + timedelta(seconds=1)
        while any(is_due(book, at) for book in self.ledger.books.values()):
            for book in self.ledger.books.values():
                if is_due(book, at):
                    self.ledger.now = sweep(book, self.ledger.desk, self.ledger.now + timedelta(milliseconds=999))
            at = self.ledger.now + timedelta(seconds=1)

    @invariant()
    def sound(self) -> None:
        for book in self.ledger.books.values():
            # What became due by waiting is booked by whoever comes next.
            if not is_due(book, self.ledger.now):
                require_sound(book, self.ledger.now)

    @invariant()
    def debt_is_never_beside_what_could_pay_it(self) -> None:
        for book in self.ledger.books.values():
            if book.debt and not is_due(book, self.ledger.now):
                assert not any(lot.free and lot.live(self.ledger.now) for lot in book.lots.values())

    @invariant()
    def the_journal_explains_everything(self) -> None:
        journal = self.ledger.desk.journal
        moved, expired, posted, debts = Counter[int](), Counter[int](), Counter[int](), Counter[int]()
        versions: dict[int, list[int]] = {ADA.id: [], BEN.id: []}
        for record in journal.records:
            for entry in record.entries:
                posted[entry.source.id] -= entry.amount
                posted[entry.destination.id] += entry.amount
                debts[entry.source.id] += entry.source_debt_delta
                debts[entry.destination.id] += entry.destination_debt_delta
                for account, version, after in (
                    (entry.source, entry.source_version, entry.source_posted),
                    (entry.destination, entry.destination_version, entry.destination_posted),
                ):
                    assert (version is None) == (after is None) == (not account.is_member)
                    if version is not None:
                        versions[account.id].append(version)
                        assert after == posted[account.id]
                for lot, delta in entry.moves:
                    assert delta != 0 or record.kind in MOVING
                    moved[lot] += delta
                    expired[lot] -= delta if record.kind is Kind.EXPIRY else 0
        for event in journal.events:
            versions[event.account.id].append(event.version)
            debts[event.account.id] += event.debt_delta
            for lot, delta in event.moves:
                moved[lot] += delta
        for book in self.ledger.books.values():
            assert sorted(versions[book.account.id]) == list(range(1, book.version + 1))
            assert (posted[book.account.id], debts[book.account.id]) == (book.posted, book.debt)
            for one in book.lots.values():
                assert (one.open, one.expired) == (one.amount + moved[one.id], expired[one.id])
        assert sum(posted.values()) == 0

    @invariant()
    def a_hold_is_resolved_at_most_once(self) -> None:
        journal = self.ledger.desk.journal
        resolved = Counter[int | None](
            entry.hold for record in journal.records for entry in record.entries if entry.hold
        )
        resolved.update(event.hold for event in journal.events if event.held_delta < 0)
        for book in self.ledger.books.values():
            for hold in book.holds.values():
                assert resolved[hold.id] == (hold.state is not HoldState.ACTIVE)


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
