"""Bringing to the ledger what was recorded: by whoever recorded it, and after a crash by the recovery loop.

The ledger is always asked with the same request ids and bodies, so it does not matter who asks, how often, or whether
two do at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError
from guerdon_kit.postgres import Connection, Database
from membership.clients.ledger import BATCH_MAX, Ledger, Refused
from membership.domain.bonuses import Bonus
from membership.domain.deliveries import (
    Credit,
    Delivery,
    Settled,
    bonus_clawback,
    bonus_credit,
    change_clawbacks,
    change_credit,
    purchase_credit,
    return_clawbacks,
    wallet_clawbacks,
    welcome_credit,
)
from membership.domain.late_changes import DueChange, Part
from membership.domain.purchases import FrozenTerms
from membership.operations.decisions import carry_out
from membership.operations.reminders import look_again
from membership.operations.sliding import overtake
from membership.store import bonuses, deliveries, late_changes, members, purchases, returns, tranches

LEASE = timedelta(seconds=30)
"""How long whoever recorded something has to bring it; then the recovery loop takes it up."""
MARGIN_S = 0.25
"""Kept of a caller's deadline for the answer."""


class DeliveryRefused(Exception):
    """The ledger refused a part of a delivery for now, such as the credit of a frozen account."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a delivery's credits."""

    members: list[Settled]
    """Of those members that have a welcome bonus."""
    purchases: list[Settled]
    bonuses: list[Settled]
    changes: list[Settled]
    """Of the late changes that credit."""
    taken: frozenset[str]
    """The ids of accounts that the ledger has with another unit: nothing can be credited there."""
    left: int
    """How many credits are not settled yet."""

    @property
    def done(self) -> bool:
        """Whether all of it has arrived."""
        return not self.left and not self.taken


