"""Paying what was decided from award budgets: each payout exactly once, however many workers are at it.

A payout is taken in by the transaction that decides what it pays. Then the ledger is asked under an id of payout and
try; what a crash or a silent ledger leaves is due again when its lease ends. What is to happen in the transaction that
makes a payout PAID (an event, a place in the feed) each kind of payout brings itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from itertools import groupby

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.grpc import OutcomeUnknown, RemoteError
from guerdon_kit.postgres import Connection, Database
from recognition.clients.award_budgets import AwardBudgetBook
from recognition.domain.payouts import NewPayout, Order, PayoutKind, PayoutState, Settlement, settle
from recognition.store import payouts as store
from recognition.store.payouts import Paid

BATCH = 500

Tell = Callable[[Connection, str, Collection[str]], Awaitable[None]]
"""What is done about payouts of an organisation, by their ids, in the transaction that makes them PAID."""

_log = structlog.get_logger(__name__)


class Paying:
    """The payouts of award budgets."""

    def __init__(
        self, database: Database, book: AwardBudgetBook, clock: Clock, lease: timedelta, tell: Mapping[PayoutKind, Tell]
    ) -> None:
        self._database = database
        self._book = book
        self._clock = clock
        self._lease = lease
        self._tell = tell

    async def take_in(self, connection: Connection, organisation: str, payouts: Sequence[NewPayout]) -> None:
        """Takes payouts in, in the caller's transaction, and leaves them to the caller for the length of a lease:
        after the commit, `pay`.
        """
        now = self._clock.now()
        await store.insert(connection, organisation, payouts, now, now + self._lease)

    async def pay(self, organisation: str, payouts: Collection[str]) -> None:
        """Pays what of these is not settled; what the ledger does not answer now is left to the job."""
        async with self._database.acquire() as connection:
            orders = await store.find_orders(connection, organisation, payouts)
        await self._pay(orders)

    async def pay_due(self) -> int:
        """Pays at most a batch of what is due, and answers how many payouts that were. A program that the ledger does
        not serve now keeps no other one from its payouts: its own are due again when their lease ends.
        """
        now = self._clock.now()
        async with self._database.transaction() as connection:
            orders = await store.claim(connection, now, now + self._lease, BATCH)
        await self._pay(orders)
        return len(orders)

    async def _pay(self, orders: Sequence[Order]) -> None:
        for program, of_program in groupby(orders, key=_program):
            tried = list(of_program)
            try:
                answers = await self._book.pay(tried)
            except (OutcomeUnknown, RemoteError) as error:
                _log.warning("paying_waits", program=program, error=str(error))
                continue
            await self._settle(
                [
                    settle(order, answer, self._clock.now())
                    for order, answer in zip(tried, answers, strict=True)
                    if answer
                ]
            )

    async def _settle(self, settlements: Sequence[Settlement]) -> None:
        for one in settlements:
            if one.state is not PayoutState.PAID:
                _log.warning("payout_refused", subject=one.order.subject, reason=one.refusal, state=one.state.value)

        async def work(connection: Connection) -> None:
            paid = await store.settle(connection, settlements, self._clock.now())
            for (organisation, kind), of_kind in groupby(sorted(paid, key=_told_with), key=_told_with):
                if tell := self._tell.get(PayoutKind(kind)):
                    await tell(connection, organisation, [one.payout for one in of_kind])

        if settlements:
            await self._database.run(work, repeatable=True)


def _program(order: Order) -> str:
    return order.program


def _told_with(paid: Paid) -> tuple[str, str]:
    return paid.organisation, paid.kind.value
