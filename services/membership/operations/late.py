"""Putting late purchases and returns into their place: what happened after them is rated anew, in one transaction with
them, under the lock on the members' rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from guerdon_kit.events import Event, publish
from guerdon_kit.postgres import Connection
from membership.domain.baskets import Basket
from membership.domain.clawbacks import CameBack
from membership.domain.effects import within_campaigns_anew
from membership.domain.late import DAY_US, Happened, Moment, Replayed, Stretch, Sums, entries_of
from membership.domain.late_counts import Step
from membership.domain.levels import Turn, counted_of
from membership.domain.members import Member
from membership.domain.moments import from_microseconds, to_microseconds
from membership.domain.program import Program
from membership.domain.purchases import GoodsReturn, Purchase
from membership.domain.rating import COOLDOWN, Entry, Use, uses_of
from membership.domain.rulebooks import Rulebook
from membership.domain.tier_policy import Held
from membership.operations.counting import lower_counts
from membership.operations.events import tier_turned
from membership.operations.late_budgets import replay_within
from membership.operations.late_changes import Changed, change_awards, share_return
from membership.operations.late_counts import counted_now, keep_counts
from membership.operations.qualifying import NOTHING, Rewards
from membership.operations.rewarding import use_plans
from membership.operations.segments import asked_by_rules
from membership.store import (
    campaigns,
    members,
    purchases,
    ratings,
    returns,
    rules,
    standings,
    timelines,
)

Replays = Sequence[tuple[Stretch, Replayed]]


@dataclass(frozen=True, slots=True)
class Fresh:
    """Purchases that are not recorded yet, by when they happened, and their baskets by the places of entries."""

    entries: Mapping[Moment, Entry]
    baskets: Mapping[int, Basket]


async def late_moments(
    connection: Connection, program: Program, happened: Iterable[tuple[int, Moment]], now: datetime
) -> dict[int, Moment]:
    """The first moment, by member number, that what happened and is to be recorded changes: of what comes after
    something that happened later, within the program's window.
    """
    within_us = to_microseconds(now) - program.settings.late_days * DAY_US
    coming = list(happened)
    ends = await timelines.ends(connection, list({member_no for member_no, _ in coming}))
    late: dict[int, Moment] = {}
    for member_no, moment in coming:
        end = ends.get(member_no)
        if end is None or moment > end:
            ends[member_no] = moment
        elif moment.event_us >= within_us:
            late[member_no] = min(moment, late.get(member_no, moment))
    return late


async def put_in_order(
    connection: Connection,
    program: Program,
    book: Rulebook,
    replayed: Replays,
    starts: Mapping[int, Moment],
    now: datetime,
    actor: str,
) -> Changed:
    """Writes what replays came to; answers what of awards changed."""
    await _write_sums(connection, program, replayed, now)
    written = {stretch.member.member_no: set(stretch.happened) for stretch, _ in replayed}
    happened = [(stretch.member.member_no, one) for stretch, done in replayed for one in done.happened]
    await timelines.write(connection, [(no, one) for no, one in happened if one not in written[no]])
    rerated = [
        (stretch.member, starts[stretch.member.member_no], one)
        for stretch, done in replayed
        for one in done.rerated
        if one.changes
    ]
    for _, _, one in rerated:
        if one.rated is not None:
            await use_plans(connection, program, book, [one.rated], one.purchase.record_time)
    turned = [event for stretch, done in replayed if (event := _turned(program, stretch, done, now)) is not None]
    await publish(connection, *turned)
    changed = await change_awards(connection, program, rerated, now)
    counted = [
        await keep_counts(connection, program, book, stretch, done, starts[stretch.member.member_no], now, actor)
        for stretch, done in replayed
    ]
    await campaigns.change(connection, program, within_campaigns_anew([(member, one) for member, _, one in rerated]))
    return changed._replace(rewards=Rewards.together(counted))


async def put_return(
    connection: Connection,
    program: Program,
    member: Member,
    purchase: Purchase,
    goods_return: GoodsReturn,
    back: CameBack,
    actor: str,
    *,
    nothing_left: bool,
) -> Changed:
    """Puts a return that was just recorded into its place, and counts less for it; answers what of awards that changed.

    `back` is all that came back of the purchase; `nothing_left` says that with this return nothing of it is kept.
    """
    policy, now, points = program.settings.tier_policy, goods_return.record_time, goods_return.points
    taken_from = await share_return(connection, program, purchase, goods_return)
    event_us = to_microseconds(max(goods_return.event_time, purchase.event_time))  # tills' clocks differ
    moment = Moment(event_us, goods_return.return_id, purchase.purchase_id)
    starts = await late_moments(connection, program, [(member.member_no, moment)], now)
    counts = 0 if policy.plain else counted_of(policy, points, goods_return.amount, visit=nothing_left)
    rewards, steps = NOTHING, tuple[Step, ...]()
    if not starts:
        rewards, steps = await lower_counts(connection, program, member, purchase, back, now)
    await timelines.write(connection, [(member.member_no, Happened(moment, -points, -counts, (), steps))])
    if not starts:
        return Changed(change_ids=taken_from, rewards=rewards)
    book = await rules.book(connection, program)
    who, fresh = {member.member_no: member}, Fresh({}, {})
    [stretch] = await stretches_from(connection, program, book, who, starts, fresh, now)
    replayed = await replay_within(connection, program, book, [stretch], starts)
    changed = await put_in_order(connection, program, book, replayed, starts, now, actor)
    return changed._replace(change_ids=list(dict.fromkeys([*taken_from, *changed.change_ids])))


async def stretches_from(
    connection: Connection,
    program: Program,
    book: Rulebook,
    who: Mapping[int, Member],
    starts: Mapping[int, Moment],
    fresh: Fresh,
    now: datetime,
) -> list[Stretch]:
    """What happened to members, each from a moment of its own on, and is to be recorded."""
    happened = await timelines.since(connection, starts)
    purchase_ids = sorted({one.moment.purchase_id for some in happened.values() for one in some})
    found = await purchases.find_all(connection, program, purchase_ids)
    asked = await returns.of_purchases(connection, program, purchase_ids)
    stretches = [
        Stretch(
            member=who[member_no],
            happened=some,
            purchases={(id_ := one.moment.purchase_id): found[id_][0] for one in some},
            returns={(id_ := one.moment.purchase_id): asked.get(id_, ()) for one in some},
            fresh={moment: entry for moment, entry in fresh.entries.items() if entry.member_no == member_no},
            baskets=fresh.baskets,
            last_us={},
            sums=Sums({}, {}, {}, 0),
        )
        for member_no, some in happened.items()
    ]
    entries = [entry for one in stretches for entry in entries_of(one).values()]
    uses = uses_of(program, book, entries)
    bought, inside, plans = await asked_by_rules(connection, program, book, entries, who, now)
    last_us = await timelines.last_bought(connection, starts) if bought else {}
    last = await timelines.last_awards(
        connection, starts, sorted({use.rule_no for use in uses if use.period == COOLDOWN})
    )
    sums = await _sums(connection, program, stretches, uses, now)
    standing, times = await counted_now(connection, program, book, stretches)
    for (member_no, rule_no), counted in standing.items():
        sums[member_no].counts[rule_no] = counted
    return [
        replace(
            one,
            last_us=last[number],
            sums=sums[number],
            times=times,
            plans=plans.get(number, ()),
            bought=bought[number]._replace(last_us=last_us.get(number)) if number in bought else None,
            segments=inside.get(number),
        )
        for one in stretches
        for number in [one.member.member_no]
    ]


async def _sums(
    connection: Connection, program: Program, stretches: Sequence[Stretch], uses: set[Use], now: datetime
) -> dict[int, Sums]:
    """What counts for the members of stretches now, as far as it matters to them."""
    calendar, member_nos = program.calendar, [one.member.member_no for one in stretches]
    years = {calendar.year_at(now)}
    for one in stretches:
        years |= {calendar.year_at(purchase.event_time) for purchase in one.purchases.values()}
        years |= {calendar.year_at(from_microseconds(moment.event_us)) for moment in one.fresh}
    sums = {no: Sums({}, {}, {}, 0) for no in member_nos}
    found = await members.years(connection, member_nos, sorted(years | {year - 1 for year in years}))
    for (member_no, year), points in found.items():
        sums[member_no].years[year] = points
    for use, used in (await ratings.uses(connection, uses)).items():
        sums[use.member_no].uses[use] = used
    if not program.settings.tier_policy.plain:
        for member_no, (joined, days) in (await standings.days(connection, program, member_nos)).items():
            sums[member_no].joined, sums[member_no].days = joined, days
    return sums


async def _write_sums(connection: Connection, program: Program, replayed: Replays, now: datetime) -> None:
    years: dict[tuple[int, int], int] = {}
    days: dict[tuple[int, int], int] = {}
    uses: dict[Use, int] = {}
    unused: set[Use] = set()
    for stretch, done in replayed:
        member_no, before, after = stretch.member.member_no, stretch.sums, done.sums
        years |= {(member_no, key): value for key, value in after.years.items() if value != before.years.get(key, 0)}
        days |= {(member_no, key): value for key, value in after.days.items() if value != before.days.get(key, 0)}
        used = {use: value for use, value in after.uses.items() if value or use.period == COOLDOWN}
        uses |= {use: value for use, value in used.items() if value != before.uses.get(use)}
        unused |= before.uses.keys() - used.keys()
    if years:
        await members.write_years(connection, years)
    if days:
        await standings.write_days(connection, days)
        await standings.look_again(connection, program, {member_no for member_no, _ in days}, now)
    if uses:
        await ratings.write_uses(connection, uses)
    if unused:
        await ratings.forget_uses(connection, unused)


def _turned(program: Program, stretch: Stretch, done: Replayed, now: datetime) -> Event | None:
    """That a member now holds another tier, where years tell it; elsewhere that is told by whoever turns days."""
    if not program.settings.tier_policy.plain:
        return None
    year = program.calendar.year_at(now)
    before, after = (
        program.tier_set.level(years.get(year, 0), years.get(year - 1, 0))
        for years in (stretch.sums.years, done.sums.years)
    )
    if before == after:
        return None
    turn = Turn(program.calendar.day_at(now), before, Held(after, None))
    return tier_turned(program, stretch.member.member_id, turn, now)
