"""One member account while a batch decides on it: its state, its lots and holds, and what was done to them.

A book is made from locked rows, changed in arrival order, and written back once. Nothing here waits or reads.
`posted = Σ open lots − debt` holds before and after every method.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ledger.domain.errors import BalanceOverflow, InsufficientPoints
from ledger.domain.model import BALANCE_MAX, LONG_AGO, NEVER, Account, AccountState, Balance, Hold, HoldState, Lot

Move = tuple[int, int]
"""A lot and the change of what is open of it."""


@dataclass(slots=True)
class Book:
    """A member account's state. `lots` are the open ones, and `holds` the active ones, once they were loaded."""

    account: Account
    version: int = 0
    posted: int = 0
    held: int = 0
    pending: int = 0
    debt: int = 0
    available: int = 0
    earned: int = 0
    spent: int = 0
    record_time: datetime = LONG_AGO
    valid_until: datetime = NEVER
    state: AccountState = AccountState.OPEN
    seen: tuple[int, int] = (0, 0)
    """The batch that wrote it last, and its version, as it was read."""
    lots: dict[int, Lot] = field(default_factory=dict)
    holds: dict[int, Hold] = field(default_factory=dict)
    loaded: bool = False
    """Whether `lots` and `holds` are complete. Without them only credits can be decided."""
    front: bool = False
    """Whether `lots` are the first in their order instead, none of them pending: more than the batch takes points of.
    `holds` are complete then, too.
    """
    changed: bool = False
    changed_lots: set[int] = field(default_factory=set)
    retimed_lots: dict[int, Lot] = field(default_factory=dict)
    """Those whose expiry or availability was changed, as they were before."""
    new_lots: set[int] = field(default_factory=set)
    changed_holds: set[int] = field(default_factory=set)
    new_holds: set[int] = field(default_factory=set)

    def copy(self) -> Book:
        """What to go back to when a later posting of the same transaction is refused."""
        return Book(
            self.account,
            self.version,
            self.posted,
            self.held,
            self.pending,
            self.debt,
            self.available,
            self.earned,
            self.spent,
            self.record_time,
            self.valid_until,
            self.state,
            self.seen,
            dict(self.lots),
            dict(self.holds),
            self.loaded,
            self.front,
            self.changed,
            set(self.changed_lots),
            dict(self.retimed_lots),
            set(self.new_lots),
            set(self.changed_holds),
            set(self.new_holds),
        )

    def put_back(self, before: Book) -> None:
        """Makes this book what the copy `before` is."""
        for name in Book.__slots__:
            setattr(self, name, getattr(before, name))

    def begin_with(self, first: Sequence[Lot], takes: int, *, complete: bool) -> None:
        """Keeps the first open lots of an account that has none pending, if they are all that it has, or more than so
        many points: what is left expires no later than the lots behind, so that when the balance changes is known.
        """
        self.loaded = complete
        self.front = not complete and sum([lot.free for lot in first]) > takes
        if complete or self.front:
            self.lots = {lot.id: lot for lot in first}

    def balance(self) -> Balance:
        """The balance as of the last change."""
        return Balance(
            self.account,
            self.posted,
            self.held,
            self.pending,
            self.debt,
            self.available,
            self.earned,
            self.spent,
            self.version,
            self.valid_until,
            self.state,
        )

    def touch(self, now: datetime) -> int:
        """The next version, recorded at `now`."""
        assert now > self.record_time, "record times of an account must strictly increase"
        self.version += 1
        self.record_time = now
        self.changed = True
        return self.version

    def credit(self, lot: Lot, now: datetime) -> list[Move]:
        """Adds a new lot; it pays what debt there is, if it can be spent at once.

        Raises:
            BalanceOverflow: the balance would leave the range of int64.
        """
        self.require_room(lot.amount)
        self.posted += lot.amount
        self.lots[lot.id] = lot
        self.new_lots.add(lot.id)
        if lot.available_time > now:
            self.pending += lot.amount
            self.valid_until = min(self.valid_until, lot.available_time)
        else:
            self.available += lot.amount
        moves = self._pay_debt([lot.id], now) if self.debt else []
        if not moves or self.lots[lot.id].open:
            self.valid_until = min(self.valid_until, lot.expire_time)
        return moves

    def debit(self, amount: int, now: datetime) -> list[Move]:
        """Consumes available lots, soonest expiry first, then oldest; never-expiring ones last, oldest first.

        Raises:
            InsufficientPoints: less than `amount` is available.
        """
        self.require(amount)
        moves = self._take(self._spendable(now), amount)
        assert sum(delta for _, delta in moves) == -amount, "available promised what the lots do not have"
        self.posted -= amount
        self.available -= amount
        self._renew_validity(now)
        return moves

    def debit_pending(self, amount: int, now: datetime) -> list[Move]:
        """Consumes pending lots in the order in which they would be consumed. Nothing of them is ever held.

        Raises:
            InsufficientPoints: less than `amount` is pending.
        """
        assert self.loaded, "only complete lots say what is pending"
        lots = [lot for lot in self.lots.values() if lot.open and now < lot.available_time and now < lot.expire_time]
        found = sum(lot.open for lot in lots)
        if amount > found:
            raise InsufficientPoints(self.account.name, amount, found)
        moves = self._take(sorted(lots, key=lambda lot: lot.order), amount)
        self.posted -= amount
        self.refresh(now)
        return moves

    def claw_back(self, amount: int, first: Iterable[int], limit: int, now: datetime) -> list[Move]:
        """Takes up to `amount`: from the lots `first`, then at most `limit` from elsewhere, the last of it as debt.

        Answers the moves; what they do not sum to is new debt. The caller has bounded `amount` by the policy.
        """
        own = [self.lots[lot] for lot in first if lot in self.lots]
        moves = self._take([lot for lot in own if lot.free > 0], amount)
        rest = amount + sum(delta for _, delta in moves)
        moves += self._take(self._spendable(now), min(rest, limit))
        indebted = amount + sum(delta for _, delta in moves)
        self.debt += indebted
        self.posted -= amount
        self.refresh(now)
        return moves

    def restore(self, moves: Iterable[Move], now: datetime) -> list[Move]:
        """Puts back into lots what was taken from them; what can be spent pays debt first."""
        done = list(moves)
        for lot, amount in done:
            self._change(lot, opened=amount)
            self.posted += amount
        paid = self._pay_debt([lot for lot, _ in done], now)
        self.refresh(now)  # last: what paid debt expires no more
        return done + paid

    def place(self, amount: int, expire_time: datetime, now: datetime) -> tuple[tuple[int, int], ...]:
        """Sets `amount` aside until `expire_time` on the lots that a debit would consume; answers them.

        Raises:
            InsufficientPoints: less than that is available.
        """
        self.require(amount)
        left = amount
        chosen: list[Move] = []
        for lot in self._spendable(now):
            part = min(lot.free, left)
            chosen.append((lot.id, part))
            self._change(lot.id, held=part)
            left -= part
            if left == 0:
                break
        assert left == 0, "available promised what the lots do not have"
        self.held += amount
        self.available -= amount
        self.valid_until = min(self.valid_until, expire_time)
        return tuple(chosen)

    def free_hold(self, hold: Hold, captured: int, now: datetime) -> list[Move]:
        """Resolves a hold: its lots are no longer held, and `captured` is taken from them in their order."""
        left = captured
        moves: list[Move] = []
        for lot, amount in hold.lots:
            part = min(amount, left)
            left -= part
            self._change(lot, opened=-part, held=-amount)
            if part:
                moves.append((lot, -part))
        self.held -= hold.amount
        self.posted -= captured
        self.holds.pop(hold.id, None)
        paid = self._pay_debt([lot for lot, _ in hold.lots], now)
        self.refresh(now)
        return moves + paid

    def expire(self, lot: Lot, now: datetime) -> list[Move]:
        """Takes what is free of a lot whose time has passed."""
        amount = lot.free
        self._change(lot.id, opened=-amount, expired=amount)
        self.posted -= amount
        self.refresh(now)
        return [(lot.id, -amount)]

    def pay_debt(self, now: datetime) -> list[Move]:
        """Pays debt from whatever can be spent, such as a lot that has matured."""
        paid = self._pay_debt([lot.id for lot in self._spendable(now)], now)
        self.refresh(now)
        return paid

    def move_expiry(self, lots: Iterable[int], expire_time: datetime, now: datetime) -> None:
        """Gives these lots another expiry, later than now; what is held of them stays held."""
        for id_ in lots:
            self._retime(self.lots[id_]._replace(expire_time=expire_time))
        self.refresh(now)

    def activate(self, lots: Iterable[int], now: datetime) -> list[Move]:
        """Makes pending lots available; they pay debt first. Answers each of them, with what it paid."""
        activated = list(lots)
        for id_ in activated:
            self._retime(self.lots[id_]._replace(available_time=now))
        paid = dict(self._pay_debt(activated, now))
        self.refresh(now)
        return [(id_, paid.get(id_, 0)) for id_ in activated]

    def due_lots(self, now: datetime) -> list[Lot]:
        """The lots whose time has passed and of which something is free."""
        return sorted(
            (lot for lot in self.lots.values() if lot.expire_time <= now and lot.free > 0), key=lambda lot: lot.order
        )

    def due_holds(self, now: datetime) -> list[Hold]:
        """The holds whose time has passed."""
        due = (hold for hold in self.holds.values() if hold.state is HoldState.ACTIVE and hold.expire_time <= now)
        return sorted(due, key=lambda hold: hold.id)

    def refresh(self, now: datetime) -> None:
        """Works out `available`, `pending` and `valid_until` from the lots and holds, all of which are loaded."""
        assert self.loaded, "only complete lots say what is available"
        state = facts(self.lots.values(), self.holds.values(), now)
        self.held, self.pending, self.available = state.held, state.pending, state.free - self.debt
        self.valid_until = state.valid_until

    def _renew_validity(self, now: datetime) -> None:
        if self.valid_until < NEVER:
            self.valid_until = facts(self.lots.values(), self.holds.values(), now).valid_until

    def require(self, amount: int) -> None:
        """Raises InsufficientPoints where less than `amount` is available."""
        if amount > self.available:
            raise InsufficientPoints(self.account.name, amount, self.available)

    def require_room(self, amount: int) -> None:
        """Raises BalanceOverflow where `amount` more would leave the range of int64."""
        if max(self.posted, self.earned, self.spent) + amount > BALANCE_MAX:
            raise BalanceOverflow(self.account.name, BALANCE_MAX)

    def require_countable(self, amount: int) -> None:
        """Raises BalanceOverflow where `amount` more spent in a lifetime would leave the range of int64."""
        if self.spent + amount > BALANCE_MAX:
            raise BalanceOverflow(self.account.name, BALANCE_MAX)

    def _spendable(self, now: datetime) -> list[Lot]:
        assert self.loaded or self.front, "only lots that were read can be spent"
        return sorted((lot for lot in self.lots.values() if lot.free > 0 and lot.live(now)), key=lambda lot: lot.order)

    def _take(self, lots: Iterable[Lot], amount: int) -> list[Move]:
        moves: list[Move] = []
        for lot in lots:
            if amount == 0:
                break
            part = min(lot.free, amount)
            self._change(lot.id, opened=-part)
            moves.append((lot.id, -part))
            amount -= part
        return moves

    def _pay_debt(self, lots: Iterable[int], now: datetime) -> list[Move]:
        """Takes from the free part of these lots, where they can be spent, and lowers the debt by it. Neither
        `posted` nor `available` changes: debt was taken off both before.
        """
        if self.debt == 0:
            return []
        payable = [lot for lot in map(self.lots.__getitem__, lots) if lot.free > 0 and lot.live(now)]
        moves = self._take(sorted(payable, key=lambda lot: lot.order), self.debt)
        self.debt += sum(delta for _, delta in moves)
        return moves

    def _retime(self, lot: Lot) -> None:
        self.retimed_lots.setdefault(lot.id, self.lots[lot.id])
        self.lots[lot.id] = lot

    def _change(self, lot: int, opened: int = 0, held: int = 0, expired: int = 0) -> None:
        self.lots[lot] = self.lots[lot].changed(opened, held, expired)
        self.changed_lots.add(lot)


