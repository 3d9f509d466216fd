"""From the contract's messages to the domain."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.membership.v1 import member_file_pb2, membership_pb2, program_pb2, purchase_pb2
from guerdon.type.v1 import cash_pb2
from guerdon_kit.errors import FieldViolation, InvalidField
from guerdon_kit.names import parse
from membership.domain.clawbacks import Asked
from membership.domain.errors import CurrencyDiffers
from membership.domain.ids import check_id
from membership.domain.moments import from_microseconds
from membership.domain.program import RETURN_WAIT_DAYS, Program, Settings
from membership.domain.rows import ROWS_MAX, Row
from membership.domain.rules import BASE_RULE_ID
from membership.domain.tiers import Tier
from membership.servicer.baskets import read_basket
from membership.servicer.policies import read_availability, read_expiry, read_tier_policy
from membership.servicer.rationals import fraction
from membership.servicer.rule_messages import REWARD, read_rule

PROGRAM = "programs/{program}"
UNIT = "programs/{program}/units/{unit}"
MEMBER = "programs/{program}/members/{member}"
PURCHASE = "programs/{program}/purchases/{purchase}"
RETURN = "programs/{program}/returns/{return}"

_LATEST_US = 7_258_118_399_999_999  # the last microsecond before 2200, up to where our calendar reaches

_PURCHASE_FIELDS = {
    "purchase_id": "purchase.name",
    "member_id": "purchase.member",
    "event_time": "purchase.event_time",
    "amount_minor_units": "purchase.amount.minor_units",
}


def settings(message: program_pb2.Program) -> Settings:
    """A program's settings; their bounds are the domain's to check.

    Raises:
        InvalidField: a name, a rational or an enum is malformed.
    """
    (program_id,) = parse(message.name, PROGRAM, "program.name")
    owner, unit_id = parse(message.unit, UNIT, "program.unit")
    if owner != program_id:
        raise InvalidField.of("program.unit", "must be a unit of this program")
    if message.return_policy not in program_pb2.ReturnPolicy.values():
        raise InvalidField.of("program.return_policy", "must be a return policy")
    return Settings(
        program_id=program_id,
        unit_id=unit_id,
        currency_code=message.currency_code,
        rule=read_rule(message.earning_rule, BASE_RULE_ID, "program.earning_rule"),
        expiry=read_expiry(message.expiry_policy, "program.expiry_policy")
        if message.HasField("expiry_policy")
        else None,
        tier_policy=read_tier_policy(message.tier_policy),
        welcome_points=message.welcome_points,
        claim_days=message.claim_days,
        expiry_reminder_days=tuple(message.expiry_reminder_days),
        return_wait_days=message.return_wait_days or RETURN_WAIT_DAYS,
        tiers=tuple(
            Tier(tier.tier_id, tier.threshold, fraction(tier.multiplier, f"program.tiers[{place}].multiplier"))
            for place, tier in enumerate(message.tiers)
        ),
        purchase_statistics=message.purchase_statistics,
        late_days=message.late_days,
        return_window_days=message.return_window_days,
        never_locked=message.never_locked,
        welcome_reward=_welcome_reward(message.welcome_reward, program_id),
        availability=read_availability(message.availability) if message.HasField("availability") else None,
        mild_returns=message.return_policy == program_pb2.RETURN_POLICY_MILD,
    )


def _welcome_reward(name: str, program_id: str) -> str:
    if not name:
        return ""
    owner, reward_id = parse(name, REWARD, "program.welcome_reward")
    if owner != program_id:
        raise InvalidField.of("program.welcome_reward", "must be of the program")
    return reward_id


def purchase(message: purchase_pb2.Purchase) -> tuple[str, Row]:
    """A purchase's program, and the purchase; of nobody known it has an empty member id.

    Raises:
        InvalidField: a name is malformed, or names another program, or the tenders are wrong.
    """
    program_id, purchase_id = parse(message.name, PURCHASE, "purchase.name")
    owner, member_id = parse(message.member, MEMBER, "purchase.member") if message.member else (program_id, "")
    if owner != program_id:
        raise InvalidField.of("purchase.member", "must be a member of the purchase's program")
    amount = message.amount.minor_units
    basket = read_basket(message.basket, amount) if message.HasField("basket") else None
    return program_id, Row(0, purchase_id, member_id, microseconds(message.event_time), amount, basket)


def in_purchase(error: InvalidField) -> InvalidField:
    """What is wrong with a `Row`, by the fields of the purchase that it was read from."""
    return InvalidField(
        FieldViolation(_PURCHASE_FIELDS.get(one.field, f"purchase.{one.field}"), one.description)
        for one in error.violations
    )


def goods_return(message: purchase_pb2.Return) -> tuple[str, Asked]:
    """A return's program, and the return.

    Raises:
        InvalidField: a name or the time is malformed, or names another program.
    """
    program_id, return_id = parse(message.name, RETURN, "goods_return.name")
    check_id(return_id, "goods_return.name")
    owner, purchase_id = parse(message.purchase, PURCHASE, "goods_return.purchase")
    if owner != program_id:
        raise InvalidField.of("goods_return.purchase", "must be a purchase of the return's program")
    event_time = moment(message.event_time, "goods_return.event_time")
    lines = tuple((line.line_id, line.quantity) for line in message.lines)
    amount = message.amount.minor_units
    return program_id, Asked(return_id, purchase_id, event_time, amount, lines, message.whole_order)


def rows(request: membership_pb2.ImportPurchasesRequest) -> list[Row]:
    """The rows of a chunk.

    Raises:
        InvalidField: there are too many, or the number of the first is out of its bounds.
    """
    check_chunk(request)
    return [
        Row(
            place,
            row.purchase_id,
            row.member_id,
            microseconds(row.event_time) if row.HasField("event_time") else None,
            row.amount_minor_units,
        )
        for place, row in enumerate(request.rows)
    ]


def check_chunk(request: membership_pb2.ImportPurchasesRequest | member_file_pb2.ImportMembersRequest) -> None:
    """Refuses a chunk of too many rows, or with a number of the first one that is out of its bounds.

    Raises:
        InvalidField: it is.
    """
    if len(request.rows) > ROWS_MAX:
        raise InvalidField.of("rows", "must be at most 1,000")
    if not 1 <= request.first_row <= 2**53:
        raise InvalidField.of("first_row", "must be between 1 and 2^53")


def require_currency(program: Program, given: str) -> None:
    """Refuses amounts in another currency than the program's.

    Raises:
        CurrencyDiffers: they are.
    """
    if given != program.settings.currency_code:
        raise CurrencyDiffers(program.settings.currency_code, given)


def amount_currency(amount: cash_pb2.Cash, field: str) -> str:
    """The currency of an amount.

    Raises:
        InvalidField: there is none.
    """
    if not amount.currency_code:
        raise InvalidField.of(f"{field}.currency_code", "is required")
    return amount.currency_code


def moment(message: Timestamp, field: str) -> datetime:
    """A time from 1970 on, to the microsecond.

    Raises:
        InvalidField: it is none.
    """
    moment_us = microseconds(message)
    if moment_us is None:
        raise InvalidField.of(field, "must be a time between 1970 and 2200")
    return from_microseconds(moment_us)


def microseconds(message: Timestamp) -> int | None:
    """Microseconds since 1970, or None where the message is no time since then."""
    nanos = message.nanos
    moment_us = message.seconds * 1_000_000 + nanos // 1000
    return moment_us if 0 <= moment_us <= _LATEST_US and 0 <= nanos < 1_000_000_000 else None
