"""The events about paid membership. Each is written in the transaction of what it tells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guerdon_kit.events import Event
from membership.domain.members import Member
from membership.domain.plans import Period
from membership.domain.program import Program


def plan_bought(program: Program, member: Member, period: Period, now: datetime) -> Event:
    """A member bought a plan for a period."""
    name = f"{program.name}/members/{member.member_id}"
    return Event("guerdon.membership.v1.plan_bought", name, name, now, _period(program, period))


def plan_cancelled(program: Program, member: Member, periods: Sequence[Period], now: datetime) -> Event:
    """Periods of a member's in which no benefit was used are cancelled, and are to be refunded in full."""
    name = f"{program.name}/members/{member.member_id}"
    data = {
        "periods": [_period(program, one) for one in periods],
        "refund_minor_units": sum(one.price for one in periods),
        "currency_code": program.settings.currency_code,
    }
    return Event("guerdon.membership.v1.plan_cancelled", name, name, now, data)


def plan_lapsed(program: Program, member: Member, period: Period, now: datetime) -> Event:
    """The time for which a member bought a plan is over, and nothing prolongs it."""
    name = f"{program.name}/members/{member.member_id}"
    return Event("guerdon.membership.v1.plan_lapsed", name, name, now, _period(program, period))


def _period(program: Program, period: Period) -> dict[str, object]:
    return {
        "plan": f"{program.name}/plans/{period.plan_id}",
        "start_time": period.start_time.isoformat(),
        "end_time": period.end_time.isoformat(),
        "price_minor_units": period.price,
        "currency_code": program.settings.currency_code,
    }
