"""Earning rules between the contract and the domain."""

from __future__ import annotations

from fractions import Fraction

from google.protobuf.duration_pb2 import Duration

from guerdon.membership.v1 import rule_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc.messages import rational, timestamp
from guerdon_kit.names import parse
from membership.domain.earning import Rounding
from membership.domain.moments import from_microseconds
from membership.domain.program import Program
from membership.domain.rules import BundleItem, Count, Eligibility, Outcome, Period, Rule, Version
from membership.servicer.policies import read_availability, read_expiry, write_availability, write_expiry
from membership.servicer.rationals import fraction

CAMPAIGN = "programs/{program}/campaigns/{campaign}"
REWARD = "programs/{program}/rewards/{reward}"
UNIT = "programs/{program}/units/{unit}"

_ROUNDINGS = {pb.ROUNDING_DOWN: Rounding.DOWN, pb.ROUNDING_HALF_UP: Rounding.HALF_UP}
_FIELDS = {
    Outcome.SPEND: "points_per_minor_unit",
    Outcome.ITEM: "points_per_item",
    Outcome.LINE: "points_per_line",
    Outcome.VISIT: "points_per_visit",
    Outcome.MULTIPLIER: "multiplier",
    Outcome.BONUS: "bonus_points",
    Outcome.PIECE: "piece_points_per_minor_unit",
    Outcome.REWARD: "reward",
}
_COUNTED = {pb.Count.COUNTED_PURCHASES: False, pb.Count.COUNTED_PIECES: True}
_OUTCOMES = {field: outcome for outcome, field in _FIELDS.items()}


def read_rule(message: pb.EarningRule, rule_id: str, path: str) -> Rule:
    """A rule; its bounds are the domain's to check.

    Raises:
        InvalidField: an outcome, a rational or an enum is missing or malformed.
    """
    field = message.WhichOneof("outcome")
    if field is None:
        raise InvalidField.of(f"{path}.points_per_minor_unit", "is needed, or another outcome")
    outcome = _OUTCOMES[field]
    if outcome.is_base and message.rounding not in _ROUNDINGS:
        raise InvalidField.of(f"{path}.rounding", "must be ROUNDING_DOWN or ROUNDING_HALF_UP")
    if not outcome.is_base and (message.rounding or message.round_each_line):
        raise InvalidField.of(f"{path}.rounding", "is for base rules: the others are rounded with them")
    spends = message.eligibility
    return Rule(
        rule_id=rule_id,
        outcome=outcome,
        rate=Fraction(message.bonus_points if outcome is Outcome.BONUS else 1)
        if outcome in {Outcome.BONUS, Outcome.REWARD}
        else fraction(getattr(message, field), f"{path}.{field}"),
        rounding=_ROUNDINGS.get(message.rounding, Rounding.DOWN),
        round_each_line=message.round_each_line,
        minimum_spend=message.minimum_spend,
        spend_increment=message.spend_increment or 1,
        eligibility=Eligibility(
            excluded_categories=tuple(spends.excluded_categories),
            excluded_skus=tuple(spends.excluded_skus),
            before_discount=spends.before_discount,
            gift_cards=spends.earn_on_gift_cards,
            tax=spends.earn_on_tax,
            shipping=spends.earn_on_shipping,
        ),
        exclusive=message.exclusive,
        caps=tuple((_period(cap, f"{path}.caps"), cap.points) for cap in message.caps),
        cooldown_s=_seconds(message.cooldown) if message.HasField("cooldown") else 0,
        condition=message.condition,
        campaign=_id_of(message.campaign, CAMPAIGN, message, f"{path}.campaign") if message.campaign else "",
        bundle=tuple(BundleItem(item.sku, item.category, item.quantity or 1) for item in message.bundle),
        count=_read_count(message.count, f"{path}.count") if message.HasField("count") else None,
        availability=read_availability(message.availability) if message.HasField("availability") else None,
        expiry=read_expiry(message.expiry_policy, f"{path}.expiry_policy")
        if message.HasField("expiry_policy")
        else None,
        reward=_id_of(message.reward, REWARD, message, f"{path}.reward") if outcome is Outcome.REWARD else "",
        unit=_id_of(message.unit, UNIT, message, f"{path}.unit") if message.unit else "",
    )


