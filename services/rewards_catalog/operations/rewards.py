"""Rewards: made, activated, paused, filled up, and shown to those who would redeem them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.grpc.locked import LockedPoints
from guerdon_kit.postgres import Connection, Database, requests
from rewards_catalog.clients.ledger import Ledger
from rewards_catalog.domain.kinds import CASH_LIKE, budget_of, value_for_points
from rewards_catalog.domain.reward import (
    MAX_STOCK,
    Changes,
    Fulfilment,
    Reward,
    check_fulfilment,
    check_new,
    revised,
)
from rewards_catalog.domain.shelf import Account, Offer, Position, Sought, check_sought, offer
from rewards_catalog.domain.states import Act, RewardState, check_allowed
from rewards_catalog.domain.wallets import check_budget, check_funding, unit_of_budget
from rewards_catalog.operations.asking import Asking
from rewards_catalog.store import providers, rewards, stock, wallet_units
from rewards_catalog.store.changes import Change, note

_TURNS = {
    Act.ACTIVATE: (RewardState.ACTIVE, Change.ACTIVATED),
    Act.PAUSE: (RewardState.PAUSED, Change.PAUSED),
    Act.ARCHIVE: (RewardState.ARCHIVED, Change.ARCHIVED),
}


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
    locked_points: LockedPoints
    clock: Clock

    async def create(self, asking: Asking, reward: Reward) -> tuple[Reward, bool]:
        """Keeps a new reward, with its program's time zone; answers it as it is now, and whether it was sent before.

        Raises:
            InvalidField: a bound is broken, or the program has no such unit, provider or budget.
            AlreadyExists: the program has a reward of this id.
        """
        check_new(reward)
        time_zone = reward.time_zone

        async def work(connection: Connection) -> bytes:
            await _check_provider(connection, reward)
            await _check_currency(connection, reward)
            await rewards.insert(connection, replace(reward, time_zone=time_zone))
            await self._note(connection, asking, reward, Change.CREATED, reward.available)
            return b""

        async with self.database.acquire() as connection:
            known = await requests.find(connection, asking.fingerprint) is not None
        if not known:
            if not await self.ledger.has_unit(reward.program, reward.unit, asking.actor, asking.until):
                raise InvalidField.of("reward.unit", "must be a unit of the reward's program")
            await self._check_budget(asking, reward)
            time_zone = await self.ledger.time_zone(reward.program, asking.actor, asking.until)
        return await self._once(asking, reward.program, reward.id, work)

    async def _check_budget(self, asking: Asking, reward: Reward) -> None:
        """Raises InvalidField where what is to pay into wallets is no budget that could."""
        budget = budget_of(reward.kind)
        if budget is None:
            return
        check_budget(budget, reward.program, reward.unit)
        try:
            funding = await self.ledger.funding(budget, asking.actor, asking.until)
        except NotFound as error:
            raise InvalidField.of("reward.cashback.budget", "must be an account that exists") from error
        value = value_for_points(reward.kind)
        assert value is not None, "a cashback has a value"
        check_funding(funding, value.currency)

    async def get(self, program: str, reward: str, version: int = 0) -> Reward:
        """The reward as it is now, or as it was in a version.

        Raises:
            NotFound: there is none, or no such version.
        """
        async with self.database.acquire() as connection:
            return await rewards.get(connection, program, reward, version)

    async def update(self, asking: Asking, program: str, reward: str, changes: Changes) -> tuple[Reward, bool]:
        """Makes the reward's next version; none where nothing differs.

        Raises:
            InvalidField: a bound is broken.
            NotFound: there is none.
            RewardStateConflict: it is archived.
        """

        async def work(connection: Connection) -> bytes:
            found = await rewards.lock(connection, program, reward)
            check_allowed(Act.UPDATE, found.name, found.state)
            changed = revised(found, changes, self.clock.now())
            if changed is not None:
                await _check_provider(connection, changed)
                await rewards.revise(connection, changed)
                await self._note(connection, asking, found, Change.UPDATED, changed.version)
            return b""

        return await self._once(asking, program, reward, work)

    async def activate(self, asking: Asking, program: str, reward: str) -> tuple[Reward, bool]:
        """Lets members see and redeem the reward, within its window.

        Raises:
            NotFound: there is none.
            RewardStateConflict: it is archived.
        """
        return await self._turn(asking, program, reward, Act.ACTIVATE)

    async def pause(self, asking: Asking, program: str, reward: str) -> tuple[Reward, bool]:
        """Hides the reward from members.

        Raises:
            NotFound: there is none.
            RewardStateConflict: it is a draft, which nobody sees anyway, or archived.
        """
        return await self._turn(asking, program, reward, Act.PAUSE)

    async def archive(self, asking: Asking, program: str, reward: str) -> tuple[Reward, bool]:
        """Ends the reward for good.

        Raises:
            NotFound: there is none.
        """
        return await self._turn(asking, program, reward, Act.ARCHIVE)

    async def add_stock(self, asking: Asking, program: str, reward: str, amount: int) -> tuple[Reward, bool]:
        """Adds pieces.

        Raises:
            InvalidField: the amount is out of bounds.
            NotFound: there is no such reward.
            RewardStateConflict: it is archived.
            WrongFulfilment, StockLimit: it has no stock, or would have too much.
        """
        if not 1 <= amount <= MAX_STOCK:
            raise InvalidField.of("amount", f"must be between 1 and {MAX_STOCK}")

        async def work(connection: Connection) -> bytes:
            found = await rewards.get(connection, program, reward)
            check_allowed(Act.FILL, found.name, found.state)
            check_fulfilment(found, Fulfilment.STOCK)
            await self._note(connection, asking, found, Change.STOCK_ADDED, amount)
            await stock.add(connection, found, amount)
            return b""

        return await self._once(asking, program, reward, work)

    async def shelf(
        self, program: str, account: str, sought: Sought, after: Position, most: int, *, actor: str, until: float
    ) -> Shelf:
        """What can be redeemed now in the account's unit of that which is sought, after the given position. Among what
        is affordable may be what is as good as cash and is not affordable, as too many points are locked.

        Raises:
            InvalidField: a bound is broken.
            NotFound: there is no such account.
        """
        check_sought(sought)
        unit = await self.ledger.unit_of(account, actor, until)
        available = await self.ledger.available(account, actor, until)
        looking = Account(program, unit, available)
        async with self.database.acquire() as connection:
            found = await rewards.on_offer(connection, looking, sought, self.clock.now(), after, most)
        free = available
        if any(isinstance(reward.kind, CASH_LIKE) for reward in found):
            locked = await self.locked_points.of(account, actor, until)
            free -= 0 if locked is None else locked.points
        offers = [
            offer(reward, free if isinstance(reward.kind, CASH_LIKE) else available, sought.locale) for reward in found
        ]
        return Shelf(offers, available)

    async def _turn(self, asking: Asking, program: str, reward: str, act: Act) -> tuple[Reward, bool]:
        state, change = _TURNS[act]

        async def work(connection: Connection) -> bytes:
            found = await rewards.lock(connection, program, reward)
            check_allowed(act, found.name, found.state)
            await rewards.set_state(connection, found, state)
            await self._note(connection, asking, found, change)
            return b""

        return await self._once(asking, program, reward, work)

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


async def _check_provider(connection: Connection, reward: Reward) -> None:
    """Raises InvalidField where the reward names a provider that the program does not have."""
    if not reward.provider:
        return
    try:
        await providers.get(connection, reward.program, reward.provider)
    except NotFound as error:
        raise InvalidField.of("reward.provider", "must be a provider of the reward's program") from error


async def _check_currency(connection: Connection, reward: Reward) -> None:
    """Raises InvalidField where the wallets that the reward pays into are of another currency: that of the first reward
    that paid into wallets of the unit.
    """
    budget, value = budget_of(reward.kind), value_for_points(reward.kind)
    if budget is None or value is None:
        return
    currency = await wallet_units.currency_of(connection, reward.program, unit_of_budget(budget), value.currency)
    if currency != value.currency:
        raise InvalidField.of("reward.cashback.value.currency_code", f"must be {currency}, as wallets of the unit have")
