"""Purchases and returns, and their states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from membership.domain.baskets import Basket, Part
from membership.domain.campaigns import NOTHING_DRAWN, Drawn, Reached
from membership.domain.earning import Award, Terms
from membership.domain.flags import Flag
from membership.domain.gifts import Gift, Qualified
from membership.domain.late_changes import AwardChange
from membership.domain.program import Program
from membership.domain.stacking import Kept, Term
from membership.domain.tallies import Into, Tally
from membership.domain.tranches import Tranche
from membership.domain.waits import Awaited, lost_places
from membership.domain.wallets import Wallet


class Bought(NamedTuple):
    """A purchase of a member, as far as referrals and personal offers look at it; the amount in minor units."""

    purchase_id: str
    event_time: datetime
    amount: int


EFFECTIVE_TIME_MARGIN = timedelta(minutes=1)
"""An event younger than this is booked as of its recording: the ledger's clock may be behind ours, and it
takes no event of its future."""


class State(IntEnum):
    """How far a purchase, a return or an enrolment has come. The values are stored."""

    PENDING = 1
    POSTED = 2
    LAPSED = 3
    """The points had expired before they reached the ledger."""
    WAITING = 4
    """The purchase of a return has not arrived yet."""
    UNMATCHED = 5
    """It never arrived while the return waited."""


class Spot(NamedTuple):
    """Where it stands what became of a purchase: the delivery that brings it to the ledger, and its place there."""

    delivery_no: int
    place: int
    """From 1."""


@dataclass(frozen=True, slots=True)
class PlainTerms:
    """What a purchase was rated by, where that was one plain rule."""

    rule_id: str
    version: int
    terms: Terms


@dataclass(frozen=True, slots=True)
class FrozenTerms:
    """What a purchase was rated by elsewhere: kept with it, so that its returns take by it whatever becomes of the
    rules.
    """

    basket: Basket | None
    parts: tuple[Part, ...]
    terms: tuple[Term, ...]
    points: tuple[int, ...]
    """What each term gave."""
    campaigns: tuple[Reached, ...] = ()
    """Those that ran."""
    counts: tuple[Term, ...] = ()
    """Those of rules that count: what of the purchase qualifies for them."""
    tranches: tuple[Tranche, ...] = ()
    """The points by their times, where rules have times of their own."""
    segments: tuple[str, ...] | None = None
    """Those that the member was in when the purchase arrived, of those that rules ask for; None where none do, or where
    nothing is rated anew.
    """
    drawn: Drawn = NOTHING_DRAWN
    """What it had of budgets, where it may be rated anew."""
    wallets: tuple[Wallet, ...] = ()
    """What it was rated by in other units."""
    rewards: tuple[Qualified, ...] = ()
    """The rules that give rewards."""
    counts_into: tuple[Into, ...] = ()
    """What those of the rules that count give, where that is something else than points."""

    def by_campaigns(self) -> dict[str, int]:
        """The points that the rules of campaigns gave, by their ids, where they gave anything; 0 where that was in
        other units, or rewards.
        """
        given: dict[str, int] = {}
        for term, points in zip(self.terms, self.points, strict=True):
            if term.campaign and points:
                given[term.campaign] = given.get(term.campaign, 0) + points
        for wallet in self.wallets:
            for term, amount in zip(wallet.terms, wallet.points, strict=True):
                if term.campaign and amount:
                    given.setdefault(term.campaign, 0)
        if self.rewards:
            for one in self.given(Kept.all_of(self.parts)):
                if one.term.campaign:
                    given.setdefault(one.term.campaign, 0)
        return given

    @property
    def may_give_rewards(self) -> bool:
        """Whether rules that were in force give rewards, by themselves or for counts."""
        return bool(self.rewards) or any(one.reward for one in self.counts_into)

    def into(self, rule_no: int) -> Into:
        """What a rule that counts gives."""
        return next((one for one in self.counts_into if one.rule_no == rule_no), Into(rule_no))

    def count_points(self, tallies: Iterable[Tally]) -> int:
        """The points that were given for counts."""
        return sum(one.points for one in tallies if self.into(one.rule_no) == Into(one.rule_no))

    @property
    def award(self) -> Award:
        """The points by kinds."""
        base = tier = rule = 0
        for term, points in zip(self.terms, self.points, strict=True):
            if term.outcome.is_base:
                base += points
            elif term.rule_id:
                rule += points
            else:
                tier += points
        return Award(base, tier, rule)

    def by_rule(self) -> Iterator[tuple[int, int]]:
        """The numbers of the rules that gave something, with what they gave."""
        for term, points in zip(self.terms, self.points, strict=True):
            if points and term.rule_no:
                yield term.rule_no, points
        for wallet in self.wallets:
            yield from wallet.by_rule()
        if self.rewards:
            yield from ((one.term.rule_no, 1) for one in self.given(Kept.all_of(self.parts)))

    @property
    def own_credits(self) -> int:
        """How many credits of points there are: the purchase's own, and those beside it."""
        return max(1, len(self.tranches))

    def given(self, kept: Kept) -> Iterator[Qualified]:
        """The rewards that it gives for what is kept."""
        return (one for one in self.rewards if one.gives(kept))

    def credits_beside(self) -> Iterator[tuple[int, str, Tranche]]:
        """The credits beside the purchase's own, each with its place among all and its unit; empty for points."""
        for place, tranche in enumerate(self.tranches[1:], start=1):
            yield place, "", tranche
        into = ((wallet.unit, tranche) for wallet in self.wallets for tranche in wallet.tranches)
        for place, (unit, tranche) in enumerate(into, start=self.own_credits):
            yield place, unit, tranche


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase as stored; amounts in minor units of the program's currency."""

    purchase_id: str
    member_id: str
    event_time: datetime
    record_time: datetime
    amount: int
    level: int
    """The tier level that it was rated at."""
    terms: PlainTerms | FrozenTerms
    award: Award
    expire_time: datetime | None
    state: State
    transaction: str
    """The ledger's name of the award; empty until posted, and where there was nothing to post."""
    spot: Spot | None
    """None where there was nothing to post."""
    returned_amount: int
    returned_points: int
    tallies: tuple[Tally, ...] = ()
    """What rules that count have counted with it."""
    credited_points: int | None = None
    """What the ledger was asked for under the purchase's own id, where that is not the award: late events have changed
    that, or other tranches have the rest.
    """
    available_time: datetime | None = None
    """When what the ledger was asked for can first be spent; None for at once."""
    flag: Flag | None = None
    """Why the award is suspicious."""
    gifts: tuple[Gift, ...] = ()
    """The rewards that it gave."""
    awaited: tuple[Awaited, ...] = ()
    """Those of its credits that wait for an event, or did; of a released award also those that wait for their time."""
    changes: tuple[AwardChange, ...] = ()
    """What they changed, oldest first, where it was asked for."""

    @property
    def credits(self) -> tuple[int, ...]:
        """The points of each of its credits by their places, its own first; then those in other units."""
        if not isinstance(self.terms, FrozenTerms):
            return (self.award.points,)
        own = self.terms.tranches[0].points if self.terms.tranches else self.award.points
        return (own, *(one.points for _, _, one in self.terms.credits_beside()))

    @property
    def own_credits(self) -> int:
        """How many of these are of points."""
        return self.terms.own_credits if isinstance(self.terms, FrozenTerms) else 1

    @property
    def awaits_event(self) -> bool:
        """Whether its own credit was asked for as one that waits for an event."""
        return any(one.place == 0 and one.wait.event for one in self.awaited)

    @property
    def lost(self) -> frozenset[int]:
        """The places of the terms whose points were taken back because no event was told."""
        places = lost_places(self.awaited)
        if not places or not isinstance(self.terms, FrozenTerms):
            return frozenset()
        if not self.terms.tranches:
            return frozenset(range(len(self.terms.terms)) if 0 in places else ())
        own = (self.terms.tranches[one].places for one in places if one < self.terms.own_credits)
        return frozenset(place for those in own for place in those)


