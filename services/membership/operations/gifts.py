"""Having the catalog give the rewards of rules, and call them off: asked by the same ids until it has answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.events import publish
from guerdon_kit.postgres import Connection, Database
from membership.clients.catalog import Catalog, Given, Refused
from membership.domain.flags import FlagState
from membership.domain.gifts import Gift, GiftState
from membership.domain.program import Program
from membership.operations.events import gift_changed
from membership.store import gifts, programs
from membership.store.gifts import Key

HELD_LOOK = timedelta(hours=1)
"""How often it is looked whether a held award was decided of; whoever decides has it looked at."""


class Gifts:
    """Rewards that rules give."""

    def __init__(self, database: Database, catalog: Catalog, clock: Clock) -> None:
        self._database = database
        self._catalog = catalog
        self._clock = clock

    async def advance(self, key: Key) -> None:
        """Has a reward given, or called off.

        Raises:
            OutcomeUnknown: the catalog has not answered; it is asked again.
        """
        async with self._database.acquire() as connection:
            found = await gifts.find(connection, key)
            program = await programs.by_no(connection, key[0])
        if found is None or found.state not in {GiftState.PENDING, GiftState.TAKING_BACK}:
            return
        if found.flag is FlagState.HELD:  # whoever decides of the award decides of this
            again = self._clock.now() + HELD_LOOK
            await self._database.run(lambda connection: gifts.put_off(connection, key, again))
            return
        if found.flag is FlagState.REJECTED:
            after = replace(found, state=GiftState.REFUSED, reason="AWARD_REJECTED")
        else:
            after = await self._asked(program, found)
        await self._database.run(lambda connection: self._keep(connection, program, found, after))

    async def _asked(self, program: Program, gift: Gift) -> Gift:
        """A reward once the catalog has answered. One to be taken back whose giving was not answered is given first:
        the same request finds out what became of it.
        """
        if not gift.redemption:
            answer = await self._catalog.give(program, gift)
            if isinstance(answer, Refused):
                return replace(gift, state=GiftState.REFUSED, reason=answer.reason)
            given = _given(gift, answer)
            if gift.state is GiftState.PENDING:
                return replace(given, state=GiftState.GIVEN)
            gift = given
        why = await self._catalog.take_back(program, gift)
        if why is not None:
            return replace(gift, state=GiftState.KEPT, reason=why.reason)
        return replace(gift, state=GiftState.TAKEN_BACK)

    async def _keep(self, connection: Connection, program: Program, before: Gift, after: Gift) -> None:
        if await gifts.move(connection, before, after):
            await publish(connection, gift_changed(program, after, self._clock.now()))


def _given(gift: Gift, answer: Given) -> Gift:
    return replace(gift, redemption=answer.redemption)
