"""Rewards as callers write them, in the catalog's own words. Bounds are the domain's to check."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.rewards.v1 import rewards_pb2 as pb
from guerdon_kit import names
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc.messages import instant
from rewards_catalog.domain.audience import Groups
from rewards_catalog.domain.kinds import KINDS, Cash
from rewards_catalog.domain.limits import Limits, Period
from rewards_catalog.domain.prices import PointsRange
from rewards_catalog.domain.refund_terms import RefundPolicy, RefundTerms
from rewards_catalog.domain.reward import Changes, Fulfilment, Reward, Texts
from rewards_catalog.domain.shelf import Order, Sought
from rewards_catalog.domain.states import RewardState
from rewards_catalog.servicer import calls
from rewards_catalog.servicer.kinds import read_cash, read_kind


def _localizations(reward: res.Reward) -> dict[str, Texts]:
    return {locale: Texts(texts.title, texts.description) for locale, texts in reward.localizations.items()}


def _start_time(reward: res.Reward) -> datetime | None:
    return instant(reward.start_time, "reward.start_time") if reward.HasField("start_time") else None


def _end_time(reward: res.Reward) -> datetime | None:
    return instant(reward.end_time, "reward.end_time") if reward.HasField("end_time") else None


def _cash(reward: res.Reward) -> Cash | None:
    return read_cash(reward.cash) if reward.HasField("cash") else None


def _points_range(reward: res.Reward) -> PointsRange | None:
    if not reward.HasField("points_range"):
        return None
    steps = reward.points_range
    return PointsRange(steps.min_points, steps.step_points, read_cash(steps.step_cash))


def _provider(reward: res.Reward) -> str:
    """The id of the provider that is named, one of the reward's program; empty for none."""
    if not reward.provider:
        return ""
    program, provider = names.parse(reward.provider, "programs/{program}/providers/{provider}", "reward.provider")
    calls.require_same_program(names.tenant_of(reward.name).partition("/")[2], program, "reward.provider")
    return provider


def groups_of(message: res.Groups) -> Groups:
    """Tiers and segments as somebody names them, their bounds unchecked."""
    return Groups(tuple(message.tiers), tuple(message.segments))


_FULFILMENTS = {
    res.FULFILMENT_STOCK: Fulfilment.STOCK,
    res.FULFILMENT_UNLIMITED: Fulfilment.UNLIMITED,
    res.FULFILMENT_CODE_POOL: Fulfilment.CODE_POOL,
    res.FULFILMENT_PROVIDER: Fulfilment.PROVIDER,
}
_ORDERS = {
    pb.REWARD_ORDER_UNSPECIFIED: Order.CHEAPEST,
    pb.REWARD_ORDER_CHEAPEST: Order.CHEAPEST,
    pb.REWARD_ORDER_DEAREST: Order.DEAREST,
    pb.REWARD_ORDER_NEWEST: Order.NEWEST,
}
_KINDS = {res.RewardKind.Value(f"REWARD_KIND_{name}"): name for name in KINDS}
_PERIODS = {res.PERIOD_DAY: Period.DAY, res.PERIOD_WEEK: Period.WEEK, res.PERIOD_MONTH: Period.MONTH}
_POLICIES = {
    res.REFUND_POLICY_UNSPECIFIED: RefundPolicy.NONE,
    res.REFUND_POLICY_WHOLE: RefundPolicy.WHOLE,
    res.REFUND_POLICY_PARTIAL: RefundPolicy.PARTIAL,
}
_REFUND = ("refund_policy", "refund_days")
_LIMITS = ("limit_per_account", "limit_per_period", "limit_in_all")
_FIELDS: dict[str, Callable[[res.Reward], object]] = {
    "title": lambda reward: reward.title,
    "description": lambda reward: reward.description,
    "localizations": _localizations,
    "image_uri": lambda reward: reward.image_uri,
    "category": lambda reward: reward.category,
    "terms": lambda reward: reward.terms,
    "price": lambda reward: reward.price,
    "cash": _cash,
    "points_range": _points_range,
    "audience": lambda reward: groups_of(reward.audience),
    "start_time": _start_time,
    "end_time": _end_time,
    "provider": _provider,
}
"""What an update may change besides the limits: by the field's name, which is the same in the domain."""


