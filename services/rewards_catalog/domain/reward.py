"""Rewards: what they are made of, and who can redeem them when."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from guerdon_kit.errors import FieldViolation, InvalidField
from guerdon_kit.names import ID
from rewards_catalog.domain import audience, kinds, prices, refund_terms
from rewards_catalog.domain.audience import Groups
from rewards_catalog.domain.errors import (
    NotInAudience,
    RewardChanged,
    RewardEnded,
    RewardNotStarted,
    WrongFulfilment,
)
from rewards_catalog.domain.kinds import Cash, Kind, PartnerTransfer
from rewards_catalog.domain.limits import MAX_IN_ALL, MAX_PER_ACCOUNT, Limits
from rewards_catalog.domain.prices import PointsRange, Price
from rewards_catalog.domain.refund_terms import RefundPolicy, RefundTerms
from rewards_catalog.domain.states import Act, RewardState, check_allowed

MAX_STOCK = 1_000_000_000
MAX_TITLE = 200
MAX_DESCRIPTION = 2_000
MAX_LOCALIZATIONS = 50
MAX_TERMS = 10_000
MAX_IMAGE_URI = 500
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
_IMAGE_URI = re.compile(r"https://[!-~]+")
_CATEGORY = re.compile(ID)


class Fulfilment(StrEnum):
    """What a redemption hands over."""

    STOCK = "STOCK"
    UNLIMITED = "UNLIMITED"
    CODE_POOL = "CODE_POOL"
    PROVIDER = "PROVIDER"

    @property
    def counted(self) -> bool:
        """There is a number of pieces or codes that can run out."""
        return self in {Fulfilment.STOCK, Fulfilment.CODE_POOL}


@dataclass(frozen=True, slots=True)
class Texts:
    """What a reward is called, and what it is, in one language."""

    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Reward:
    """What points buy, in one of its versions.

    `price` is in the smallest part of `unit` (an id within the program); `cash` is paid besides, and by `points_range`
    points become money (`cost`). `provider` is the id of who issues it, empty unless its fulfilment is PROVIDER.
    `localizations` are by BCP 47 tags. `start_time` and `end_time` bound when it can be redeemed, the end excluded;
    None: without that bound. `time_zone` is the program's. `create_time` is the reward's, `update_time` this version's.
    Of now, whatever the version, are the `state`, what is `available` and how many were `redeemed`; both counts are 0
    where nothing is counted.
    """

    program: str
    id: str
    version: int
    title: str
    description: str
    localizations: Mapping[str, Texts]
    image_uri: str
    category: str
    terms: str
    kind: Kind | None
    unit: str
    price: int
    cash: Cash | None
    points_range: PointsRange | None
    audience: Groups
    fulfilment: Fulfilment
    provider: str
    limits: Limits
    refund: RefundTerms
    start_time: datetime | None
    end_time: datetime | None
    time_zone: str
    state: RewardState
    available: int
    redeemed: int
    create_time: datetime
    update_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return f"programs/{self.program}/rewards/{self.id}"

    @property
    def cost(self) -> Price:
        """What it costs, in points and in money."""
        any_from = self.kind.min_points if isinstance(self.kind, PartnerTransfer) else 0
        return Price(self.price, self.cash, self.points_range, kinds.value_for_points(self.kind), any_from)


def check_new(reward: Reward) -> None:
    """Checks the bounds of a reward that somebody asks for, and of the pieces that it begins with.

    Raises:
        InvalidField: with every bound that is broken.
    """
    violations = list(_violations(reward))
    if reward.kind is not None:
        violations += kinds.violations(reward.kind)
    if reward.fulfilment is Fulfilment.STOCK:
        if not 0 <= reward.available <= MAX_STOCK:
            violations.append(FieldViolation("stock", f"must be between 0 and {MAX_STOCK}"))
    elif reward.available:
        violations.append(FieldViolation("stock", "must be 0 unless the fulfilment is FULFILMENT_STOCK"))
    if violations:
        raise InvalidField(violations)


@dataclass(frozen=True, slots=True)
class Changes:
    """What the next version has otherwise: by the fields of `Reward`, of its `Limits` and of its `RefundTerms`."""

    fields: Mapping[str, Any]
    limits: Mapping[str, Any]
    refund: Mapping[str, Any]


def revised(reward: Reward, changes: Changes, now: datetime) -> Reward | None:
    """The next version of the reward; None where nothing differs.

    Raises:
        InvalidField: with every bound that is broken.
    """
    changed = replace(
        reward,
        **changes.fields,
        limits=replace(reward.limits, **changes.limits),
        refund=replace(reward.refund, **changes.refund),
    )
    violations = list(_violations(changed))
    if violations:
        raise InvalidField(violations)
    return None if changed == reward else replace(changed, version=reward.version + 1, update_time=now)


def _violations(reward: Reward) -> Iterator[FieldViolation]:
    yield from _texts(Texts(reward.title, reward.description), "reward")
    if len(reward.localizations) > MAX_LOCALIZATIONS:
        yield FieldViolation("reward.localizations", f"must be at most {MAX_LOCALIZATIONS}")
    for locale, texts in sorted(reward.localizations.items())[:MAX_LOCALIZATIONS]:
        if _LOCALE.fullmatch(locale) is None:
            yield FieldViolation("reward.localizations", "must be by BCP 47 tags, such as `de` or `pt-BR`")
        else:
            yield from _texts(texts, f"reward.localizations[{locale}]")
    if len(reward.terms) > MAX_TERMS or "\0" in reward.terms:
        yield FieldViolation("reward.terms", f"must have at most {MAX_TERMS} characters")
    if reward.image_uri and not (len(reward.image_uri) <= MAX_IMAGE_URI and _IMAGE_URI.fullmatch(reward.image_uri)):
        yield FieldViolation("reward.image_uri", f"must be an https address of at most {MAX_IMAGE_URI} characters")
    if reward.category and not category_ok(reward.category):
        yield FieldViolation("reward.category", "must be at most 63 of A-Z a-z 0-9 . _ ~ -, a letter or digit first")
    yield from prices.violations(reward.cost)
    if reward.points_range and reward.cost.value and reward.fulfilment is Fulfilment.CODE_POOL:
        yield FieldViolation("reward.points_range", "must be absent for a value that codes stand for")
    yield from audience.violations(reward.audience, "reward.audience")
    if reward.start_time and reward.end_time and reward.end_time <= reward.start_time:
        yield FieldViolation("reward.end_time", "must be later than start_time")
    yield from _limits(reward)
    yield from _handing_over(reward)


def _handing_over(reward: Reward) -> Iterator[FieldViolation]:
    if (reward.fulfilment is Fulfilment.PROVIDER) != bool(reward.provider):
        yield FieldViolation("reward.provider", "must be given for FULFILMENT_PROVIDER, and for nothing else")
    codes, wallets = reward.fulfilment is Fulfilment.CODE_POOL, kinds.budget_of(reward.kind) is not None
    yield from refund_terms.violations(reward.refund, codes=codes, wallets=wallets)
    if wallets and reward.fulfilment not in {Fulfilment.STOCK, Fulfilment.UNLIMITED}:
        needed = "must be FULFILMENT_STOCK or FULFILMENT_UNLIMITED for what is paid into a wallet"
        yield FieldViolation("reward.fulfilment", needed)
    if isinstance(reward.kind, PartnerTransfer):
        yield from _transferring(reward, reward.kind)


def _transferring(reward: Reward, kind: PartnerTransfer) -> Iterator[FieldViolation]:
    if reward.fulfilment not in {Fulfilment.STOCK, Fulfilment.UNLIMITED}:
        yield FieldViolation(
            "reward.fulfilment", "must be FULFILMENT_STOCK or FULFILMENT_UNLIMITED for a partner transfer"
        )
    if not 0 <= kind.min_points <= reward.price:
        yield FieldViolation("reward.partner_transfer.min_points", "must be between 0 and the price")
    absent = "must be absent for a partner transfer"
    if reward.cash is not None:
        yield FieldViolation("reward.cash", absent)
    if reward.points_range is not None:
        yield FieldViolation("reward.points_range", absent)
    if reward.refund.policy is not RefundPolicy.NONE:
        yield FieldViolation("reward.refund_policy", absent + ": an exchange is reversed by the coalition")


def category_ok(category: str) -> bool:
    """Whether a category may be called so."""
    return _CATEGORY.fullmatch(category) is not None


def _texts(texts: Texts, field: str) -> Iterator[FieldViolation]:
    if not (1 <= len(texts.title) <= MAX_TITLE and texts.title.isprintable()):
        yield FieldViolation(f"{field}.title", f"must have 1 to {MAX_TITLE} printable characters")
    if len(texts.description) > MAX_DESCRIPTION or "\0" in texts.description:
        yield FieldViolation(f"{field}.description", f"must have at most {MAX_DESCRIPTION} characters")


def _limits(reward: Reward) -> Iterator[FieldViolation]:
    limits = reward.limits
    if not 0 <= limits.per_account <= MAX_PER_ACCOUNT:
        yield FieldViolation("reward.limit_per_account", f"must be between 0 and {MAX_PER_ACCOUNT}")
    if limits.period is not None and not 1 <= limits.per_period <= MAX_PER_ACCOUNT:
        yield FieldViolation("reward.limit_per_period.limit", f"must be between 1 and {MAX_PER_ACCOUNT}")
    if not reward.fulfilment.counted and limits.in_all:
        yield FieldViolation(
            "reward.limit_in_all", f"must be 0 for FULFILMENT_{reward.fulfilment}: that would be a stock"
        )
    elif not 0 <= limits.in_all <= MAX_IN_ALL:
        yield FieldViolation("reward.limit_in_all", f"must be between 0 and {MAX_IN_ALL}")


def check_grantable(reward: Reward) -> None:
    """Checks that a reward can be given: one that pays cash into a wallet moves money, which is given there, and a
    partner transfer moves the member's own points.

    Raises:
        InvalidField: it cannot.
    """
    if kinds.budget_of(reward.kind) is not None or isinstance(reward.kind, PartnerTransfer):
        raise InvalidField.of("reward", "cannot be one that pays into a wallet, or a partner transfer")


def check_redeemable(reward: Reward, now: datetime, version: int, member: Groups | None) -> None:
    """Checks that the member, None for whoever it is, can redeem it now, and that it is still the version that was
    shown (0: whichever it is).

    Raises:
        RewardNotActive, RewardNotStarted, RewardEnded: nobody can.
        NotInAudience: the member cannot.
        RewardChanged: another version is current.
    """
    check_allowed(Act.REDEEM, reward.name, reward.state)
    if reward.start_time is not None and now < reward.start_time:
        raise RewardNotStarted(reward=reward.name, start_time=reward.start_time.isoformat())
    if reward.end_time is not None and now >= reward.end_time:
        raise RewardEnded(reward=reward.name, end_time=reward.end_time.isoformat())
    if member is not None and not reward.audience.admits(member):
        raise NotInAudience(reward=reward.name)
    if version not in {0, reward.version}:
        raise RewardChanged(reward=reward.name, asked=version, current=reward.version)


def check_fulfilment(reward: Reward, needed: Fulfilment) -> None:
    """Raises WrongFulfilment unless the reward is fulfilled in the needed way."""
    if reward.fulfilment is not needed:
        raise WrongFulfilment(reward=reward.name, fulfilment=reward.fulfilment, needed=needed)
