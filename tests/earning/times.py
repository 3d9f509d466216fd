"""When the points of an award can be spent and expire, and what returns take of which. It belongs to the evaluator,
and is written from the specification alone, as that is.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from guerdon.membership.v1.program_pb2 import Program
from guerdon.membership.v1.rule_pb2 import EarningRule
from guerdon.membership.v1.times_pb2 import Availability, ExpiryPolicy
from tests.earning.evaluator import Rated

Times = tuple[datetime | None, datetime | None]
"""When points can first be spent, and when they expire."""
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass
class Tranche:
    """Points with the same times, the rules that gave them, and what is left of them."""

    times: Times
    rules: list[str]
    points: int
    left: int


def times_of(program: Program, rule: EarningRule | None, local: datetime) -> Times:
    """Of what a rule gives for a purchase of a local time; of the tier's for None."""
    says: Availability = program.availability
    policy: ExpiryPolicy | None = program.expiry_policy if program.HasField("expiry_policy") else None
    if rule is not None:
        says = rule.availability if rule.HasField("availability") else says
        policy = rule.expiry_policy if rule.HasField("expiry_policy") else policy
    days = program.return_window_days if says.after_return_window else says.after_days
    available = (local + timedelta(days=days)).astimezone(UTC) if days else None
    if policy is None:
        return available, None
    years, month = divmod(local.month - 1 + policy.months, 12)
    year, month = local.year + years, month + 1
    later = local.replace(year=year, month=month, day=min(local.day, monthrange(year, month)[1]))
    return available, later.astimezone(UTC)


def tranches_of(program: Program, rated: Rated, local: datetime) -> list[Tranche]:
    """The tranches of a purchase, the program's first, then by when they are available and expire."""
    found: dict[Times, list[str]] = {}
    for met in rated.met:
        found.setdefault(times_of(program, met.rule, local), []).append(met.rule_id)
    plain = times_of(program, None, local)
    every = []
    for times, rules in found.items():
        points = sum(rated.points[rule_id] for rule_id in rules)
        every += [Tranche(times, rules, points, points)] if points else []
    return sorted(every, key=lambda one: (one.times != plain, one.times[0] or _FIRST, one.times[1] or _LAST))


def take(tranches: list[Tranche], points: int, kept: Mapping[str, int]) -> None:
    """Takes points of tranches, of the last first: what each has above what its rules give for what is kept."""
    for tranche in reversed(tranches):
        above = tranche.left - sum(kept[rule_id] for rule_id in tranche.rules)
        taken = max(0, min(points, above))
        tranche.left -= taken
        points -= taken
    assert not points, "a return takes more than there is"
