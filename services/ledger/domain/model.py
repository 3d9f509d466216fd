"""What the ledger is made of, in memory. Amounts are in the unit's smallest part; times are aware, in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import NamedTuple

NEVER = datetime.max.replace(tzinfo=UTC)
"""Later than anything: how a lot that does not expire is ordered, and stored as 'infinity'."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)
AMOUNT_MAX = 2**53
"""The most one posting moves: exact also where a client's numbers are doubles."""
BALANCE_MAX = 2**63 - 1


class AccountKind(IntEnum):
    """The numbers are those of the contract and of the table."""

    MEMBER = 1
    ISSUANCE = 2
    REDEMPTION = 3
    BREAKAGE = 4
    EXCHANGE = 5
    BUDGET = 6
    ADJUSTMENT = 7


class Kind(IntEnum):
    """Why points move. The numbers are those of the contract and of the table."""

    EARN = 1
    SPEND = 2
    EXCHANGE = 3
    GRANT = 4
    RECOGNITION = 5
    FUND = 6
    ADJUSTMENT = 7
    REVERSAL = 8
    EXPIRY = 9
    TRANSFER = 10
    MERGE = 11


class HoldState(IntEnum):
    """The numbers are those of the contract and of the table."""

    ACTIVE = 1
    CAPTURED = 2
    RELEASED = 3
    EXPIRED = 4


class AccountState(IntEnum):
    """What may be done with an account: see `domain.states`. The numbers are those of the contract and of the table."""

    OPEN = 1
    FROZEN = 2
    CLOSED = 3


STATE_OF = {state.value: state for state in AccountState}
"""By its number, for each account of each batch: asking the enumeration takes ten times as long."""


class EventKind(IntEnum):
    """Changes of an account that move no points."""

    HOLD_PLACED = 1
    HOLD_RELEASED = 2
    HOLD_EXPIRED = 3
    DEBT_PAID = 4
    FROZEN = 5
    UNFROZEN = 6
    CLOSED = 7
    EXPIRY_MOVED = 8
    LOTS_ACTIVATED = 9


SIDES: dict[Kind, frozenset[tuple[AccountKind, AccountKind]]] = {
    Kind.EARN: frozenset({(AccountKind.ISSUANCE, AccountKind.MEMBER), (AccountKind.BUDGET, AccountKind.MEMBER)}),
    Kind.SPEND: frozenset({(AccountKind.MEMBER, AccountKind.REDEMPTION)}),
    Kind.EXCHANGE: frozenset({(AccountKind.MEMBER, AccountKind.EXCHANGE), (AccountKind.EXCHANGE, AccountKind.MEMBER)}),
    Kind.GRANT: frozenset({(AccountKind.BUDGET, AccountKind.MEMBER)}),
    Kind.RECOGNITION: frozenset({(AccountKind.MEMBER, AccountKind.MEMBER)}),
    Kind.TRANSFER: frozenset({(AccountKind.MEMBER, AccountKind.MEMBER)}),
    Kind.MERGE: frozenset({(AccountKind.MEMBER, AccountKind.MEMBER)}),
    Kind.FUND: frozenset({(AccountKind.ISSUANCE, AccountKind.BUDGET), (AccountKind.MEMBER, AccountKind.BUDGET)}),
    Kind.ADJUSTMENT: frozenset(
        {(AccountKind.ADJUSTMENT, AccountKind.MEMBER), (AccountKind.MEMBER, AccountKind.ADJUSTMENT)}
    ),
}
"""Which kinds of account a caller's transaction may move points between: source, destination."""

LIMITABLE = frozenset({AccountKind.BUDGET, AccountKind.EXCHANGE})
"""The kinds of account that may have a credit limit."""

MOVED_LOTS_MAX = 100
"""The most lots that one posting of a TRANSFER or a MERGE makes."""

MOVING = frozenset({Kind.TRANSFER, Kind.MERGE})
"""The kinds whose points stay what they are: each lot made keeps the times and the budget of what it was made of."""

