"""Referrals follow a merge: what a friend still waits for, codes, friends, and milestones, each once for a person.

A referral keeps the ids under which it was claimed, by which its bonuses are known; whoever asks for a person's finds
them under all of its ids. So only what depends on both members has to change.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime

from guerdon_kit.postgres import Connection
from membership.domain.bonuses import Bonus
from membership.domain.members import Member
from membership.domain.merging_referrals import changed, reached_together
from membership.domain.program import Program
from membership.domain.referrals import ReferralState
from membership.domain.sliding import expire_time
from membership.operations.qualifying import NOTHING, Rewards, move, revoke, take_off
from membership.operations.sliding import spans_of
from membership.store import advocates, bonuses, deliveries, merges, referrals


async def before_merging(
    connection: Connection, program: Program, member: Member, into: Member, now: datetime
) -> list[Rewards]:
    """Ends the referrals that two who are one person would not both have had; answers what is to be taken back. The
    writer holds both rows.
    """
    people = {member.member_no, into.member_no}
    found = await referrals.of_friends(connection, sorted(people))
    bought = {number for number in people if found and await referrals.has_bought(connection, number)}
    rewards: list[Rewards] = []
    for one in sorted(changed(found, people, bought), key=lambda one: one.advocate_no):
        if one.state is ReferralState.TAKEN_BACK:
            rewards.append(await take_off(connection, program, one, now))
        else:
            await move(connection, program, one, now)
    return rewards


async def after_merging(
    connection: Connection,
    program: Program,
    member: Member,
    into: Member,
    before: Sequence[Rewards],
    actor: str,
    now: datetime,
) -> None:
    """Has the survivor be the friend and the advocate that both were, and all of it brought to the ledger."""
    live = await referrals.of_friends(connection, [into.member_no])
    await referrals.set_referred(connection, member.member_no, referred=False)
    await referrals.set_referred(
        connection, into.member_no, referred=any(one.state is ReferralState.OPEN for one in live)
    )
    rewards = [*before, *await _merge_advocates(connection, program, member, into, now)]
    bonus_ids = [one.bonus_id for each in rewards for one in each.bonuses]
    if bonus_ids:
        unready = {one.member_no for each in rewards for one in each.unready}
        await deliveries.insert(
            connection, program, actor, now, member_nos=sorted(unready), purchase_ids=[], bonus_ids=bonus_ids
        )
        await merges.wake(connection, member.member_no, now)  # whoever merges cannot wait for that


async def _merge_advocates(
    connection: Connection, program: Program, member: Member, into: Member, now: datetime
) -> list[Rewards]:
    friends = await advocates.hold(connection, member.member_no, into.member_no)
    if member.member_no not in friends:
        return []
    both = friends[member.member_no], friends.get(into.member_no, 0)
    await advocates.merge(connection, member.member_no, into.member_no, both[0], own=into.member_no not in friends)
    reached = await advocates.reached(connection, into.member_no)
    twice = [one for place, one in enumerate(reached) if one.friends in {other.friends for other in reached[:place]}]
    for one in twice:
        await advocates.set_milestone(connection, one.key, None, one.prize_id)
    taken = await revoke(connection, program, [one.prize_id for one in twice], now)
    given = {one.friends for one in reached}
    return [taken, await _give_prizes(connection, program, member, into, both, given, now)]


async def _give_prizes(
    connection: Connection,
    program: Program,
    member: Member,
    into: Member,
    both: tuple[int, int],
    given: Set[int],
    now: datetime,
) -> Rewards:
    """Rewards the milestones that two advocates have only reached together."""
    found = await referrals.terms(connection, program)
    if found is None:
        return NOTHING
    terms = found[0]
    span = (await spans_of(connection, program, [into.member_no])).get(into.member_no)
    expires = expire_time(program, terms.expiry, span, now)
    new = [one for one in reached_together(terms.milestones, both) if one.friends not in given]
    friends = await advocates.without_prize(connection, into.member_no, len(new))
    prizes: list[Bonus] = []
    for place, (milestone, key) in enumerate(zip(new, friends, strict=True)):
        prize_id = f"k{place}-{member.member_id}"  # a member is merged once
        await advocates.set_milestone(connection, key, milestone.friends, prize_id)
        memo = f"{milestone.friends} friends referred"
        prizes.append(Bonus(prize_id, into.member_no, into.member_id, milestone.points, now, now, expires, memo))
    return Rewards(await bonuses.insert(connection, program, prizes, now), ())
