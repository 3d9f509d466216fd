"""How far points from award budgets are, as every contract that pays them tells it."""

from __future__ import annotations

from guerdon.recognition.v1 import payouts_pb2 as pb
from guerdon_kit.grpc.messages import timestamp
from recognition.domain.payouts import PayoutState, Progress

_STATES = {
    PayoutState.PENDING: pb.PAYOUT_STATE_PENDING,
    PayoutState.WAITING: pb.PAYOUT_STATE_WAITING_FOR_BUDGET,
    PayoutState.PAID: pb.PAYOUT_STATE_PAID,
    PayoutState.REFUSED: pb.PAYOUT_STATE_REFUSED,
}

WANTED_STATES = {pb.PAYOUT_STATE_UNSPECIFIED: None, **{number: state for state, number in _STATES.items()}}
"""What a state to list means; the one that is not said is none."""


def write_payout(progress: Progress) -> pb.Payout:
    """The contract's payout."""
    return pb.Payout(
        state=_STATES[progress.state],
        transaction=progress.transaction,
        refusal=progress.refusal,
        wait_end_time=timestamp(progress.wait_end_time),
    )
