"""Having the catalog give the rewards of rules, and call them off: asked by the same ids until it has answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound
from guerdon_kit.events import publish
from guerdon_kit.grpc.client import OutcomeUnknown
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, Rerun
from guerdon_kit.postgres.requests import once
from membership.clients.catalog import Catalog, Given, Refused
from membership.domain.errors import RewardNotOverdue
from membership.domain.flags import FlagState
from membership.domain.gifts import EARLIER_KEPT, ENDED_BY_OPERATOR, OVERDUE_AFTER, Gift, GiftState
from membership.domain.program import Program
from membership.operations.events import gift_changed
from membership.store import gifts, programs
from membership.store.gifts import Key

HELD_LOOK = timedelta(hours=1)
"""How often it is looked whether a held award was decided of; whoever decides has it looked at."""
EARLIER_LOOK = timedelta(seconds=5)
"""How often it is looked whether an earlier reward for the count, which was called off, was taken back."""


class Gifts:
    """Rewards that rules give."""

    def __init__(self, database: Database, catalog: Catalog, clock: Clock) -> None:
        self._database = database
        self._catalog = catalog
        self._clock = clock

    async def advance(self, key: Key) -> None:
        """Has a reward given, or called off.

        Raises:
            OutcomeUnknown: the catalog has not answered; it is asked again, until that is overdue.
        """
        async with self._database.acquire() as connection:
            found = await gifts.find(connection, key)
            program = await programs.by_no(connection, key[0])
        if found is None or found.settled or found.overdue:
            return
        if found.flag is FlagState.HELD:  # whoever decides of the award decides of this
            again = self._clock.now() + HELD_LOOK
            await self._database.run(lambda connection: gifts.put_off(connection, key, again))
            return
        if found.flag is FlagState.REJECTED:
            after = replace(found, state=GiftState.REFUSED, reason="AWARD_REJECTED")
        elif found.ask_time is not None or await self._database.run(
            lambda connection: self._begin(connection, program, found)
        ):
            after = await self._in_time(program, found)
        else:
            return
        await self._database.run(lambda connection: self._keep(connection, program, found, after))

    async def page(self, program: Program, after: str, most: int) -> list[Gift]:
        """Rewards that are overdue, in the order of their ids."""
        async with self._database.acquire() as connection:
            return await gifts.overdue(connection, program, after, most)

    async def get(self, program: Program, gift_id: str) -> Gift:
        """A reward that was given, or is to be.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            return await _require(connection, program, gift_id)

    async def retry(self, program: Program, gift_id: str, fingerprint: Fingerprint) -> bool:
        """Has the catalog asked again of a reward that is overdue; answers whether this is a replay.

        Raises:
            NotFound, RewardNotOverdue: there is no such reward, or it is not overdue.
        """
        return await self._decide(program, gift_id, fingerprint, lambda gift: replace(gift, since=self._clock.now()))

    async def end(self, program: Program, gift_id: str, fingerprint: Fingerprint, actor: str) -> bool:
        """Ends a reward that is overdue: it counts as not given, or, where it was to be taken back, as kept; answers
        whether this is a replay.

        Raises:
            NotFound, RewardNotOverdue: there is no such reward, or it is not overdue.
        """

        def ended(gift: Gift) -> Gift:
            state = GiftState.REFUSED if gift.state is GiftState.PENDING else GiftState.KEPT
            return replace(gift, state=state, reason=ENDED_BY_OPERATOR, ended_by=actor)

        return await self._decide(program, gift_id, fingerprint, ended)

    async def _decide(
        self, program: Program, gift_id: str, fingerprint: Fingerprint, decide: Callable[[Gift], Gift]
    ) -> bool:
        async def work(connection: Connection) -> bytes:
            gift = await _require(connection, program, gift_id)
            if not gift.overdue:
                raise RewardNotOverdue(f"{program.name}/givenRewards/{gift_id}", gift.state.name)
            after = replace(decide(gift), overdue=False)
            if not await gifts.move(connection, gift, after):
                raise Rerun
            if after.settled:
                await publish(connection, gift_changed(program, after, self._clock.now()))
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def _begin(self, connection: Connection, program: Program, gift: Gift) -> bool:
        """Whether the catalog is to be asked, which is kept first: until then nothing was given, whoever looked at it
        and was killed.
        """
        if not await gifts.hold(connection, gift):  # somebody else has moved it, or asks
            return False
        if gift.state is GiftState.TAKING_BACK:
            await self._keep(connection, program, gift, replace(gift, state=GiftState.TAKEN_BACK))
            return False
        if gift.award_no is not None and await self._stood_for(connection, program, gift):
            return False
        await gifts.ask(connection, gift, self._clock.now())
        return True

    async def _stood_for(self, connection: Connection, program: Program, gift: Gift) -> bool:
        """Whether an earlier reward for the count stands for this one, or may: it was called off when its count fell,
        and used by then. So nobody who brings goods back and buys them again is given a second one.
        """
        earlier = await gifts.called_off(connection, gift)
        kept = next((gift_id for gift_id, state in earlier if state is GiftState.KEPT), None)
        if kept is not None:
            after = replace(gift, state=GiftState.REFUSED, reason=EARLIER_KEPT)
            await self._keep(connection, program, gift, after)
            await gifts.stand_for(connection, gift, kept)
        elif earlier:
            await gifts.put_off(connection, (gift.program_no, gift.gift_id), self._clock.now() + EARLIER_LOOK)
        return bool(earlier)

    async def _in_time(self, program: Program, gift: Gift) -> Gift:
        """A reward once the catalog has answered, or as overdue where it has not for too long, or may not be asked."""
        if not gift.may_ask(self._clock.now()):
            return replace(gift, overdue=True)
        try:
            return await self._asked(program, gift)
        except OutcomeUnknown:
            if self._clock.now() < gift.since + OVERDUE_AFTER:
                raise
            return replace(gift, overdue=True)

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

    async def _keep(self, connection: Connection, program: Program, before: Gift, after: Gift) -> bool:
        moved = await gifts.move(connection, before, after)
        if moved:
            await publish(connection, gift_changed(program, after, self._clock.now()))
        return moved


async def _require(connection: Connection, program: Program, gift_id: str) -> Gift:
    found = await gifts.find(connection, (program.program_no, gift_id))
    if found is None:
        raise NotFound(f"{program.name}/givenRewards/{gift_id}")
    return found


def _given(gift: Gift, answer: Given) -> Gift:
    return replace(gift, redemption=answer.redemption)
