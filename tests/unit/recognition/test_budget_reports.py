"""What moved between the places where an organisation's points lie, and what that comes to in its months."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognition.domain.billing import Redemption
from recognition.domain.budget_reports import BudgetForecast, BudgetReport, report
from recognition.domain.flows import Flow, FlowKind, Owner, Place, Posted, PostedMove, counted
from recognition.domain.months import Month, month_from, months_from

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
OWNERS = {
    "budget.points.umbrella": Owner("umbrella", Place.BUDGET),
    "anns-allowance": Owner("umbrella", Place.ALLOWANCE, "ann"),
    "bens-rewards": Owner("umbrella", Place.REWARDS, "ben"),
    "zoes-rewards": Owner("wayne", Place.REWARDS, "zoe"),
}
ZONES = {"umbrella": "Europe/London", "wayne": "America/New_York"}
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def posted(kind: FlowKind, *moves: tuple[str, str, int], at: datetime = NOON, name: str = "t-1") -> Posted:
    """A transaction."""
    return Posted(name, kind, at, tuple(PostedMove(*move) for move in moves))


def flow(kind: FlowKind, source: Place, destination: Place, month: date = NOVEMBER) -> Flow:
    """A flow of umbrella's."""
    return Flow("umbrella", month, kind, source, destination)


def reported(flows: dict[Flow, int], *, credit: int | None = None, final: datetime = NOON) -> BudgetReport:
    """The report on October and November."""
    return report(span(OCTOBER, NOVEMBER), flows, credit, final, NOON)


def span(first: date, last: date) -> list[Month]:
    """Months in London."""
    return months_from(month_from(first, "Europe/London"), month_from(last, "Europe/London"), "Europe/London")


def test_what_moved_is_told_by_whose_accounts_they_are() -> None:
    found = counted(
        [
            posted(FlowKind.GRANT, ("budget.points.umbrella", "anns-allowance", 200)),
            posted(FlowKind.GRANT, ("budget.points.umbrella", "anns-allowance", 30), name="t-boost"),
            posted(FlowKind.RECOGNITION, ("anns-allowance", "bens-rewards", 50)),
            posted(FlowKind.SPEND, ("bens-rewards", "redemption.points.gifts", 20)),
            posted(FlowKind.REVERSAL, ("redemption.points.gifts", "bens-rewards", 5), name="t-2"),
            posted(FlowKind.EXPIRY, ("anns-allowance", "budget.points.umbrella", 150)),
            posted(FlowKind.SPEND, ("strangers", "redemption.points", 9)),
            posted(FlowKind.EARN, ("budget.points.another", "bens-rewards", 3)),
        ],
        OWNERS,
        ZONES,
        {"t-boost"},
    )
    assert found.flows == {
        flow(FlowKind.GRANT, Place.BUDGET, Place.ALLOWANCE): 200,
        flow(FlowKind.BOOST, Place.BUDGET, Place.ALLOWANCE): 30,
        flow(FlowKind.RECOGNITION, Place.ALLOWANCE, Place.REWARDS): 50,
        flow(FlowKind.SPEND, Place.REWARDS, Place.REDEMPTION): 20,
        flow(FlowKind.REVERSAL, Place.REDEMPTION, Place.REWARDS): 5,
        flow(FlowKind.EXPIRY, Place.ALLOWANCE, Place.BUDGET): 150,
        flow(FlowKind.EARN, Place.ELSEWHERE, Place.REWARDS): 3,
    }
    assert found.redemptions == {
        ("umbrella", NOVEMBER): [Redemption("ben", "t-1", 20, NOON), Redemption("ben", "t-2", -5, NOON)]
    }


def test_a_posting_counts_in_the_month_of_its_organisations_zone() -> None:
    at = datetime(2026, 11, 1, 3, tzinfo=UTC)  # still October in New York
    spent = [("bens-rewards", "redemption.points", 20), ("zoes-rewards", "redemption.points", 7)]
    found = counted([posted(FlowKind.SPEND, *spent, at=at)], OWNERS, ZONES, ())
    assert {(one.organisation, one.month, amount) for one, amount in found.flows.items()} == {
        ("umbrella", NOVEMBER, 20),
        ("wayne", OCTOBER, 7),
    }
    assert set(found.of("wayne").redemptions) == {("wayne", OCTOBER)}