OUTGOING = frozenset({Kind.SPEND, Kind.EXCHANGE, Kind.RECOGNITION, Kind.TRANSFER, Kind.MERGE})
"""The kinds that take a holder's points: an account may be for some of them only."""

EARNING = frozenset({Kind.EARN, Kind.GRANT, Kind.RECOGNITION})
"""The kinds whose credits count as lifetime earned."""
SPENDING = frozenset({Kind.SPEND, Kind.RECOGNITION})
"""The kinds whose debits count as lifetime spent."""


@dataclass(frozen=True, slots=True)
class Program:
    """What never changes of a tenant: `number` is the database's, `id` the callers'."""

    number: int
    id: str
    time_zone: str
    shard: int

    @property
    def name(self) -> str:
        """The resource name."""
        return f"programs/{self.id}"


@dataclass(frozen=True, slots=True)
class Account:
    """What never changes of an account."""

    shard: int
    id: int
    program: Program
    unit: int
    kind: AccountKind
    name: str
    """The resource name."""
    create_time: datetime
    outgoing: frozenset[Kind] = frozenset()
    """By which kinds of transaction its points may leave it; none: by all."""
    is_member: bool = field(init=False, compare=False, repr=False)
    """Whether it has lots, a floor and versions."""
    limitable: bool = field(init=False, compare=False, repr=False)
    """Whether it may have a credit limit."""

    def __post_init__(self) -> None:
        # Both are asked for often.
        object.__setattr__(self, "is_member", self.kind is AccountKind.MEMBER)
        object.__setattr__(self, "limitable", self.kind in LIMITABLE)

    def __hash__(self) -> int:
        return self.id  # no two have the same; hashing every field took longer than what is looked up


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Unopened(Account):
    """A member account that did not exist when it was asked for: the batch that first credits it opens it, under the id
    that it has here. A process has one for each name; where another process opens the account, this one never will be.
    """

    def opened(self) -> Account:
        """The account that it becomes."""
        return Account(self.shard, self.id, self.program, self.unit, self.kind, self.name, self.create_time)


class Lot(NamedTuple):
    """What a credit to a member account made, and what is left of it."""

    id: int
    posting: int
    amount: int
    open: int
    held: int
    expired: int
    expire_time: datetime
    available_time: datetime
    record_time: datetime
    budget: int | None

    @property
    def free(self) -> int:
        """What is neither taken nor held."""
        return self.open - self.held

    def live(self, now: datetime) -> bool:
        """Whether it can be spent: available, and not expired."""
        return self.available_time <= now < self.expire_time

    def changed(self, opened: int = 0, held: int = 0, expired: int = 0) -> Lot:
        """The same lot after a change of what is open, held, and taken by expiry."""
        return Lot(
            self.id,
            self.posting,
            self.amount,
            self.open + opened,
            self.held + held,
            self.expired + expired,
            self.expire_time,
            self.available_time,
            self.record_time,
            self.budget,
        )

    @property
    def order(self) -> tuple[datetime, datetime, int]:
        """Lots are consumed soonest expiry first, then oldest; never-expiring ones last."""
        return (self.expire_time, self.record_time, self.id)


class HoldTerms(NamedTuple):
    """What never changes of a hold, unless its purpose is erased."""

    id: int
    account: Account
    amount: int
    expire_time: datetime
    purpose: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Points set aside on particular lots."""

    id: int
    account: int
    amount: int
    state: HoldState
    captured: int
    lots: tuple[tuple[int, int], ...]
    """Lot and amount, in the order of consumption."""
    expire_time: datetime
    purpose: str
    actor: str
    record_time: datetime
    resolve_time: datetime | None


class Balance(NamedTuple):
    """An account at one moment. For a system account only `posted` is set and, where it has a credit limit,
    `available`; it is always open.
    """

    account: Account
    posted: int
    held: int = 0
    pending: int = 0
    debt: int = 0
    available: int = 0
    earned: int = 0
    spent: int = 0
    version: int = 0
    valid_until: datetime = NEVER
    state: AccountState = AccountState.OPEN
