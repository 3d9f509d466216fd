"""Between the contract's messages and the words for vouchers."""

from __future__ import annotations

from datetime import timedelta

from guerdon.rewards.v1 import vouchers_pb2 as pb
from guerdon_kit.errors import DomainError, InvalidField
from guerdon_kit.grpc.messages import instant, timestamp
from rewards_catalog.domain.kinds import Cash
from rewards_catalog.domain.vouchers import MAX_VALID_FOR, Till, Use, Voucher, VoucherTerms
from rewards_catalog.servicer.kinds import write_cash


def terms_of(message: pb.VoucherTerms) -> VoucherTerms:
    """The terms that somebody sets.

    Raises:
        InvalidField: a time or a duration is none.
    """
    valid_for = None
    if message.HasField("valid_for"):
        seconds = message.valid_for.seconds
        if message.valid_for.nanos or not 0 < seconds <= MAX_VALID_FOR.total_seconds():
            raise InvalidField.of("terms.valid_for", f"must be whole seconds, up to {MAX_VALID_FOR.days} days")
        valid_for = timedelta(seconds=seconds)
    return VoucherTerms(
        start_time=instant(message.start_time, "terms.start_time") if message.HasField("start_time") else None,
        end_time=instant(message.end_time, "terms.end_time") if message.HasField("end_time") else None,
        valid_for=valid_for,
        cancellable=message.cancellable,
    )


def terms_message(terms: VoucherTerms) -> pb.VoucherTerms:
    """Terms."""
    shown = pb.VoucherTerms(cancellable=terms.cancellable)
    if terms.start_time is not None:
        shown.start_time.CopyFrom(timestamp(terms.start_time))
    if terms.end_time is not None:
        shown.end_time.CopyFrom(timestamp(terms.end_time))
    if terms.valid_for is not None:
        shown.valid_for.FromTimedelta(terms.valid_for)
    return shown


def voucher_message(voucher: Voucher) -> pb.Voucher:
    """A voucher."""
    shown = pb.Voucher(
        name=voucher.name,
        reward=voucher.reward_name,
        reward_version=voucher.reward_version,
        title=voucher.title,
        state=pb.VoucherState.Value(f"VOUCHER_STATE_{voucher.state}"),
        start_time=timestamp(voucher.start_time),
        create_time=timestamp(voucher.create_time),
    )
    if voucher.end_time is not None:
        shown.end_time.CopyFrom(timestamp(voucher.end_time))
    if voucher.value is not None and voucher.balance is not None:
        shown.value.CopyFrom(write_cash(voucher.value))
        shown.balance.CopyFrom(write_cash(Cash(voucher.balance, voucher.value.currency)))
    return shown


def use_message(use: Use) -> pb.VoucherUse:
    """What a till did."""
    shown = pb.VoucherUse(
        name=use.name,
        till=_till(use.till),
        create_time=timestamp(use.create_time),
        undo_end_time=timestamp(use.undo_end_time),
    )
    value = use.voucher.value
    if value is not None and use.amount is not None and use.balance is not None:
        shown.amount.CopyFrom(write_cash(Cash(use.amount, value.currency)))
        shown.balance.CopyFrom(write_cash(Cash(use.balance, value.currency)))
    if use.undoing is not None:
        shown.undo_time.CopyFrom(timestamp(use.undoing.time))
        shown.undo_till.CopyFrom(_till(use.undoing.till))
    return shown


def refusal_message(refusal: DomainError) -> pb.VoucherRefusal:
    """Why a voucher would be refused."""
    return pb.VoucherRefusal(reason=refusal.reason, metadata=refusal.metadata)


def till_of(message: pb.Till) -> Till:
    """A till as somebody names it, its bounds unchecked."""
    return Till(message.store, message.terminal, message.cashier)


def _till(till: Till) -> pb.Till:
    return pb.Till(store=till.store, terminal=till.terminal, cashier=till.cashier)
