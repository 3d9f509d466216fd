"""Awards whose points are not all available at once, expire at different times, or are in other units: their credits,
and what returns take of each. In the transaction that records the purchase or the return, under the lock on the
member's row.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from guerdon_kit.postgres import Connection
from membership.domain.bonuses import Bonus
from membership.domain.clawbacks import CameBack, kept, wallet_shares
from membership.domain.deliveries import Delivery
from membership.domain.flags import FlagState
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms, Purchase, State
from membership.domain.rating import Rated
from membership.domain.rows import Row
from membership.domain.rulebooks import Rulebook
from membership.domain.sliding import Span
from membership.domain.stacking import give
from membership.domain.timing import state_of, timed
from membership.domain.tranches import bonus_id, share
from membership.domain.waits import lost_places
from membership.operations.qualifying import Rewards
from membership.store import bonuses, tranches
from membership.store.awaited import NewWait
from membership.store.purchases import NewPurchase, OwnCredit

FIRST_LOOK = timedelta(seconds=1)
"""When it is looked whether the event that points wait for was told already."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Rated purchases with the times of their points: what of each is its own credit, and the bonuses beside it."""

    rated: list[Rated]
    written: list[NewPurchase]
    own: Sequence[OwnCredit] | None = None
    """None where all points are available at once and expire alike."""
    bonuses: Sequence[Bonus] = ()
    bonuses_of: Sequence[str] = ()
    """The ids of their purchases."""

    async def give(self, connection: Connection, program: Program, rewards: Rewards, now: datetime) -> Rewards:
        """Writes the bonuses; answers what now has to be brought to the ledger beside the purchases."""
        if not self.bonuses:
            return rewards
        given = await bonuses.insert(connection, program, self.bonuses, now)
        return Rewards.together([rewards, Rewards(given, ())])

    def waits(self, now: datetime) -> Iterator[NewWait]:
        """What waits for an event. It is looked for soon, as it may have been told before or meanwhile."""
        if self.own is None:
            return
        for one, new, own in zip(self.rated, self.written, self.own, strict=True):
            beside = one.frozen.credits_beside() if one.frozen is not None else ()
            for place, wait in enumerate([own.wait, *(tranche.wait for _, _, tranche in beside)]):
                if wait is not None:
                    yield NewWait(new.purchase_id, new.member_no, place, wait, now + FIRST_LOOK)

    def bring(self, delivery: Delivery | None) -> Delivery | None:
        """The delivery of the purchases, with what the ledger is asked for under their own ids."""
        if delivery is None or self.own is None:
            return delivery
        own = {new.purchase_id: one for new, one in zip(self.written, self.own, strict=True)}
        due = [
            one._replace(available_time=credit.available_time, points=credit.points or one.points, held=credit.held)
            for one in delivery.purchases
            for credit in [own[one.purchase_id]]
        ]
        return replace(delivery, purchases=due)


def with_times(
    program: Program,
    book: Rulebook,
    rated: list[Rated],
    written: list[NewPurchase],
    row_at: Mapping[int, Row],
    spans: Mapping[int, Span],
    now: datetime,
) -> Timed:
    """The times of purchases' points, where they are not simply those of the program's expiry."""
    if program.settings.availability is None and not book.timed and not book.wallets:
        return Timed(rated, written)
    again, own, beside, of = list[Rated](), list[OwnCredit](), list[Bonus](), list[str]()
    anew, places = list[NewPurchase](), itertools.count(1)
    for one, new in zip(rated, written, strict=True):
        frozen, times, points = timed(program, book, one, new.event_time, spans.get(new.member_no))
        state = state_of(one.points, times.expire_time, now)
        place = next(places) if state is State.PENDING else None
        again.append(one._replace(frozen=frozen))
        own.append(OwnCredit(times.available_time, points, wait=times.wait))
        anew.append(new._replace(expire_time=times.expire_time, state=state, place=place))
        if frozen is not None:
            beside += _bonuses(new, row_at[one.entry.place].member_id, frozen, now)
            of += [new.purchase_id] * (len(beside) - len(of))
    return Timed(again, anew, own, beside, of)


async def bonuses_of(connection: Connection, program: Program, purchase: Purchase) -> list[Bonus]:
    """The credits beside a purchase's own that the ledger does not have yet."""
    beside = purchase.terms.credits_beside() if isinstance(purchase.terms, FrozenTerms) else ()
    ids = [bonus_id(purchase.purchase_id, place) for place, _, _ in beside]
    return await bonuses.due(connection, program.program_no, ids) if ids else []


async def share_out(
    connection: Connection, program: Program, purchase: Purchase, after: CameBack, return_id: str, points: int
) -> tuple[bool, list[Bonus]]:
    """Writes what a return, after which all of `after` is back, takes of the credits beside the purchase's own: of
    `points`, and of what was given in other units. Answers whether that is anything, and those of them that the ledger
    may have to be asked for before.
    """
    terms = purchase.terms
    if not isinstance(terms, FrozenTerms) or not (terms.wallets or (terms.tranches and points)):
        return False, []
    before = await tranches.taken(connection, program, purchase.purchase_id)
    shares: dict[int, int] = {}
    if terms.tranches and points:
        others = [before.get(number, 0) for number in range(1, len(terms.tranches))]
        taken = [purchase.returned_points - sum(others), *others]
        of_points = share(terms.tranches, taken, give(terms.terms, kept(terms.parts, after)), points)
        shares = {number: part for number, part in enumerate(of_points) if number and part}
    if purchase.flag is None or purchase.flag.state is not FlagState.REJECTED:
        gone = lost_places(purchase.awaited)
        shares |= wallet_shares(terms, after, before, gone, mild=program.settings.mild_returns)
    await tranches.insert(connection, program, purchase.purchase_id, return_id, shares)
    ids = [bonus_id(purchase.purchase_id, place) for place in shares]
    return bool(shares), await bonuses.due(connection, program.program_no, ids)


def _bonuses(new: NewPurchase, member_id: str, frozen: FrozenTerms, now: datetime) -> Iterator[Bonus]:
    """The credits that stand beside a purchase's own."""
    for place, unit, tranche in frozen.credits_beside():
        yield Bonus(
            bonus_id(new.purchase_id, place),
            new.member_no,
            member_id,
            tranche.points,
            new.event_time,
            now,
            tranche.expire_time,
            f"Purchase {new.purchase_id}",
            available_time=tranche.available_time,
            held=tranche.wait is not None,
            unit=unit,
        )
