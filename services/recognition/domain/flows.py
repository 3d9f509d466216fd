"""Where an organisation's points lie, and what moved between these places in which month, by the ledger's postings.

A posting counts in the month (of the organisation's zone) in which the ledger recorded it, so that what was counted of
a month that is over stays true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import NamedTuple

from recognition.domain.billing import Redemption
from recognition.domain.periods import PeriodKind, day_at


class Place(Enum):
    """Where points can lie, or go to and come from. Stored by value."""

    BUDGET = "budget"
    """The organisation's budget account."""
    ALLOWANCE = "allowance"
    MANAGER_BUDGET = "manager_budget"
    AWARD_BUDGET = "award_budget"
    RESERVE = "reserve"
    """What was given and waits for a decision."""
    REWARDS = "rewards"
    """What people received."""
    ISSUANCE = "issuance"
    REDEMPTION = "redemption"
    BREAKAGE = "breakage"
    EXCHANGE = "exchange"
    ADJUSTMENT = "adjustment"
    ELSEWHERE = "elsewhere"
    """Accounts of others in the same program."""


class FlowKind(Enum):
    """Why points moved: the ledger's kinds of transaction, and one-time boosts besides. Stored by value."""

    EARN = "earn"
    SPEND = "spend"
    EXCHANGE = "exchange"
    GRANT = "grant"
    BOOST = "boost"
    """A one-time boost: a grant that somebody ordered."""
    RECOGNITION = "recognition"
    FUND = "fund"
    ADJUSTMENT = "adjustment"
    REVERSAL = "reversal"
    EXPIRY = "expiry"
    TRANSFER = "transfer"
    MERGE = "merge"


class Flow(NamedTuple):
    """What moved from one place to another, of one kind, in one month (its first day)."""

    organisation: str
    month: date
    kind: FlowKind
    source: Place
    destination: Place


class PostedMove(NamedTuple):
    """A posting: accounts by their ids within the program."""

    source_id: str
    destination_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class Posted:
    """A transaction of the ledger."""

    transaction: str
    kind: FlowKind
    record_time: datetime
    moves: tuple[PostedMove, ...]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an account is, and what for; `person` is empty where it is the organisation's."""

    organisation: str
    place: Place
    person: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """What transactions come to."""

    flows: Counter[Flow] = field(default_factory=Counter)
    redemptions: dict[tuple[str, date], list[Redemption]] = field(default_factory=dict)
    """By organisation and month; one for each person and transaction."""

    def of(self, organisation: str) -> Counted:
        """The same of one organisation."""
        return Counted(
            Counter({flow: amount for flow, amount in self.flows.items() if flow.organisation == organisation}),
            {key: found for key, found in self.redemptions.items() if key[0] == organisation},
        )


def counted(
    transactions: Iterable[Posted], owners: Mapping[str, Owner], zones: Mapping[str, str], boosts: Collection[str]
) -> Counted:
    """What these transactions of one program come to. `owners` are those of accounts, by their ids; `zones` are the
    organisations'; `boosts` names the transactions that are one-time boosts.
    """
    result = Counted()
    for posted in transactions:
        kind = FlowKind.BOOST if posted.transaction in boosts else posted.kind
        spent: Counter[tuple[str, str]] = Counter()
        for move in posted.moves:
            source, destination = owners.get(move.source_id), owners.get(move.destination_id)
            for organisation in {owner.organisation for owner in (source, destination) if owner}:
                places = (
                    _place(source, move.source_id, organisation),
                    _place(destination, move.destination_id, organisation),
                )
                month = _month(posted.record_time, zones[organisation])
                result.flows[Flow(organisation, month, kind, *places)] += move.amount
                if places == (Place.REWARDS, Place.REDEMPTION) and source:
                    spent[organisation, source.person] += move.amount
                elif places == (Place.REDEMPTION, Place.REWARDS) and destination:
                    spent[organisation, destination.person] -= move.amount
        for (organisation, person), points in spent.items():
            if points:
                month = _month(posted.record_time, zones[organisation])
                redemption = Redemption(person, posted.transaction, points, posted.record_time)
                result.redemptions.setdefault((organisation, month), []).append(redemption)
    return result


_SYSTEM = {
    place.value: place for place in (Place.ISSUANCE, Place.REDEMPTION, Place.BREAKAGE, Place.EXCHANGE, Place.ADJUSTMENT)
}


def _place(owner: Owner | None, account_id: str, organisation: str) -> Place:
    """What an account is to an organisation; the ids of system accounts begin with their kind and a dot."""
    if owner is not None and owner.organisation == organisation:
        return owner.place
    kind, dot, _ = account_id.partition(".")
    return _SYSTEM.get(kind, Place.ELSEWHERE) if dot else Place.ELSEWHERE


def _month(instant: datetime, zone: str) -> date:
    return PeriodKind.MONTH.first_day(day_at(instant, zone))