def test_points_between_two_organisations_leave_the_one_and_come_to_the_other() -> None:
    found = counted([posted(FlowKind.TRANSFER, ("bens-rewards", "zoes-rewards", 8))], OWNERS, ZONES, ())
    assert found.flows == {
        flow(FlowKind.TRANSFER, Place.REWARDS, Place.ELSEWHERE): 8,
        Flow("wayne", NOVEMBER, FlowKind.TRANSFER, Place.ELSEWHERE, Place.REWARDS): 8,
    }


FLOWS: st.SearchStrategy[dict[Flow, int]] = st.dictionaries(
    st.builds(
        flow,
        st.sampled_from(FlowKind),
        st.sampled_from(Place),
        st.sampled_from(Place),
        st.sampled_from([date(2026, 9, 1), OCTOBER, NOVEMBER]),
    ),
    st.integers(1, 10**6),
    max_size=60,
)
POOLS = {
    "balance": {Place.BUDGET},
    "outstanding": {Place.ALLOWANCE, Place.MANAGER_BUDGET, Place.AWARD_BUDGET, Place.RESERVE},
    "earned": {Place.REWARDS},
}


@given(flows=FLOWS)
def test_whatever_moves_each_part_opens_and_closes_with_what_came_less_what_left(flows: dict[Flow, int]) -> None:
    before = Counter(dict.fromkeys(POOLS, 0))
    kept = {}
    for month in (date(2026, 9, 1), OCTOBER, NOVEMBER):
        for name, pool in POOLS.items():
            for one, amount in flows.items():
                if one.month == month:
                    before[name] += amount * ((one.destination in pool) - (one.source in pool))
        kept[month] = dict(before)
    found = reported(flows)
    october, november = found.months
    for name in POOLS:
        assert getattr(october, f"opening_{name}") == kept[date(2026, 9, 1)][name]
        assert getattr(october, f"closing_{name}") == kept[OCTOBER][name] == getattr(november, f"opening_{name}")
        assert getattr(november, f"closing_{name}") == kept[NOVEMBER][name]


