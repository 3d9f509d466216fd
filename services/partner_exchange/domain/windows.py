"""Settlement windows: what the brands owe each other in one, rounded once, and what each of them has to pay or gets.

    OPEN → CLOSED → PENDING_SETTLEMENT → SETTLED
                                       → ABORTED → PENDING_SETTLEMENT

A window is always open: closing one opens the next. What is committed later is in a later window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from fractions import Fraction

from partner_exchange.domain.errors import SettlementMismatch, WindowStateConflict
from partner_exchange.domain.exchanges import State

AMOUNT_MAX = 2**53
"""The most that one participant pays or gets, in minor units: the most that the ledger posts."""


PAIR_MAX = 2**63 - 1
"""The most that one party may owe another for a window, in minor units: an int64. As nobody is let owe more than
AMOUNT_MAX, it takes a thousand of the largest exchanges there and back.
"""


class WindowState(Enum):
    """How far a window is."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    PENDING_SETTLEMENT = "PENDING_SETTLEMENT"
    SETTLED = "SETTLED"
    ABORTED = "ABORTED"


@dataclass(frozen=True, slots=True)
class Window:
    """A window as it is kept."""

    coalition_id: str
    number: int
    state: WindowState
    open_time: datetime
    close_time: datetime | None = None
    closer: str | None = None
    count_time: datetime | None = None
    """When it was counted what the brands owe each other."""
    attempt: int = 0
    """How often it was settled or is being."""
    settler: str | None = None
    aborter: str | None = None
    """Who asked to abort the settlement that is under way, or was."""
    settle_time: datetime | None = None
    paid_in: int | None = None
    """The window that was open when this one was settled."""
    mismatch: str | None = None
    """Why nothing goes on until the operator asks again."""

    @property
    def name(self) -> str:
        """Its resource name."""
        return window_name(self.coalition_id, self.number)

    def require(self, *states: WindowState) -> None:
        """Raises WindowStateConflict where it is in none of the states."""
        if self.state not in states:
            raise WindowStateConflict(window=self.name, state=self.state.value)


def window_name(coalition_id: str, number: int) -> str:
    """The resource name of a window."""
    return f"coalitions/{coalition_id}/settlementWindows/{number}"


@dataclass(frozen=True, slots=True)
class UnderWay:
    """An exchange that is not at its end, and in no window."""

    exchange_id: str
    sender: str
    receiver: str
    state: State
    create_time: datetime


HUB = ""
"""Stands for the operator's own account where a partner's id would: it gets fees, and pays for promotions."""


def party_name(party: str) -> str:
    """What a party to a settlement is called."""
    return "the hub" if party == HUB else f"partners/{party}"


@dataclass(frozen=True, slots=True)
class Party:
    """Who pays and gets money: a partner, or the operator of a coalition."""

    coalition_id: str
    """Empty where it is a partner's that is not known yet."""
    party_id: str
    """The partner's id, or HUB."""

    @property
    def name(self) -> str:
        """Its resource name; the operator goes by the coalition's."""
        return f"partners/{self.party_id}" if self.party_id != HUB else f"coalitions/{self.coalition_id}"


class Kind(Enum):
    """Why one party owes another."""

    EXCHANGE = "EXCHANGE"
    """The sender, for the points that the receiver's member got."""
    REVERSAL = "REVERSAL"
    """The receiver, for what was taken back of an exchange."""
    PROMOTION = "PROMOTION"
    """Who funds a promotion, the sender: for those of the points that the promotion brought."""
    FEE = "FEE"
    """The sender, the hub: for what the member paid in cash."""
    PROMOTION_REVERSAL = "PROMOTION_REVERSAL"
    """The sender, who funded a promotion: for what was taken back of what it brought."""
    ADJUSTMENT = "ADJUSTMENT"
    """One partner of an exchange the other: what a dispute was decided to cost it, a point being a minor unit."""


@dataclass(frozen=True, slots=True)
class Obligations:
    """What one party owes another for all entries of a window of one kind at one price."""

    payer: str
    payee: str
    kind: Kind
    price: Fraction
    """Minor units for a point."""
    entries: int
    points: int