class Deliveries:
    """Brings recorded awards and clawbacks to the ledger."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        clock: Clock,
        log: structlog.typing.FilteringBoundLogger,
        patience_s: float,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._log = log
        self.patience_s = patience_s
        """How long a caller waits at most for the ledger: what is recorded gets there without them."""

    def first_due_time(self) -> datetime:
        """When the recovery loop may take up what is recorded now."""
        return self._clock.now() + LEASE

    async def deliver(self, delivery: Delivery) -> Outcome:
        """Brings a delivery to the ledger, and answers what became of it. What the ledger refused for now stays.

        Raises:
            OutcomeUnknown: the ledger did not answer; the delivery is still there, and is taken up again.
            RemoteError: the ledger refused the delivery as a whole; likewise.
        """
        outcome = await self._credit(delivery)
        reversed_points: int | None = None
        if delivery.return_id is not None and outcome.done:
            reversed_points = await self._take_back(delivery, delivery.return_id, outcome)
        revoked = await self._revoke(delivery, outcome) if outcome.done else {}
        lessened = await self._lessen(delivery, outcome) if outcome.done else {}
        if delivery.decided is not None and outcome.done:
            await carry_out(self._database, self._ledger, delivery, delivery.decided, *_transactions(delivery, outcome))
        await self._database.run(
            lambda connection: self._settle(connection, delivery, outcome, reversed_points, revoked, lessened)
        )
        if not outcome.done:
            self._log.warning(
                "delivery_refused", delivery=delivery.delivery_no, left=outcome.left, taken=len(outcome.taken)
            )
        return outcome

    async def try_to_deliver(self, delivery: Delivery, within_s: float) -> None:
        """Delivers for a caller who waits; where that fails the recovery loop will, and the caller is told PENDING."""
        try:
            async with asyncio.timeout(min(within_s - MARGIN_S, self.patience_s)):
                await self.deliver(delivery)
        except (DomainError, TimeoutError) as error:
            self._log.warning("delivery_waits", delivery=delivery.delivery_no, error=str(error) or repr(error))

    async def find(self, delivery_no: int) -> Delivery | None:
        """A delivery that has not all arrived; None once it has."""
        async with self._database.acquire() as connection:
            return await deliveries.find(connection, delivery_no)

    async def advance(self, delivery_no: int) -> None:
        """Takes up a delivery that is due.

        Raises:
            DeliveryRefused: a part was refused for now; the rest is settled.
        """
        delivery = await self.find(delivery_no)
        if delivery is not None and not (await self.deliver(delivery)).done:
            raise DeliveryRefused

    async def _credit(self, delivery: Delivery) -> Outcome:
        program, actor = delivery.program, delivery.actor
        unready = {member.account_id for member in delivery.members}
        welcomes = [welcome_credit(member) for member in delivery.members if member.welcome_points]
        bonus_credits = map(bonus_credit, _to_give(delivery))
        change_credits = (change_credit(program, one) for one in _to_credit(delivery))
        credits_ = [*welcomes, *map(purchase_credit, delivery.purchases), *bonus_credits, *change_credits]
        settled = [Settled()] * len(credits_)
        for places in batches(credits_, BATCH_MAX, alike=not any(one.unit for one in delivery.bonuses)):
            asked = [credits_[place] for place in places]
            told = await self._ledger.credit(program, asked, actor, opening=bool(unready))
            for place, answer in zip(places, told, strict=True):
                settled[place] = _settled(answer)
        taken: frozenset[str] = frozenset()
        if unready:
            open_ = {one.account_id for one, how in zip(credits_, settled, strict=True) if how.transaction}
            rest = sorted(unready - open_)  # without a credit, or with one that the ledger refused
            taken = await self._ledger.open_accounts(program, rest, actor) if rest else taken
        rest_of = iter(settled)
        return Outcome(
            list(islice(rest_of, len(welcomes))),
            list(islice(rest_of, len(delivery.purchases))),
            list(islice(rest_of, len(_to_give(delivery)))),
            list(rest_of),
            taken,
            left=sum(not one.done for one in settled),
        )

    async def _take_back(self, delivery: Delivery, return_id: str, outcome: Outcome) -> int:
        """Has the ledger take back what a return takes; its purchase is settled, here or before."""
        program = delivery.program
        async with self._database.acquire() as connection:
            goods_return = await returns.find(connection, program, return_id)
            assert goods_return is not None, "a delivery of a return is written with it"
            found = await purchases.find(connection, program, goods_return.purchase_id)
            assert found is not None, "a return refers to its purchase"
            asked = f"r-{return_id}"
            purchase, parts, wallets = found[0], list[Part](), list[Part]()
            if isinstance(purchase.terms, FrozenTerms) and (purchase.terms.tranches or purchase.terms.wallets):
                found_parts = await tranches.parts(connection, program, purchase.purchase_id, return_id)
                parts = [one for place, one in found_parts if place < purchase.terms.own_credits]
                wallets = [one for place, one in found_parts if place >= purchase.terms.own_credits]
            if program.has_timelines:
                parts = (await late_changes.parts(connection, program.program_no, [asked])).get(asked, [])
        awards, credited = _transactions(delivery, outcome)
        award = awards.get(purchase.purchase_id, purchase.transaction)
        for one in wallet_clawbacks(goods_return, wallets, credited):
            await self._ledger.take_back(program, one, delivery.actor)
        clawbacks = return_clawbacks(goods_return, award, parts, credited)
        return sum([await self._ledger.take_back(program, one, delivery.actor) for one in clawbacks])

    async def _lessen(self, delivery: Delivery, outcome: Outcome) -> dict[str, int]:
        """Has the ledger take back what late events made less; answers how many points, by the change's id."""
        awards, credited = _transactions(delivery, outcome)
        taken: dict[str, int] = {}
        for one in delivery.changes:
            if one.points < 0:
                clawbacks = change_clawbacks(one, awards.get(one.purchase_id, one.award), credited)
                points = [await self._ledger.take_back(delivery.program, asked, delivery.actor) for asked in clawbacks]
                taken[one.change_id] = sum(points)
        return taken

    async def _revoke(self, delivery: Delivery, outcome: Outcome) -> dict[str, int]:
        """Has the ledger take back bonuses that did not last; answers how many points of each."""
        given = {one.bonus_id: how.transaction for one, how in zip(_to_give(delivery), outcome.bonuses, strict=True)}
        taken: dict[str, int] = {}
        for one in delivery.bonuses:
            transaction = given.get(one.bonus_id, one.transaction)
            if one.revoked and transaction:
                asked = bonus_clawback(one, transaction)
                taken[one.bonus_id] = await self._ledger.take_back(delivery.program, asked, delivery.actor)
        return taken

    async def _settle(
        self,
        connection: Connection,
        delivery: Delivery,
        outcome: Outcome,
        reversed_points: int | None,
        revoked: dict[str, int],
        lessened: dict[str, int],
    ) -> None:
        program = delivery.program
        if delivery.purchases:
            pairs = zip(delivery.purchases, outcome.purchases, strict=True)
            await purchases.settle(connection, [(one, how) for one, how in pairs if how.done])
        if outcome.bonuses:
            given = zip(_to_give(delivery), outcome.bonuses, strict=True)
            await bonuses.settle(connection, program, [(one, how) for one, how in given if how.done])
        if revoked:
            await bonuses.settle_revoked(connection, program, revoked)
        credited = zip(_to_credit(delivery), outcome.changes, strict=True)
        changed = lessened | {one.change_id: how for one, how in credited if how.done}
        if changed:
            await late_changes.settle(connection, program, changed)
        if delivery.members:
            await members.activate(connection, _ready(delivery, outcome))
        if delivery.return_id is not None and reversed_points is not None:
            await returns.settle(connection, program, delivery.return_id, reversed_points)
        await overtake(connection, delivery, self._clock.now())
        await look_again(connection, delivery, self._clock.now())
        if outcome.done:
            await deliveries.finish(connection, delivery.delivery_no)


