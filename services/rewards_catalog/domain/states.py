"""What can be done with a reward in each of its states: one table. The reference is generated from it."""

from __future__ import annotations

from enum import Enum, StrEnum

from rewards_catalog.domain.errors import RewardNotActive, RewardStateConflict


class RewardState(StrEnum):
    """Whether a reward can be redeemed."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ARCHIVED = "ARCHIVED"


class Act(Enum):
    """What is done with a reward; the words are the published table's."""

    ACTIVATE = "It is activated"
    PAUSE = "It is paused"
    ARCHIVE = "It is archived"
    UPDATE = "It is changed"
    FILL = "Pieces or codes are added"
    REDEEM = "It is shown to accounts, and redeemed within its window"
    FINISH = "Redemptions made before are finished, handed over, called off"
    READ = "It is read"


TABLE: dict[Act, dict[RewardState, bool]] = {
    act: dict(zip(RewardState, allowed, strict=True))
    for act, allowed in {
        Act.ACTIVATE: (True, True, True, False),
        Act.PAUSE: (False, True, True, False),
        Act.ARCHIVE: (True, True, True, True),
        Act.UPDATE: (True, True, True, False),
        Act.FILL: (True, True, True, False),
        Act.REDEEM: (False, True, False, False),
        Act.FINISH: (True, True, True, True),
        Act.READ: (True, True, True, True),
    }.items()
}
"""By act, then by state."""


def refusal(act: Act) -> type[RewardNotActive | RewardStateConflict]:
    """What an act is refused with where the table does not allow it."""
    return RewardNotActive if act is Act.REDEEM else RewardStateConflict


def check_allowed(act: Act, reward: str, state: RewardState) -> None:
    """Checks that the state of the reward (its name) allows the act.

    Raises:
        RewardNotActive: it cannot be redeemed.
        RewardStateConflict: nothing else of it is allowed.
    """
    if not TABLE[act][state]:
        raise refusal(act)(reward=reward, state=state)
