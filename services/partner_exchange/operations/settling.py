"""The promise of a settlement: everybody pays and is paid once, or everybody has back what was set aside.

Each step is decided in the database and carried out in the ledger under an id of its own; whoever finds a settlement
under way goes on from what is kept: the operator's call, the same one again, or the recovery loop. Nothing that cannot
be undone happens before all debtors' money is with the hub and all has been counted again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.events import Event, publish
from guerdon_kit.grpc import Remote
from guerdon_kit.postgres import Connection, Database
from partner_exchange.clients.treasury import Treasury
from partner_exchange.domain.errors import SettlementMismatch, SettlementRefused
from partner_exchange.domain.exchanges import UNKNOWN_LASTS
from partner_exchange.domain.settlement import Participant, ParticipantState, Refused, Settlement
from partner_exchange.domain.windows import (
    PairAmount,
    Window,
    WindowState,
    exposures,
    party_name,
    require_counted,
    require_positions,
)
from partner_exchange.operations import booking
from partner_exchange.operations.reached import Reached
from partner_exchange.operations.windows import Windows
from partner_exchange.store import partners, settlement, windows

RECORDED, RESERVED = ParticipantState.RECORDED, ParticipantState.RESERVED
COMMITTED, SETTLED, ABORTED = ParticipantState.COMMITTED, ParticipantState.SETTLED, ParticipantState.ABORTED

_AT_ONCE = 8
"""How many participants the ledger is asked for at a time."""


@dataclass(frozen=True)
class Settling:
    """Takes settlements to their end."""

    database: Database
    ledger: Remote
    clock: Clock
    windows: Windows
    reached: Reached

    async def drive(self, coalition_id: str, number: int, until: float) -> Settlement:
        """Takes a settlement as far as it goes, and answers it: SETTLED, ABORTED, or PENDING_SETTLEMENT while money is
        missing. `until` is of `time.monotonic()`.

        Raises:
            OutcomeUnknown: the ledger did not answer in time. Go on later.
            SettlementMismatch: something does not add up; nothing goes on until the operator asks again.
            SettlementRefused: the ledger refuses a step.
            Unavailable: PostgreSQL is away.
        """
        found = await self.windows.get(coalition_id, number)
        if found.window.state is not WindowState.PENDING_SETTLEMENT or found.window.mismatch is not None:
            return found
        try:
            if found.window.aborter is not None:
                await self._give_back(found, await self._treasury(found.window, found.window.aborter, until))
            else:
                await self._settle(found, await self._treasury(found.window, found.window.settler or "", until))
        except SettlementMismatch as error:
            await self._stop(found.window, error)
            raise
        return await self.windows.get(coalition_id, number)

    async def _settle(self, found: Settlement, treasury: Treasury) -> None:
        window = found.window
        if not found.committed:
            await self._require_positions(found)
            await treasury.open_accounts(one.partner for one in found.participants)
            debtors = [one for one in found.with_sign(-1) if one.state is RECORDED]
            await _each(debtors, lambda one: self._reserve(window, one, treasury))
            if not await self._commit(window):
                return
        found = await self.windows.get(window.coalition_id, window.number)
        creditors = [one for one in found.with_sign(1) if one.state is RESERVED]
        await _each(creditors, lambda one: self._pay(window, one, treasury))
        await self._finish(window, treasury)

    async def _reserve(self, window: Window, debtor: Participant, treasury: Treasury) -> None:
        """Has the hub set aside what a debtor pays, or keeps what is missing."""
        missing = -debtor.net - await treasury.available(debtor.partner)
        if missing > 0 and debtor.ask_time is None:

            async def note(connection: Connection) -> None:
                await settlement.note_missing(connection, window, debtor, missing)

            await self.database.run(note, repeatable=True)
            return
        if not await self._asked(window, debtor):
            return
        answer = await treasury.reserve(window, debtor)
        self.reached("reserve answered")
        if isinstance(answer, str):
            await self._move(window, debtor, RESERVED, answer)
        else:
            await self._refused(window, debtor, answer)

    async def _commit(self, window: Window) -> bool:
        """Where all debtors' money is with the hub and all still adds up, it only goes forward from here on."""
        if not (await self._now(window)).funded:
            return False
        amounts = await self.windows.count(window)

        async def commit(connection: Connection) -> bool:
            locked = await windows.lock(connection, window.coalition_id, window.number)
            found = await settlement.read(connection, locked)
            if locked.aborter is not None or locked.attempt != window.attempt or not found.funded:
                return False
            require_counted(window, await windows.amounts(connection, window), amounts)
            require_positions(window, {one.partner: one.net for one in found.participants}, amounts)
            await settlement.move_all(connection, window, RECORDED, RESERVED, (0, 1))
            await settlement.move_all(connection, window, RESERVED, COMMITTED, (-1, 0))
            return True

        if not await self.database.run(commit, repeatable=True):
            return False
        self.reached("settlement committed")
        return True

    async def _pay(self, window: Window, creditor: Participant, treasury: Treasury) -> None:
        if not await self._asked(window, creditor):
            return
        answer = await treasury.pay(window, creditor)
        self.reached("payment answered")
        if isinstance(answer, str):
            await self._move(window, creditor, COMMITTED, answer)
        else:
            await self._refused(window, creditor, answer)

    async def _finish(self, window: Window, treasury: Treasury) -> None:
        """SETTLED, where all have committed and the hub has nothing left."""
        found = await self._now(window)
        if any(one.state is not COMMITTED for one in found.participants):
            return  # settled by somebody else
        left = await treasury.hub()
        if left:
            raise SettlementMismatch(window=window.name, mismatch=f"the hub's account has {left} instead of zero")

        async def settle(connection: Connection) -> bool:
            now = self.clock.now()
            await windows.keep_open(connection, window.coalition_id)
            if not await settlement.settle(connection, window, now):
                return False
            await settlement.move_all(connection, window, COMMITTED, SETTLED)
            await booking.settle(connection, exposed)
            await publish(connection, _event("settled", window, now))
            return True

        exposed = exposures(await self._require_positions(found))
        if await self.database.run(settle, repeatable=True):
            self.reached("window settled")

    async def _give_back(self, found: Settlement, treasury: Treasury) -> None:
        window = found.window
        await _each(list(found.participants), lambda one: self._abort(window, one, treasury))

        async def abort(connection: Connection) -> bool:
            if not await settlement.abort(connection, window):
                return False
            await publish(connection, _event("settlement_aborted", window, self.clock.now()))
            return True

        # Not where somebody has just asked for a reservation: that one is given back when it is looked at again.
        if await self.database.run(abort, repeatable=True):
            self.reached("settlement aborted")

    async def _abort(self, window: Window, one: Participant, treasury: Treasury) -> None:
        """Gives a debtor back what was, or may have been, set aside."""
        if one.state is ABORTED:
            return
        given_back = False
        if one.ask_time is not None:
            # What may be under way is asked for again: the same answer, or a refusal for ever.
            answer = one.transaction or await treasury.reserve(window, one)
            given_back = isinstance(answer, str)
            if isinstance(answer, str):
                await treasury.give_back(window, one, answer)
                self.reached("given back")
            else:
                await self._refused(window, one, answer)

        async def give_up(connection: Connection) -> None:
            await settlement.give_up(connection, window, one, given_back=given_back)

        await self.database.run(give_up, repeatable=True)

    async def _refused(self, window: Window, one: Participant, refusal: Refused) -> None:
        """A refusal for ever ends the try. Any other one answers this call only: an earlier one may still be under way
        and carry it out, so it ends the try once none can be, and only where all is to be given back.

        Raises:
            SettlementRefused: the operator has to see to it.
        """
        now = self.clock.now()
        over = window.aborter is not None and one.ask_time is not None and now - one.ask_time >= UNKNOWN_LASTS
        if refusal.lasting or over:

            async def next_try(connection: Connection) -> None:
                await settlement.next_try(connection, window, one, refusal.missing)

            await self.database.run(next_try)
            return
        raise SettlementRefused(window=window.name, partner=party_name(one.partner), ledger_reason=refusal.reason)

    async def _asked(self, window: Window, one: Participant) -> bool:
        async def unit(connection: Connection) -> bool:
            return await settlement.asked(connection, window, one, self.clock.now())

        if not await self.database.run(unit, repeatable=True):
            return False
        self.reached("asked")
        return True

    async def _move(self, window: Window, one: Participant, state: ParticipantState, transaction: str) -> bool:
        async def unit(connection: Connection) -> bool:
            return await settlement.move(connection, window, one, state, transaction)

        return await self.database.run(unit, repeatable=True)

    async def _stop(self, window: Window, error: SettlementMismatch) -> None:
        async def unit(connection: Connection) -> None:
            await settlement.stop(connection, window, str(error.metadata["mismatch"]))

        await self.database.run(unit, repeatable=True)

    async def _require_positions(self, found: Settlement) -> list[PairAmount]:
        """What the brands owe each other, where the participants' net amounts are of that."""
        async with self.database.acquire() as connection:
            amounts = await windows.amounts(connection, found.window)
        require_positions(found.window, {one.partner: one.net for one in found.participants}, amounts)
        return amounts

    async def _now(self, window: Window) -> Settlement:
        """The participants of this attempt as they are now."""
        async with self.database.acquire() as connection:
            return await settlement.read(connection, window)

    async def _treasury(self, window: Window, actor: str, until: float) -> Treasury:
        async with self.database.acquire() as connection:
            coalition = await partners.coalition(connection, window.coalition_id)
        return Treasury(self.ledger, coalition, actor, until)


async def _each(participants: list[Participant], step: Callable[[Participant], Awaitable[None]]) -> None:
    """Does the step for all, some at once; a failure is raised when all have had their turn."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(participant: Participant) -> None:
        async with turns:
            await step(participant)

    done = await asyncio.gather(*map(one, participants), return_exceptions=True)
    for outcome in done:
        if isinstance(outcome, BaseException):
            raise outcome


def _event(what: str, window: Window, now: datetime) -> Event:
    key = f"coalitions/{window.coalition_id}"
    return Event(f"guerdon.exchange.v1.{what}", window.name, key, now, {"window": window.name})
