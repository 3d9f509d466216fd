"""What a reward is, between the contract's messages and the catalog's own words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from fractions import Fraction

from guerdon.rewards.v1 import resources_pb2 as res
from guerdon.type.v1 import cash_pb2
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc.messages import instant, rational, timestamp
from rewards_catalog.domain import kinds
from rewards_catalog.domain.kinds import KIND_NAMES, Cash, Kind

_READERS: dict[str, Callable[[res.Reward], Kind]] = {
    "gift_card": lambda reward: kinds.GiftCard(read_cash(reward.gift_card.value)),
    "merchandise": lambda reward: kinds.Merchandise(reward.merchandise.sku),
    "experience": lambda reward: _experience(reward.experience),
    "fixed_discount": lambda reward: _fixed_discount(reward.fixed_discount),
    "percent_discount": lambda reward: _percent_discount(reward.percent_discount),
    "free_shipping": lambda reward: kinds.FreeShipping(reward.free_shipping.method),
    "donation": lambda reward: kinds.Donation(reward.donation.beneficiary),
    "cashback": lambda reward: kinds.Cashback(read_cash(reward.cashback.value), reward.cashback.budget or None),
    "partner_transfer": lambda reward: kinds.PartnerTransfer(
        reward.partner_transfer.sender, reward.partner_transfer.receiver, reward.partner_transfer.min_points
    ),
    "tier_benefit": lambda reward: kinds.TierBenefit(reward.tier_benefit.benefit, reward.tier_benefit.days),
}


def read_kind(reward: res.Reward) -> Kind | None:
    """What the reward is; None where it does not say. Bounds are the domain's to check.

    Raises:
        InvalidField: a time or a fraction is none.
    """
    said = reward.WhichOneof("kind")
    return None if said is None else _READERS[said](reward)


def write_kind(shown: res.Reward, kind: Kind | None) -> None:
    """Says in the message what the reward is: its fields have the names that they have in the domain."""
    if kind is None:
        return
    message = getattr(shown, KIND_NAMES[type(kind)].lower())
    for field in fields(kind):
        match getattr(kind, field.name):
            case Cash() as cash:
                getattr(message, field.name).CopyFrom(write_cash(cash))
            case Fraction() as fraction:
                getattr(message, field.name).CopyFrom(rational(fraction))
            case datetime() as time:
                getattr(message, field.name).CopyFrom(timestamp(time))
            case None:
                pass
            case plain:
                setattr(message, field.name, plain)


def _experience(message: res.Experience) -> Kind:
    by_arrangement = not message.HasField("event_time")
    time = None if by_arrangement else instant(message.event_time, "reward.experience.event_time")
    return kinds.Experience(message.location, time)


def _fixed_discount(message: res.FixedDiscount) -> Kind:
    least = read_cash(message.min_purchase) if message.HasField("min_purchase") else None
    return kinds.FixedDiscount(read_cash(message.value), least)


def _percent_discount(message: res.PercentDiscount) -> Kind:
    if message.fraction.denominator < 1:
        raise InvalidField.of("reward.percent_discount.fraction.denominator", "must be at least 1")
    most = read_cash(message.max_discount) if message.HasField("max_discount") else None
    return kinds.PercentDiscount(Fraction(message.fraction.numerator, message.fraction.denominator), most)


def read_cash(message: cash_pb2.Cash) -> Cash:
    """An amount as somebody writes it, its bounds unchecked."""
    return Cash(message.minor_units, message.currency_code)


def write_cash(cash: Cash) -> cash_pb2.Cash:
    """An amount."""
    return cash_pb2.Cash(minor_units=cash.minor_units, currency_code=cash.currency)
