"""What operators' words about rewards that rules give refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class RewardNotOverdue(DomainError):
    """The catalog is still being asked, or has answered: there is nothing for an operator to decide."""

    reason = "REWARD_NOT_OVERDUE"
    status = Status.FAILED_PRECONDITION
    message = "{given_reward} is not overdue; it is {state}."

    def __init__(self, given_reward: str, state: str) -> None:
        super().__init__(given_reward=given_reward, state=state)
