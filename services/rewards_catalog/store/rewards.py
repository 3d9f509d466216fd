"""Rewards in the database. A version of one is kept by the database itself, whenever the reward gets the next."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from guerdon_kit.errors import AlreadyExists, NotFound
from guerdon_kit.postgres import Connection
from rewards_catalog.domain.audience import Groups
from rewards_catalog.domain.kinds import Cash
from rewards_catalog.domain.limits import Limits, Period
from rewards_catalog.domain.prices import PointsRange
from rewards_catalog.domain.refund_terms import RefundPolicy, RefundTerms
from rewards_catalog.domain.reward import Fulfilment, Reward, Texts
from rewards_catalog.domain.shelf import Account, Order, Position, Sought, searchable, titles
from rewards_catalog.domain.states import RewardState
from rewards_catalog.store import queries
from rewards_catalog.store.kinds import kind_columns, kind_from

_LISTS = {
    Order.CHEAPEST: queries.list_cheapest_rewards,
    Order.DEAREST: queries.list_dearest_rewards,
    Order.NEWEST: queries.list_newest_rewards,
}


async def insert(connection: Connection, reward: Reward) -> None:
    """Keeps a new reward, and its stock where one is counted.

    Raises:
        AlreadyExists: the program has a reward of this id.
    """
    kind, details = kind_columns(reward.kind)
    inserted = await queries.insert_reward(
        connection,
        **_changeable(reward),
        kind=kind,
        kind_details=details,
        unit=reward.unit,
        fulfilment=reward.fulfilment,
        time_zone=reward.time_zone,
        state=reward.state,
        create_time=reward.create_time,
    )
    if not inserted:
        raise AlreadyExists(reward.name)
    if reward.fulfilment.counted:
        await queries.insert_stock(connection, program=reward.program, reward=reward.id, available=reward.available)


async def get(connection: Connection, program: str, reward: str, version: int = 0) -> Reward:
    """The reward as it is now, or as it was in a version.

    Raises:
        NotFound: there is none, or no such version.
    """
    if version:
        row = await queries.find_reward_version(connection, program=program, id=reward, version=version)
    else:
        row = await queries.find_reward(connection, program=program, id=reward)
    if row is None:
        raise NotFound(f"programs/{program}/rewards/{reward}")
    return _reward(row)


async def lock(connection: Connection, program: str, reward: str) -> Reward:
    """The reward, which nobody else changes until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    await queries.lock_reward(connection, program=program, id=reward)
    return await get(connection, program, reward)


async def set_state(connection: Connection, reward: Reward, state: RewardState) -> None:
    """Changes the state of a reward that is locked."""
    await queries.set_reward_state(connection, program=reward.program, id=reward.id, state=state)


async def revise(connection: Connection, reward: Reward) -> None:
    """Makes a reward, which is locked, what it is in its next version."""
    await queries.revise_reward(connection, **_changeable(reward), version=reward.version)


async def on_offer(
    connection: Connection, account: Account, sought: Sought, now: datetime, after: Position, most: int
) -> list[Reward]:
    """What can be redeemed now in the account's unit of that which is sought, in its order, after a position."""
    rows = _LISTS[sought.order](
        connection,
        program=account.program,
        unit=account.unit,
        now=now,
        kinds=list(sought.kinds),
        category=sought.category,
        title_part=searchable(sought.title_part),
        min_price=sought.min_price,
        max_price=sought.highest_price,
        most_points=sought.most_points(account.available),
        tiers=sought.member.tiers,
        segments=sought.member.segments,
        after=after[0],
        after_id=after[1],
        most=most,
    )
    return [_reward(row) async for row in rows]


def _changeable(reward: Reward) -> dict[str, object]:
    """The columns of what a new version may change, and the reward's key."""
    limits, steps = reward.limits, reward.points_range
    money = steps.step_cash if steps else reward.cash
    return {
        "program": reward.program,
        "id": reward.id,
        "title": reward.title,
        "description": reward.description,
        "localizations": {
            locale: {"title": texts.title, "description": texts.description}
            for locale, texts in reward.localizations.items()
        },
        "titles": titles(reward),
        "image_uri": reward.image_uri,
        "category": reward.category,
        "terms": reward.terms,
        "price": reward.price,
        "cash": reward.cash.minor_units if reward.cash else None,
        "min_points": reward.cost.least_points,
        "step_points": steps.step_points if steps else None,
        "step_cash": steps.step_cash.minor_units if steps else None,
        "cash_currency": money.currency if money else None,
        "tiers": reward.audience.tiers,
        "segments": reward.audience.segments,
        "limit_per_account": limits.per_account,
        "limit_per_period": limits.per_period,
        "limit_period": limits.period,
        "limit_in_all": limits.in_all,
        "refund_policy": reward.refund.policy,
        "refund_days": reward.refund.days,
        "provider": reward.provider or None,
        "start_time": reward.start_time,
        "end_time": reward.end_time,
        "update_time": reward.update_time,
    }


def _reward(row: asyncpg.Record) -> Reward:
    fields = dict(row)
    fields.pop("titles")
    provider = fields.pop("provider") or ""
    period = fields.pop("limit_period")
    limits = Limits(
        per_account=fields.pop("limit_per_account"),
        per_period=fields.pop("limit_per_period"),
        period=None if period is None else Period(period),
        in_all=fields.pop("limit_in_all"),
    )
    refund = RefundTerms(RefundPolicy(fields.pop("refund_policy")), fields.pop("refund_days"))
    localizations = {locale: Texts(**texts) for locale, texts in fields.pop("localizations").items()}
    kind = kind_from(fields.pop("kind"), fields.pop("kind_details"))
    fulfilment, state = Fulfilment(fields.pop("fulfilment")), RewardState(fields.pop("state"))
    currency, cash = fields.pop("cash_currency"), fields.pop("cash")
    least, step, step_cash = (fields.pop(name) for name in ("min_points", "step_points", "step_cash"))
    audience = Groups(tuple(fields.pop("tiers")), tuple(fields.pop("segments")))
    return Reward(
        **fields,
        cash=None if cash is None else Cash(cash, currency),
        audience=audience,
        points_range=None if step is None else PointsRange(least, step, Cash(step_cash, currency)),
        limits=limits,
        refund=refund,
        localizations=localizations,
        kind=kind,
        fulfilment=fulfilment,
        provider=provider,
        state=state,
    )
