"""Rewards in the database."""

from __future__ import annotations

import asyncpg

from guerdon_kit.errors import AlreadyExists, NotFound
from guerdon_kit.postgres import Connection
from rewards_catalog.domain.reward import Fulfilment, Reward, RewardState
from rewards_catalog.store import queries


async def insert(connection: Connection, reward: Reward) -> None:
    """Keeps a new reward, and its stock where one is counted.

    Raises:
        AlreadyExists: the program has a reward of this id.
    """
    inserted = await queries.insert_reward(
        connection,
        program=reward.program,
        id=reward.id,
        title=reward.title,
        description=reward.description,
        unit=reward.unit,
        price=reward.price,
        fulfilment=reward.fulfilment,
        limit_per_account=reward.limit_per_account,
        state=reward.state,
        create_time=reward.create_time,
    )
    if not inserted:
        raise AlreadyExists(reward.name)
    if reward.fulfilment.counted:
        await queries.insert_stock(connection, program=reward.program, reward=reward.id, available=reward.available)


async def get(connection: Connection, program: str, reward: str) -> Reward:
    """The reward as it is now.

    Raises:
        NotFound: there is none.
    """
    row = await queries.find_reward(connection, program=program, id=reward)
    if row is None:
        raise NotFound(f"programs/{program}/rewards/{reward}")
    return _reward(row)


async def lock(connection: Connection, program: str, reward: str) -> Reward:
    """The reward, whose state nobody else changes until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    await queries.lock_reward(connection, program=program, id=reward)
    return await get(connection, program, reward)


async def set_state(connection: Connection, reward: Reward, state: RewardState) -> None:
    """Changes the state of a reward that is locked."""
    await queries.set_reward_state(connection, program=reward.program, id=reward.id, state=state)


async def on_offer(connection: Connection, program: str, unit: str, after: tuple[int, str], most: int) -> list[Reward]:
    """The active rewards priced in `unit`, by price and id, that come after the given price and id."""
    rows = queries.list_rewards_on_offer(
        connection, program=program, unit=unit, after_price=after[0], after_id=after[1], most=most
    )
    return [_reward(row) async for row in rows]


def _reward(row: asyncpg.Record) -> Reward:
    fields = {**row, "fulfilment": Fulfilment(row["fulfilment"]), "state": RewardState(row["state"])}
    return Reward(**fields)