def batches(credits_: Sequence[Credit], most: int, *, alike: bool) -> Iterator[Sequence[int]]:
    """The places of credits that are asked for together, `most` at a time: each batch is of one unit, as all are where
    they are `alike`.
    """
    by_unit: dict[str, Sequence[int]] = {"": range(len(credits_))}
    if not alike:
        units = sorted({one.unit for one in credits_})
        by_unit = {unit: [place for place, one in enumerate(credits_) if one.unit == unit] for unit in units}
    for places in by_unit.values():
        for at in range(0, len(places), most):
            yield places[at : at + most]


_NO_BONUS = Settled(lapsed=True)


def _to_give(delivery: Delivery) -> list[Bonus]:
    return [one for one in delivery.bonuses if not one.transaction]


def _to_credit(delivery: Delivery) -> list[DueChange]:
    return [one for one in delivery.changes if one.points > 0]


def _transactions(delivery: Delivery, outcome: Outcome) -> tuple[dict[str, str], dict[str, str]]:
    """The ledger's transactions of what this delivery has credited: of awards by purchase, and of what stands beside
    them, late changes and tranches, by their ids.
    """
    awards = zip(delivery.purchases, outcome.purchases, strict=True)
    changes = zip(_to_credit(delivery), outcome.changes, strict=True)
    given = zip(_to_give(delivery), outcome.bonuses, strict=True)
    beside = {one.change_id: how.transaction for one, how in changes}
    return (
        {one.purchase_id: how.transaction for one, how in awards},
        beside | {one.bonus_id: how.transaction for one, how in given},
    )


def _settled(answer: str | Refused) -> Settled:
    return Settled(answer) if isinstance(answer, str) else Settled(lapsed=answer.for_good)


def _ready(delivery: Delivery, outcome: Outcome) -> dict[int, str]:
    """The members whose account is theirs and whose welcome bonus, where they have one, is settled; with its
    transaction, or an empty text.
    """
    welcomed = (member for member in delivery.members if member.welcome_points)
    settled = {member.member_no: how for member, how in zip(welcomed, outcome.members, strict=True)}
    found = ((member, settled.get(member.member_no, _NO_BONUS)) for member in delivery.members)
    return {
        member.member_no: how.transaction
        for member, how in found
        if how.done and member.account_id not in outcome.taken
    }