@pytest.mark.parametrize(
    ("kind", "source", "destination", "line"),
    [
        (FlowKind.FUND, Place.ISSUANCE, Place.BUDGET, {"funded": 7}),
        (FlowKind.REVERSAL, Place.BUDGET, Place.ISSUANCE, {"funded": -7}),
        (FlowKind.GRANT, Place.BUDGET, Place.ALLOWANCE, {"allowances": 7}),
        (FlowKind.BOOST, Place.BUDGET, Place.ALLOWANCE, {"boosts": 7}),
        (FlowKind.GRANT, Place.BUDGET, Place.MANAGER_BUDGET, {"manager_budgets": 7}),
        (FlowKind.GRANT, Place.BUDGET, Place.AWARD_BUDGET, {"award_budgets": 7}),
        (FlowKind.GRANT, Place.BUDGET, Place.REWARDS, {"imported": 7}),
        (FlowKind.REVERSAL, Place.REWARDS, Place.BUDGET, {"imported": -7}),
        (FlowKind.FUND, Place.REWARDS, Place.BUDGET, {"returned_from_leavers": 7}),
        (FlowKind.REVERSAL, Place.BUDGET, Place.REWARDS, {"returned_from_leavers": -7}),
        (FlowKind.RECOGNITION, Place.ALLOWANCE, Place.REWARDS, {"given": 7}),
        (FlowKind.RECOGNITION, Place.ALLOWANCE, Place.RESERVE, {}),
        (FlowKind.RECOGNITION, Place.RESERVE, Place.REWARDS, {"given": 7}),
        (FlowKind.RECOGNITION, Place.MANAGER_BUDGET, Place.ALLOWANCE, {}),
        (FlowKind.RECOGNITION, Place.MANAGER_BUDGET, Place.REWARDS, {"awarded": 7}),
        (FlowKind.RECOGNITION, Place.AWARD_BUDGET, Place.REWARDS, {"awarded": 7}),
        (FlowKind.EXPIRY, Place.MANAGER_BUDGET, Place.BUDGET, {"expired": 7}),
        (FlowKind.REVERSAL, Place.ALLOWANCE, Place.BUDGET, {"returned": 7}),
        (FlowKind.REVERSAL, Place.REWARDS, Place.ALLOWANCE, {"taken_back": 7}),
        (FlowKind.SPEND, Place.REWARDS, Place.REDEMPTION, {"redeemed": 7}),
        (FlowKind.REVERSAL, Place.REDEMPTION, Place.REWARDS, {"redemptions_returned": 7}),
        (FlowKind.EXCHANGE, Place.EXCHANGE, Place.REWARDS, {"exchanged": -7}),
        (FlowKind.ADJUSTMENT, Place.ADJUSTMENT, Place.REWARDS, {"other_earned": 7}),
        (FlowKind.EARN, Place.BUDGET, Place.ELSEWHERE, {"other_balance": -7}),
        (FlowKind.ADJUSTMENT, Place.ALLOWANCE, Place.ADJUSTMENT, {"other_outstanding": -7}),
        (FlowKind.TRANSFER, Place.REWARDS, Place.REWARDS, {}),
    ],
)
def test_a_flow_counts_in_one_line(kind: FlowKind, source: Place, destination: Place, line: dict[str, int]) -> None:
    _, november = reported({flow(kind, source, destination): 7}).months
    found: dict[str, Any] = {name: getattr(november, name) for name in november.__dataclass_fields__}
    assert {name: value for name, value in found.items() if value and name not in {"month", "final"}} == line


def test_a_budget_lasts_as_long_as_what_is_left_divided_by_what_was_used_in_the_time() -> None:
    used = {
        flow(FlowKind.FUND, Place.ISSUANCE, Place.BUDGET, OCTOBER): 10_000,
        flow(FlowKind.GRANT, Place.BUDGET, Place.ALLOWANCE, OCTOBER): 5_000,
        flow(FlowKind.EXPIRY, Place.ALLOWANCE, Place.BUDGET, OCTOBER): 1_000,
        flow(FlowKind.GRANT, Place.BUDGET, Place.ALLOWANCE): 4_000,
    }
    # October, whose 31 days are an hour longer in London, used 4,000; 2,000 are left, and half as long.
    lasts = (timedelta(days=31, hours=1)) / 2
    assert reported(used, credit=0).forecast == BudgetForecast(4_000, NOON + lasts)
    assert reported(used, credit=2_000).forecast == BudgetForecast(4_000, NOON + 2 * lasts)
    assert reported(used).forecast == BudgetForecast(4_000, None), "nothing limits it"
    assert reported(used, credit=0, final=datetime(2026, 10, 31, tzinfo=UTC)).forecast is None, "none is over"


@pytest.mark.parametrize(("amount", "credit"), [(0, 0), (1, 2**53)])
def test_what_is_never_used_up_has_no_end(amount: int, credit: int) -> None:
    flows = {flow(FlowKind.GRANT, Place.BUDGET, Place.ALLOWANCE, OCTOBER): amount} if amount else {}
    assert reported(flows, credit=credit).forecast == BudgetForecast(amount, None)


def test_what_leavers_had_left_is_no_import_taken_back() -> None:
    flows = {
        flow(FlowKind.GRANT, Place.BUDGET, Place.REWARDS, OCTOBER): 100,
        flow(FlowKind.FUND, Place.REWARDS, Place.BUDGET): 40,
        flow(FlowKind.REVERSAL, Place.BUDGET, Place.REWARDS): 10,
    }
    november = reported(flows).months[1]
    others = (november.imported, november.other_balance, november.other_earned)
    assert (november.returned_from_leavers, others) == (30, (0, 0, 0))
    assert (november.closing_balance, november.closing_earned) == (-70, 70)