@dataclass(frozen=True, slots=True)
class Facts:
    """What lots and holds come to at one moment."""

    held: int
    pending: int
    free: int
    """Of live, available lots: open less held."""
    due: int
    """Of expired lots: what is free, and waits for the sweeper."""
    valid_until: datetime


def facts(lots: Iterable[Lot], holds: Iterable[Hold], now: datetime) -> Facts:
    """What the clock makes of lots and holds at `now`, whatever the sweeper has booked so far.

    A hold whose time has passed holds nothing; a lot whose time has passed is worth nothing, save what is held.
    """
    lapsed: dict[int, int] = {}
    held = pending = free = due = 0
    valid_until = NEVER
    for hold in holds:
        if hold.state is not HoldState.ACTIVE:
            continue
        if hold.expire_time <= now:
            for lot, amount in hold.lots:
                lapsed[lot] = lapsed.get(lot, 0) + amount
        else:
            held += hold.amount
            valid_until = min(valid_until, hold.expire_time)
    for one in lots:
        open_free = one.free + lapsed.get(one.id, 0)
        if one.expire_time <= now:
            due += open_free
        elif one.available_time > now:
            pending += one.open
            if one.open:
                valid_until = min(valid_until, one.available_time, one.expire_time)
        else:
            free += open_free
            if one.open:
                valid_until = min(valid_until, one.expire_time)
    return Facts(held, pending, free, due, valid_until)
