"""Rewards: made, activated, paused, filled up, and shown to those who would redeem them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.postgres import Connection, Database, requests
from rewards_catalog.clients.ledger import Ledger
from rewards_catalog.domain.reward import (
    MAX_STOCK,
    Fulfilment,
    Offer,
    Reward,
    RewardState,
    check_fulfilment,
    check_new,
    offer,
    paused,
)
from rewards_catalog.operations.asking import Asking
from rewards_catalog.store import rewards, stock
from rewards_catalog.store.changes import Change, note


@dataclass(frozen=True, slots=True)
class Shelf:
    """A page of what an account can buy, and what it can spend now."""

    offers: Sequence[Offer]
    available_points: int


@dataclass(frozen=True)
class Rewards:
    """The rewards of all programs. `until` is of `time.monotonic()`."""

    database: Database
    ledger: Ledger
    clock: Clock

    async def create(self, asking: Asking, reward: Reward) -> tuple[Reward, bool]:
        """Keeps a new reward; answers it as it is now, and whether the request was sent before.

        Raises:
            InvalidField: a bound is broken, or the program has no such unit.
            AlreadyExists: the program has a reward of this id.
        """
        check_new(reward)

        async def work(connection: Connection) -> bytes:
            await rewards.insert(connection, reward)
            await self._note(connection, asking, reward, Change.CREATED, reward.available)
            return b""

        async with self.database.acquire() as connection:
            known = await requests.find(connection, asking.fingerprint) is not None
        if not known and not await self.ledger.has_unit(reward.program, reward.unit, asking.actor, asking.until):
            raise InvalidField.of("reward.unit", "must be a unit of the reward's program")
        return await self._once(asking, reward.program, reward.id, work)

    async def get(self, program: str, reward: str) -> Reward:
        """The reward as it is now.

        Raises:
            NotFound: there is none.
        """
        async with self.database.acquire() as connection:
            return await rewards.get(connection, program, reward)

    async def activate(self, asking: Asking, program: str, reward: str) -> tuple[Reward, bool]:
        """Lets members see and redeem the reward.

        Raises:
            NotFound: there is none.
        """

        async def work(connection: Connection) -> bytes:
            found = await rewards.lock(connection, program, reward)
            await rewards.set_state(connection, found, RewardState.ACTIVE)
            await self._note(connection, asking, found, Change.ACTIVATED)
            return b""

        return await self._once(asking, program, reward, work)

    async def pause(self, asking: Asking, program: str, reward: str) -> tuple[Reward, bool]:
        """Hides the reward from members.

        Raises:
            NotFound: there is none.
            RewardStateConflict: it is a draft.
        """

        async def work(connection: Connection) -> bytes:
            found = await rewards.lock(connection, program, reward)
            await rewards.set_state(connection, found, paused(found))
            await self._note(connection, asking, found, Change.PAUSED)
            return b""

        return await self._once(asking, program, reward, work)

    async def add_stock(self, asking: Asking, program: str, reward: str, amount: int) -> tuple[Reward, bool]:
        """Adds pieces.

        Raises:
            InvalidField: the amount is out of bounds.
            NotFound: there is no such reward.
            WrongFulfilment, StockLimit: it has no stock, or would have too much.
        """
        if not 1 <= amount <= MAX_STOCK:
            raise InvalidField.of("amount", f"must be between 1 and {MAX_STOCK}")

        async def work(connection: Connection) -> bytes:
            found = await rewards.get(connection, program, reward)
            check_fulfilment(found, Fulfilment.STOCK)
            await self._note(connection, asking, found, Change.STOCK_ADDED, amount)
            await stock.add(connection, found, amount)
            return b""

        return await self._once(asking, program, reward, work)

    async def shelf(
        self, program: str, account: str, after: tuple[int, str], most: int, *, actor: str, until: float
    ) -> Shelf:
        """The active rewards priced in the account's unit, by price and id, that come after the given ones.

        Raises:
            NotFound: there is no such account.
        """
        unit = await self.ledger.unit_of(account, actor, until)
        available = await self.ledger.available(account, actor, until)
        async with self.database.acquire() as connection:
            found = await rewards.on_offer(connection, program, unit, after, most)
        return Shelf([offer(reward, available) for reward in found], available)

    async def _note(
        self, connection: Connection, asking: Asking, reward: Reward, change: Change, amount: int = 0
    ) -> None:
        await note(connection, reward, change, actor=asking.actor, time=self.clock.now(), amount=amount)

    async def _once(
        self,
        asking: Asking,
        program: str,
        reward: str,
        work: Callable[[Connection], Awaitable[bytes]],
    ) -> tuple[Reward, bool]:
        _, replayed = await requests.once(self.database, asking.fingerprint, work)
        return await self.get(program, reward), replayed
