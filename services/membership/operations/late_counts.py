"""Counts of members in programs with a lateness window: read for a replay, and what it made of them written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from guerdon_kit.events import publish
from guerdon_kit.postgres import Connection
from membership.domain.bonuses import Bonus
from membership.domain.counting import Key, keys
from membership.domain.gifts import for_count, gift_of_count
from membership.domain.late import Moment, Replayed, Stretch, entries_of
from membership.domain.late_counts import Held, Standing, Wanted, difference
from membership.domain.members import Member
from membership.domain.moments import from_microseconds
from membership.domain.program import Program
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import Rule
from membership.domain.sliding import Span, now_until
from membership.domain.tranches import Times, times
from membership.operations.counting import bonus_id, keep_counted
from membership.operations.events import count_awards_changed
from membership.operations.qualifying import NOTHING, Rewards, revoke
from membership.operations.sliding import spans_of
from membership.store import bonuses, counts, gifts, purchases
from membership.store.counts import CountAward


async def counted_now(
    connection: Connection, program: Program, book: Rulebook, stretches: Sequence[Stretch]
) -> tuple[dict[Key, Standing], dict[str, int]]:
    """What rules that stretches meet have counted of their members; and when purchases happened with which awards were
    reached, by their ids.
    """
    wanted: set[Key] = set()
    for one in stretches:
        wanted |= keys(book, entries_of(one).values())
        wanted |= {(one.member.member_no, tally.rule_no) for some in one.purchases.values() for tally in some.tallies}
    if not wanted:
        return {}, {}
    counting = await counts.of_members(connection, wanted)
    held = await counts.standing(connection, program, list(counting))
    standings = {
        key: Standing(some.counted, Counter(one.award for one in held.get(key, ())), some.owed)
        for key, some in counting.items()
    }
    of_awards = {award.purchase_id for one in standings.values() for award in one.awards}
    of_owed = {owed.purchase_id for one in standings.values() for owed in one.owed}
    for one in stretches:
        for step in (step for some in one.happened for step in some.steps):
            of_awards |= {award.purchase_id for award in (*step.given, *step.fallen)}
            of_owed |= {owed.purchase_id for owed in step.owed}
    return standings, await purchases.times(connection, program, sorted(of_awards | of_owed))


async def keep_counts(
    connection: Connection,
    program: Program,
    book: Rulebook,
    stretch: Stretch,
    done: Replayed,
    late: Moment,
    now: datetime,
    actor: str,
) -> Rewards:
    """Writes what a replay counted, gives the awards that stand by it, and takes back those that do not any more."""
    member, before, after = stretch.member, stretch.sums.counts, done.sums.counts
    for one in done.rerated:
        if one.tallies != one.purchase.tallies:
            await counts.rewrite(connection, program, one.purchase.purchase_id, one.tallies)
    counting = [{(member.member_no, no): one.counting for no, one in some.items()} for some in (before, after)]
    await keep_counted(connection, *counting)
    changed = [no for no, one in after.items() if one.awards != before.get(no, Standing()).awards]
    held = await counts.standing(connection, program, [(member.member_no, no) for no in changed]) if changed else {}
    span = (await spans_of(connection, program, [member.member_no] if changed else [])).get(member.member_no)
    rules = {one.rule_no: one.rule for one in book.versions}
    given, fallen = list[Bonus](), list[str]()
    for no in changed:
        rule = rules[no]
        standing = [_kept_by(one, span) for one in held.get((member.member_no, no), ())]
        made = difference(standing, _wanted(program, rule, stretch, done, after[no], standing, span))
        await counts.take_back(connection, [one.award_no for one in made.fallen])
        await counts.move(connection, made.moved)
        if rule.reward:
            moved = {gift_of_count(award_no): purchase_id for award_no, purchase_id in made.moved.items()}
            await gifts.move_to(connection, program, moved)
            gone = [gift_of_count(one.award_no) for one in made.fallen]
            await gifts.take_back(connection, program, gone, now)
            await _give_rewards(connection, program, member, (no, rule), made.given, now, actor)
        else:
            given += await _give(connection, program, stretch, (no, rule), made.given, now)
            fallen += [bonus_id(one.award_no) for one in made.fallen if one.award.points]
        if made.given or made.fallen:
            await publish(connection, count_awards_changed(program, member, rule.rule_id, late, made, now))
    taken = await revoke(connection, program, fallen, now, late=True) if fallen else NOTHING
    return Rewards.together([Rewards(await bonuses.insert(connection, program, given, now), ()), taken])


async def _give_rewards(
    connection: Connection,
    program: Program,
    member: Member,
    of: tuple[int, Rule],
    given: Sequence[Wanted],
    now: datetime,
    actor: str,
) -> None:
    """Writes awards of a rule that are rewards, and has them given."""
    rule_no, rule = of
    awards = [CountAward(member.member_no, rule_no, *one.award) for one in given]
    numbers = await counts.give(connection, program, awards) if awards else {}
    new = [
        for_count(numbers[one].pop(), one.purchase_id, rule.rule_id, rule.reward, member.member_no) for one in awards
    ]
    await gifts.insert(connection, program, new, now, actor)


async def _give(
    connection: Connection,
    program: Program,
    stretch: Stretch,
    of: tuple[int, Rule],
    given: Sequence[Wanted],
    now: datetime,
) -> list[Bonus]:
    """Writes awards of a rule, and answers their bonuses."""
    if not given:
        return []
    (rule_no, rule), member = of, stretch.member
    numbers = await counts.give(
        connection, program, [CountAward(member.member_no, rule_no, *one.award) for one in given]
    )
    fresh = {moment.purchase_id for moment in stretch.fresh}
    bonuses_: list[Bonus] = []
    for (purchase_id, points), event_time, (available_time, expires, _) in given:
        number = numbers[CountAward(member.member_no, rule_no, purchase_id, points)].pop()
        memo = f"Reached: {rule.rule_id}" if purchase_id in fresh else f"Late arrival: reached {rule.rule_id}"
        one = Bonus(bonus_id(number), member.member_no, member.member_id, points, event_time, now, expires, memo)
        bonuses_.append(one._replace(available_time=available_time, unit=rule.unit))
    return [one for one in bonuses_ if one.points]


def _wanted(
    program: Program,
    rule: Rule,
    stretch: Stretch,
    done: Replayed,
    standing: Standing,
    held: Sequence[Held],
    span: Span | None,
) -> list[Wanted]:
    wanted, kept = [], {one.award: one for one in held if one.award not in done.given_us}
    for award in standing.awards.elements():
        event_time = from_microseconds(done.given_us.get(award, stretch.times.get(award.purchase_id, 0)))
        of_bonus = times(program, None, event_time, span) if award.points and not rule.reward else Times(None, None)
        if rule.unit:
            of_bonus = of_bonus._replace(expire_time=None)
        wanted.append(Wanted(award, event_time, kept[award].times if award in kept else of_bonus))
    return wanted


def _kept_by(one: Held, span: Span | None) -> Held:
    """An award with the expiry that the member's activity has made of it."""
    return one._replace(times=one.times._replace(expire_time=now_until(one.times.expire_time, span)))
