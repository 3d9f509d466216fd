"""Flagging awards that pass limits of the program's velocity policy: in the transaction that records the purchase, once
it has all the locks that others may hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from guerdon_kit.events import publish
from guerdon_kit.postgres import Connection
from membership.domain.flags import Flag, FlagState
from membership.domain.moments import from_microseconds
from membership.domain.program import Program
from membership.domain.rating import Rated
from membership.domain.rows import Row
from membership.domain.stacking import Kept
from membership.domain.velocity import ALL_PERIODS, Bought, Period, VelocityPolicy, flags, periods_of, together
from membership.operations.events import award_flagged
from membership.operations.tranches import Timed
from membership.store import flags as store
from membership.store.purchases import OwnCredit


async def flag_awards(
    connection: Connection,
    program: Program,
    policy: VelocityPolicy | None,
    timed: Timed,
    row_at: Mapping[int, Row],
    now: datetime,
    *,
    bulk: bool,
) -> Timed:
    """Counts purchases, and flags those that pass a limit; what they give is held where the policy says so. `bulk` says
    that they are imported.
    """
    if policy is None or not policy.limits or not timed.written:
        return timed
    rows = [row_at[one.entry.place] for one in timed.rated]
    bought = [
        Bought(row.purchase_id, one.entry.member_no, row.member_id, row.basket, one.points, periods)
        for one, row in zip(timed.rated, rows, strict=True)
        if (periods := _periods(program, one, now) if bulk else ALL_PERIODS)
    ]
    counted = together(policy, bought)
    after = await store.count(connection, program, counted, now) if counted else {}
    passed = flags(policy, bought, after)
    if not passed:
        return timed
    new, beside = dict[str, tuple[int, Flag]](), set(timed.bonuses_of)
    beside |= {row.purchase_id for one, row in zip(timed.rated, rows, strict=True) if _gives_reward(one)}
    for one in bought:
        if one.purchase_id in passed:
            holds = policy.hold_flagged and (one.points or one.purchase_id in beside)
            flag = Flag(FlagState.HELD if holds else FlagState.FLAGGED, passed[one.purchase_id])
            new[one.purchase_id] = one.member_no, flag
            await publish(connection, award_flagged(program, one, flag, now))
    await store.insert(connection, program, new, now)
    return _flagged(timed, {purchase_id: flag.state for purchase_id, (_, flag) in new.items()})


def _periods(program: Program, one: Rated, now: datetime) -> frozenset[Period]:
    return periods_of(from_microseconds(one.entry.event_us), now, program.time_zone)


def _gives_reward(one: Rated) -> bool:
    return one.frozen is not None and any(one.frozen.given(Kept.all_of(one.frozen.parts)))


def _flagged(timed: Timed, states: Mapping[str, FlagState]) -> Timed:
    """Purchases with their flags; all credits of those that are held are asked for as pending points."""
    own = timed.own or [OwnCredit()] * len(timed.written)
    ids = [new.purchase_id for new in timed.written]
    beside = [
        bonus._replace(held=bonus.held or states.get(of) is FlagState.HELD)
        for bonus, of in zip(timed.bonuses, timed.bonuses_of, strict=True)
    ]
    flagged = [one._replace(flag=states.get(id_)) for id_, one in zip(ids, own, strict=True)]
    return replace(timed, own=flagged, bonuses=beside)