@dataclass(frozen=True, slots=True)
class PairAmount:
    """What one brand owes another for a window."""

    payer: str
    payee: str
    entries: int
    exact: Fraction
    """Minor units, exactly."""
    amount: int
    """The same as it is settled, in whole minor units."""


def count(found: Iterable[Obligations]) -> list[PairAmount]:
    """What each brand owes each other one, by payer and payee: summed exactly, then rounded once to the nearest minor
    unit, a half to the even one, so that rounding favours neither who pays nor who is paid.
    """
    entries: dict[tuple[str, str], int] = {}
    exact: dict[tuple[str, str], Fraction] = {}
    for one in found:
        pair = one.payer, one.payee
        entries[pair] = entries.get(pair, 0) + one.entries
        exact[pair] = exact.get(pair, Fraction(0)) + one.points * one.price
    return [PairAmount(*pair, entries[pair], exact[pair], round(exact[pair])) for pair in sorted(exact)]


def net_positions(amounts: Sequence[PairAmount]) -> dict[str, int]:
    """What each brand is owed by all others less what it owes them. They sum to zero."""
    nets: dict[str, int] = {}
    for pair in amounts:
        nets[pair.payer] = nets.get(pair.payer, 0) - pair.amount
        nets[pair.payee] = nets.get(pair.payee, 0) + pair.amount
    return nets


def exposures(amounts: Iterable[PairAmount]) -> dict[str, Fraction]:
    """What each brand owes all others and the hub less what it is owed, before any rounding: what limits count."""
    owed: dict[str, Fraction] = {}
    for pair in amounts:
        owed[pair.payer] = owed.get(pair.payer, Fraction(0)) + pair.exact
        owed[pair.payee] = owed.get(pair.payee, Fraction(0)) - pair.exact
    owed.pop(HUB, None)
    return owed


def check_settleable(window: Window, amounts: Sequence[PairAmount]) -> None:
    """Raises SettlementMismatch where what a brand owes another is more than can be told, or a position more than the
    ledger can post.
    """
    for pair in amounts:
        if pair.amount > PAIR_MAX:
            who = f"{party_name(pair.payer)} owes {party_name(pair.payee)}"
            raise SettlementMismatch(window=window.name, mismatch=f"{who} {pair.amount}: above {PAIR_MAX}")
    for partner, net in net_positions(amounts).items():
        if abs(net) > AMOUNT_MAX:
            raise SettlementMismatch(
                window=window.name, mismatch=f"{party_name(partner)} has {net}: above {AMOUNT_MAX}"
            )


def require_counted(window: Window, kept: Sequence[PairAmount], counted: Sequence[PairAmount]) -> None:
    """What is kept must be what the entries come to when they are counted again.

    Raises:
        SettlementMismatch: naming the first pair that differs.
    """
    before = {(pair.payer, pair.payee): pair for pair in kept}
    after = {(pair.payer, pair.payee): pair for pair in counted}
    for pair in sorted(before.keys() | after.keys()):
        if before.get(pair) != after.get(pair):
            told = " and ".join(str(one.amount) if one else "nothing" for one in (before.get(pair), after.get(pair)))
            mismatch = f"what {party_name(pair[0])} owes {party_name(pair[1])} was counted as {told}"
            raise SettlementMismatch(window=window.name, mismatch=mismatch)


def require_positions(window: Window, participants: Mapping[str, int], amounts: Sequence[PairAmount]) -> None:
    """The participants' net amounts must be those of the pairs' amounts, and sum to zero.

    Raises:
        SettlementMismatch: naming the first one that differs.
    """
    nets = net_positions(amounts)
    for partner in sorted(participants.keys() | nets.keys()):
        if participants.get(partner) != nets.get(partner):
            mismatch = (
                f"{party_name(partner)} takes part with {participants.get(partner)} instead of {nets.get(partner)}"
            )
            raise SettlementMismatch(window=window.name, mismatch=mismatch)
    if sum(participants.values()):
        raise SettlementMismatch(window=window.name, mismatch=f"the positions sum to {sum(participants.values())}")
