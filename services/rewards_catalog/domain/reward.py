"""Rewards: what they are made of, who sees them, and how far an account is from one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from guerdon_kit.errors import FieldViolation, InvalidField
from rewards_catalog.domain.errors import RewardNotActive, RewardStateConflict, StockLimit, WrongFulfilment

MAX_POINTS = 2**53
"""The largest price: the ledger's bound of one posting."""
MAX_STOCK = 1_000_000_000
MAX_LIMIT_PER_ACCOUNT = 1_000_000
MAX_TITLE = 200
MAX_DESCRIPTION = 2_000


class Fulfilment(StrEnum):
    """What a redemption hands over."""

    STOCK = "STOCK"
    UNLIMITED = "UNLIMITED"
    CODE_POOL = "CODE_POOL"

    @property
    def counted(self) -> bool:
        """There is a number of pieces or codes that can run out."""
        return self is not Fulfilment.UNLIMITED


class RewardState(StrEnum):
    """Whether a reward can be redeemed."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"


@dataclass(frozen=True, slots=True)
class Reward:
    """What points buy.

    `price` is in the smallest part of `unit` (an id within the program). `limit_per_account` 0 means no limit.
    `available` counts the pieces or codes left; 0 where nothing is counted.
    """

    program: str
    id: str
    title: str
    description: str
    unit: str
    price: int
    fulfilment: Fulfilment
    limit_per_account: int
    state: RewardState
    available: int
    create_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return f"programs/{self.program}/rewards/{self.id}"


def check_new(reward: Reward) -> None:
    """Checks the bounds of a reward that somebody asks for.

    Raises:
        InvalidField: with every bound that is broken.
    """
    violations = []
    if not (1 <= len(reward.title) <= MAX_TITLE and reward.title.isprintable()):
        violations.append(FieldViolation("reward.title", f"must have 1 to {MAX_TITLE} printable characters"))
    if len(reward.description) > MAX_DESCRIPTION or "\0" in reward.description:
        violations.append(FieldViolation("reward.description", f"must have at most {MAX_DESCRIPTION} characters"))
    if not 1 <= reward.price <= MAX_POINTS:
        violations.append(FieldViolation("reward.price", "must be between 1 and 2^53"))
    if not 0 <= reward.limit_per_account <= MAX_LIMIT_PER_ACCOUNT:
        bound = f"must be between 0 and {MAX_LIMIT_PER_ACCOUNT}"
        violations.append(FieldViolation("reward.limit_per_account", bound))
    if reward.fulfilment is Fulfilment.STOCK:
        if not 0 <= reward.available <= MAX_STOCK:
            violations.append(FieldViolation("stock", f"must be between 0 and {MAX_STOCK}"))
    elif reward.available:
        violations.append(FieldViolation("stock", "must be 0 unless the fulfilment is FULFILMENT_STOCK"))
    if violations:
        raise InvalidField(violations)


def check_redeemable(reward: Reward) -> None:
    """Raises RewardNotActive unless members can redeem it."""
    if reward.state is not RewardState.ACTIVE:
        raise RewardNotActive(reward=reward.name, state=reward.state)


def check_fulfilment(reward: Reward, needed: Fulfilment) -> None:
    """Raises WrongFulfilment unless the reward is fulfilled in the needed way."""
    if reward.fulfilment is not needed:
        raise WrongFulfilment(reward=reward.name, fulfilment=reward.fulfilment, needed=needed)


def check_room(reward: Reward, amount: int) -> None:
    """Raises StockLimit when `amount` pieces more would be too many."""
    if reward.available + amount > MAX_STOCK:
        raise StockLimit(maximum=MAX_STOCK, available=reward.available)


def paused(reward: Reward) -> RewardState:
    """The state after somebody pauses it.

    Raises:
        RewardStateConflict: it is a draft, which nobody sees anyway.
    """
    if reward.state is RewardState.DRAFT:
        raise RewardStateConflict(reward=reward.name, state=reward.state)
    return RewardState.PAUSED


@dataclass(frozen=True, slots=True)
class Offer:
    """A reward as one account sees it; `points_to_go` is what the account lacks, 0 if it has enough."""

    reward: Reward
    points_to_go: int

    @property
    def affordable(self) -> bool:
        """The account has the points now."""
        return self.points_to_go == 0


def offer(reward: Reward, available_points: int) -> Offer:
    """The reward for an account that can spend `available_points` now; a debt makes that negative."""
    return Offer(reward, max(0, reward.price - available_points))