def may_wait(program: Program, purchase: Purchase) -> bool:
    """Whether points of a purchase may wait for an event: known without a look at those that do."""
    availability = program.settings.availability
    if availability is not None and availability.on_event is not None:
        return True
    if not isinstance(purchase.terms, FrozenTerms):
        return False
    tranches = (*purchase.terms.tranches[:1], *(one for _, _, one in purchase.terms.credits_beside()))
    return any(one.wait for one in tranches)


@dataclass(frozen=True, slots=True)
class GoodsReturn:
    """A return as stored; `cumulative_*` count it and all returns of its purchase before it. Its purchase is named
    whether or not it has arrived.
    """

    return_id: str
    purchase_id: str
    event_time: datetime
    record_time: datetime
    amount: int
    points: int
    cumulative_amount: int
    cumulative_points: int
    state: State
    reversed_points: int
    lines: tuple[tuple[str, int], ...] = ()
    """The pieces that came back, by line id."""
    whole: bool = False
    """Whether all that was left came back."""


def effective_time(event_time: datetime, record_time: datetime) -> datetime | None:
    """The time the ledger is told; None for that of its own recording.

    It depends on stored facts alone, so that asking the ledger again is asking the same.
    """
    return event_time if event_time <= record_time - EFFECTIVE_TIME_MARGIN else None