def new_reward(request: pb.CreateRewardRequest, program: str, reward: str, unit: str, now: datetime) -> Reward:
    """The reward to make, still without its program's time zone.

    Raises:
        InvalidField: an enum's value or a time is none.
    """
    asked = request.reward
    if asked.fulfilment not in _FULFILMENTS:
        raise InvalidField.of("reward.fulfilment", "must be one of the values that the contract names")
    return Reward(
        program=program,
        id=reward,
        version=1,
        title=asked.title,
        description=asked.description,
        localizations=_localizations(asked),
        image_uri=asked.image_uri,
        category=asked.category,
        terms=asked.terms,
        kind=read_kind(asked),
        unit=unit,
        price=asked.price,
        cash=_cash(asked),
        points_range=_points_range(asked),
        audience=groups_of(asked.audience),
        fulfilment=_FULFILMENTS[asked.fulfilment],
        provider=_provider(asked),
        limits=Limits(**_limits(asked, _LIMITS)),
        refund=RefundTerms(**_refund(asked, _REFUND)),
        start_time=_start_time(asked),
        end_time=_end_time(asked),
        time_zone="",
        state=RewardState.ACTIVE if request.activate else RewardState.DRAFT,
        available=request.stock,
        redeemed=0,
        create_time=now,
        update_time=now,
    )


def changes_of(request: pb.UpdateRewardRequest) -> Changes:
    """What the update's mask names.

    Raises:
        InvalidField: the mask names something else, or a value is none.
    """
    asked, paths = request.reward, set(request.update_mask.paths)
    changeable = {*_FIELDS, *_LIMITS, *_REFUND}
    if not paths <= changeable:
        raise InvalidField.of("update_mask", f"must be some of {', '.join(sorted(changeable))}")
    fields = {path: _FIELDS[path](asked) for path in sorted(paths & {*_FIELDS})}
    return Changes(fields, _limits(asked, paths), _refund(asked, paths))


def sought_of(request: pb.ListRewardsRequest) -> Sought:
    """What a list of rewards is to show.

    Raises:
        InvalidField: an enum's value is none.
    """
    if request.order not in _ORDERS:
        raise InvalidField.of("order", "must be one of the values that the contract names")
    if not set(request.kinds) <= {*_KINDS}:
        raise InvalidField.of("kinds", "must be of the values that the contract names")
    return Sought(
        order=_ORDERS[request.order],
        kinds=[_KINDS[kind] for kind in request.kinds],
        category=request.category,
        title_part=request.title_contains,
        min_price=request.min_price,
        max_price=request.max_price,
        affordable_only=request.affordable_only,
        locale=request.locale,
        member=groups_of(request.member_groups),
    )


def _limits(asked: res.Reward, paths: Collection[str]) -> dict[str, Any]:
    """The limits that `paths` name, by the fields of `Limits`."""
    limits: dict[str, Any] = {}
    if "limit_per_account" in paths:
        limits["per_account"] = asked.limit_per_account
    if "limit_in_all" in paths:
        limits["in_all"] = asked.limit_in_all
    if "limit_per_period" in paths:
        limits |= {"per_period": 0, "period": None}
        if asked.HasField("limit_per_period"):
            if asked.limit_per_period.period not in _PERIODS:
                raise InvalidField.of("reward.limit_per_period.period", "must be one of the contract's values")
            limits |= {"per_period": asked.limit_per_period.limit, "period": _PERIODS[asked.limit_per_period.period]}
    return limits


def _refund(asked: res.Reward, paths: Collection[str]) -> dict[str, Any]:
    """The refund terms that `paths` name, by the fields of `RefundTerms`."""
    refund: dict[str, Any] = {}
    if "refund_policy" in paths:
        if asked.refund_policy not in _POLICIES:
            raise InvalidField.of("reward.refund_policy", "must be one of the values that the contract names")
        refund["policy"] = _POLICIES[asked.refund_policy]
    if "refund_days" in paths:
        refund["days"] = asked.refund_days
    return refund