def write_rule(rule: Rule, name: str = "") -> pb.EarningRule:
    """A rule."""
    spends = rule.eligibility
    message = pb.EarningRule(
        name=name,
        rounding=pb.ROUNDING_UNSPECIFIED
        if not rule.outcome.is_base
        else next(value for value, rounding in _ROUNDINGS.items() if rounding is rule.rounding),
        round_each_line=rule.round_each_line,
        minimum_spend=rule.minimum_spend,
        spend_increment=rule.spend_increment if rule.outcome is Outcome.SPEND else 0,
        exclusive=rule.exclusive,
        caps=[pb.Cap(period=pb.Cap.Period.ValueType(period), points=points) for period, points in rule.caps],
        cooldown=Duration(seconds=rule.cooldown_s) if rule.cooldown_s else None,
        condition=rule.condition,
        bundle=[_write_item(item) for item in rule.bundle],
        count=None if rule.count is None else _write_count(rule.count),
        availability=None if rule.availability is None else write_availability(rule.availability),
        expiry_policy=None if rule.expiry is None else write_expiry(rule.expiry),
    )
    if rule.outcome is Outcome.BONUS:
        message.bonus_points = int(rule.rate)
    elif rule.outcome is not Outcome.REWARD:
        getattr(message, _FIELDS[rule.outcome]).CopyFrom(rational(rule.rate))
    if spends != Eligibility():
        message.eligibility.CopyFrom(
            pb.Eligibility(
                excluded_categories=spends.excluded_categories,
                excluded_skus=spends.excluded_skus,
                before_discount=spends.before_discount,
                earn_on_gift_cards=spends.gift_cards,
                earn_on_tax=spends.tax,
                earn_on_shipping=spends.shipping,
            )
        )
    return message


def write_version(program: Program, one: Version) -> pb.EarningRule:
    """A version of a rule."""
    message = write_rule(one.rule, f"{program.name}/rules/{one.rule.rule_id}")
    if one.rule.campaign:
        message.campaign = f"{program.name}/campaigns/{one.rule.campaign}"
    if one.rule.reward:
        message.reward = f"{program.name}/rewards/{one.rule.reward}"
    if one.rule.unit:
        message.unit = f"{program.name}/units/{one.rule.unit}"
    message.effective_time.CopyFrom(timestamp(from_microseconds(one.effective_us)))
    message.version = one.version
    message.archived = one.archived
    message.create_time.CopyFrom(timestamp(one.create_time))
    return message


def _read_count(message: pb.Count, path: str) -> Count:
    if message.counted not in _COUNTED:
        raise InvalidField.of(f"{path}.counted", "must be COUNTED_PURCHASES or COUNTED_PIECES")
    return Count(_COUNTED[message.counted], message.number, message.repeats)


def _write_count(count: Count) -> pb.Count:
    counted = pb.Count.COUNTED_PIECES if count.pieces else pb.Count.COUNTED_PURCHASES
    return pb.Count(counted=counted, number=count.number, repeats=count.repeats)


def _write_item(item: BundleItem) -> pb.BundleItem:
    if item.sku:
        return pb.BundleItem(sku=item.sku, quantity=item.quantity)
    return pb.BundleItem(category=item.category, quantity=item.quantity)


def _id_of(name: str, pattern: str, message: pb.EarningRule, field: str) -> str:
    program_id, found = parse(name, pattern, field)
    if not message.name.startswith(f"programs/{program_id}/"):
        raise InvalidField.of(field, "must be of the rule's program")
    return found


def _period(cap: pb.Cap, path: str) -> Period:
    try:
        return Period(cap.period)
    except ValueError:
        raise InvalidField.of(path, "must each have a period") from None


def _seconds(cooldown: Duration) -> int:
    """Whole seconds; -1 for what is none, which the domain refuses."""
    return cooldown.seconds if cooldown.seconds > 0 and not cooldown.nanos else -1
