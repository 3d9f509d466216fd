"""A partner's way through a coalition: which moves lead where, and who exchanges with whom."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import product

import pytest

from guerdon_kit.errors import DomainError
from partner_exchange.domain.errors import NoticeNotOver, WrongPartnerState
from partner_exchange.domain.lifecycle import Move, PartnerState, Standing, moved
from partner_exchange.domain.partners import Partner, Profile, check_exchanging

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
DRAFT, SANDBOX, LIVE = Standing(PartnerState.DRAFT), Standing(PartnerState.SANDBOX), Standing(PartnerState.LIVE)
LEAVING, LEFT = Standing(PartnerState.LEAVING, None, LATER), Standing(PartnerState.LEFT, None, LATER)
HELD_SANDBOX = Standing(PartnerState.SUSPENDED, PartnerState.SANDBOX)
HELD_LIVE = Standing(PartnerState.SUSPENDED, PartnerState.LIVE)
HELD_LEAVING = Standing(PartnerState.SUSPENDED, PartnerState.LEAVING, LATER)
ALL = (DRAFT, SANDBOX, LIVE, LEAVING, LEFT, HELD_SANDBOX, HELD_LIVE, HELD_LEAVING)
WAYS = {
    (DRAFT, Move.START_SANDBOX): SANDBOX,
    (SANDBOX, Move.LAUNCH): LIVE,
    (SANDBOX, Move.SUSPEND): HELD_SANDBOX,
    (LIVE, Move.SUSPEND): HELD_LIVE,
    (LEAVING, Move.SUSPEND): HELD_LEAVING,
    (HELD_SANDBOX, Move.RESUME): SANDBOX,
    (HELD_LIVE, Move.RESUME): LIVE,
    (HELD_LEAVING, Move.RESUME): LEAVING,
    (LIVE, Move.BEGIN_LEAVE): LEAVING,
    (HELD_LIVE, Move.BEGIN_LEAVE): HELD_LEAVING,
    (LEAVING, Move.COMPLETE_LEAVE): LEFT,
    (HELD_LEAVING, Move.COMPLETE_LEAVE): LEFT,
    (DRAFT, Move.COMPLETE_LEAVE): Standing(PartnerState.LEFT),
    (SANDBOX, Move.COMPLETE_LEAVE): Standing(PartnerState.LEFT),
    (HELD_SANDBOX, Move.COMPLETE_LEAVE): Standing(PartnerState.LEFT),
}


@pytest.mark.parametrize(("standing", "move"), list(product(ALL, Move)))
def test_each_move_leads_where_the_table_says_changes_nothing_where_it_led_or_is_refused(
    standing: Standing, move: Move
) -> None:
    if (standing, move) in WAYS:
        assert moved(standing, move, LATER, LATER) == WAYS[standing, move]
    elif standing in {there for (_, way), there in WAYS.items() if way is move}:
        assert moved(standing, move, LATER, LATER + timedelta(days=1)) == standing
    else:
        with pytest.raises(WrongPartnerState):
            moved(standing, move, LATER, LATER)


@pytest.mark.parametrize("standing", [LEAVING, HELD_LEAVING])
def test_nobody_has_left_before_the_notice_is_over(standing: Standing) -> None:
    with pytest.raises(NoticeNotOver):
        moved(standing, Move.COMPLETE_LEAVE, LATER - timedelta(microseconds=1))


def partner(standing: Standing, name: str = "aurora") -> Partner:
    profile = Profile(name, "c", "", f"{name}-program", "points", Fraction(1, 2), None)
    return replace(Partner(profile, standing.state, NOW), resumed=standing.resumed, leave_time=standing.leave_time)


@pytest.mark.parametrize(("sender", "receiver"), list(product(ALL, ALL)))
def test_who_tries_exchanges_with_who_tries_and_who_leaves_only_sends(sender: Standing, receiver: Standing) -> None:
    may = (sender, receiver) in {(SANDBOX, SANDBOX), (LIVE, LIVE), (LEAVING, LIVE)}
    with nullcontext() if may else pytest.raises(DomainError):
        check_exchanging(partner(sender), partner(receiver, "skyways"), NOW)


def test_when_the_notice_is_over_nothing_is_sent_any_more() -> None:
    check_exchanging(partner(LEAVING), partner(LIVE), LATER - timedelta(microseconds=1))
    with pytest.raises(DomainError) as refused:
        check_exchanging(partner(LEAVING), partner(LIVE), LATER)
    assert refused.value.reason == "PARTNER_LEAVING"


def test_who_only_tries_is_owed_nothing() -> None:
    assert partner(SANDBOX).price_owed == 0
    assert partner(LIVE).price_owed == partner(LEAVING).price_owed == Fraction(1, 2)


def test_a_state_decides_what_a_partners_tokens_may_do() -> None:
    writes = {state for state in PartnerState if "exchange.exchanges.write" in state.scopes}
    reads = {state for state in PartnerState if "exchange.exchanges.read" in state.scopes}
    assert writes == {PartnerState.SANDBOX, PartnerState.LIVE, PartnerState.LEAVING}
    assert reads == writes | {PartnerState.SUSPENDED}
    assert {scope for scope in PartnerState.SUSPENDED.scopes if not scope.endswith(".read")} == {
        "exchange.disputes.write"
    }
    assert not PartnerState.DRAFT.scopes | PartnerState.LEFT.scopes
