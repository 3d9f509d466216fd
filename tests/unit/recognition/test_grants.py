"""What becomes of a grant: posted, asked again within its period, or lapsed with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from recognition.domain.allowances import RETRY_MAX, Grant, GrantState, Purpose, settle

NOVEMBER = Grant(
    organisation="umbrella",
    person="ann",
    purpose=Purpose.GIVE,
    period=date(2026, 11, 1),
    period_name="2026-11",
    program="umbrella-points",
    unit="points",
    account_id="allowance-x",
    amount=200,
    available_time=datetime(2026, 11, 1, tzinfo=UTC),
    expire_time=datetime(2026, 12, 1, tzinfo=UTC),
)
WITHIN = datetime(2026, 11, 21, tzinfo=UTC)


def test_a_grant_is_asked_for_under_one_id_for_each_person_purpose_and_period() -> None:
    assert replace(NOVEMBER, amount=300, attempts=7).request_id == NOVEMBER.request_id
    others = [
        replace(NOVEMBER, person="ben"),
        replace(NOVEMBER, period=date(2026, 12, 1)),
        replace(NOVEMBER, organisation="u"),
        replace(NOVEMBER, purpose=Purpose.MANAGE),
    ]
    assert len({NOVEMBER.request_id, *(other.request_id for other in others)}) == 5
    assert len(NOVEMBER.request_id) <= 64


@pytest.mark.parametrize("now", [WITHIN, NOVEMBER.expire_time, NOVEMBER.expire_time + timedelta(days=99)])
def test_what_the_ledger_posted_is_posted_however_late_we_learn_it(now: datetime) -> None:
    assert settle(NOVEMBER, "", now).state is GrantState.POSTED


@pytest.mark.parametrize(
    ("attempts", "delay"),
    [
        (0, timedelta(seconds=10)),
        (1, timedelta(seconds=20)),
        (5, timedelta(seconds=320)),
        (9, RETRY_MAX),
        (2**31 - 1, RETRY_MAX),
    ],
)
def test_a_refusal_within_the_period_is_asked_again_ever_more_rarely(attempts: int, delay: timedelta) -> None:
    settlement = settle(replace(NOVEMBER, attempts=attempts), "ACCOUNT_FROZEN", WITHIN)
    assert (settlement.state, settlement.refusal) == (GrantState.PENDING, "ACCOUNT_FROZEN")
    assert settlement.due_time == WITHIN + delay


def test_a_refusal_after_the_period_is_final() -> None:
    last = NOVEMBER.expire_time - timedelta(microseconds=1)
    assert settle(NOVEMBER, "INVALID_FIELD", last).state is GrantState.PENDING
    assert settle(NOVEMBER, "INVALID_FIELD", NOVEMBER.expire_time).state is GrantState.LAPSED
