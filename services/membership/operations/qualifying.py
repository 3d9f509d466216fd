"""What has referrals rewarded, and what takes the rewards back: in the transaction of the enrolment, the purchase or
the return, under the lock on the friend's row. The advocate's row in `advocates` is locked after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from guerdon_kit.events import publish
from guerdon_kit.postgres import Connection
from membership.domain.bonuses import Bonus
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.purchases import Bought, Purchase
from membership.domain.referrals import Referral, ReferralState, ReferralTerms, Refusal, weigh
from membership.domain.sliding import expire_time
from membership.operations.events import referral_changed
from membership.operations.sliding import spans_of
from membership.store import advocates, bonuses, members, merges, referrals


@dataclass(frozen=True, slots=True)
class Rewards:
    """Bonuses that have to be brought to the ledger, or taken back there, and the members whose accounts go first."""

    bonuses: Sequence[Bonus]
    unready: Sequence[Member]

    def with_accounts_of(self, others: Sequence[Member]) -> list[Member]:
        """Those members and others, in the order of their numbers, as they are read again."""
        by_no = {member.member_no: member for member in (*self.unready, *others)}
        return [by_no[number] for number in sorted(by_no)]

    @staticmethod
    def together(given: Sequence[Rewards]) -> Rewards:
        """All of several."""
        unready = {member.member_no: member for one in given for member in one.unready}
        return Rewards([bonus for one in given for bonus in one.bonuses], list(unready.values()))


NOTHING = Rewards((), ())


async def qualify_purchases(
    connection: Connection,
    program: Program,
    friend_nos: Sequence[int],
    bought: Mapping[int, Sequence[Bought]],
    now: datetime,
) -> Rewards:
    """Rewards the open referrals of friends, by purchases recorded now, by their members' numbers, in the order of
    their times.
    """
    given: list[Rewards] = []
    found = [one for one in await referrals.of_friends(connection, friend_nos) if one.state is ReferralState.OPEN]
    zone = ZoneInfo(program.time_zone)
    for referral in sorted(found, key=lambda one: (one.advocate_no, one.friend_no)):
        terms = await _terms(connection, program, referral)
        claimed_on = referral.claim_time.astimezone(zone).date()
        for one in bought.get(referral.friend_no, ()):
            state = weigh(terms, claimed_on, one.event_time.astimezone(zone).date(), one.amount)
            if state is ReferralState.QUALIFIED:
                given.append(await qualify(connection, program, terms, referral, one.event_time, one.purchase_id, now))
            elif state is ReferralState.REFUSED:
                await move(connection, program, replace(referral, state=state, refusal=Refusal.NOT_FIRST_ORDER), now)
            if state is not ReferralState.OPEN:
                break
    return Rewards.together(given)


async def qualify(
    connection: Connection,
    program: Program,
    terms: ReferralTerms,
    referral: Referral,
    event_time: datetime,
    purchase_id: str | None,
    now: datetime,
) -> Rewards:
    """Rewards both sides of an open referral, and the advocate for a milestone that is reached with it."""
    friends = await advocates.count_friend(connection, referral.advocate_no, 1)
    reached = terms.milestone(friends)
    moved = replace(
        referral,
        state=ReferralState.QUALIFIED,
        qualify_time=event_time,
        purchase_id=purchase_id,
        milestone=reached.friends if reached else None,
    )
    await move(connection, program, moved, now)
    spans = await spans_of(connection, program, [referral.friend_no, referral.advocate_no])
    friend_bonus, advocate_bonus, prize = referral.bonus_ids
    friend, advocate = (referral.friend_no, referral.friend_id), (referral.advocate_no, referral.advocate_id)
    wanted = [
        Bonus(bonus_id, *who, points, event_time, now, expires, memo)
        for bonus_id, who, points, memo in (
            (friend_bonus, friend, terms.friend_points, "Referred by a friend"),
            (advocate_bonus, advocate, terms.advocate_points, "Friend referred"),
            (prize, advocate, reached.points if reached else 0, f"{friends} friends referred"),
        )
        if points
        for expires in [expire_time(program, terms.expiry, spans.get(who[0]), event_time)]
    ]
    due = await bonuses.insert(connection, program, wanted, now)
    return Rewards(due, await members.due(connection, [referral.friend_no, referral.advocate_no]) if due else ())


async def take_back(
    connection: Connection, program: Program, friend_no: int, purchase: Purchase, returned: int, now: datetime
) -> Rewards:
    """Takes back what rests on a purchase, where what is left of it, after `returned` in all, would not qualify."""
    for referral in await referrals.of_friends(connection, [friend_no]):
        if referral.state is not ReferralState.QUALIFIED or referral.purchase_id != purchase.purchase_id:
            continue
        if not (await _terms(connection, program, referral)).qualifies(purchase.amount - returned):
            return await take_off(connection, program, referral, now)
    return NOTHING


async def take_off(connection: Connection, program: Program, referral: Referral, now: datetime) -> Rewards:
    """Takes back what a qualified referral gave, and the milestones that are not reached without it."""
    friends = await advocates.count_friend(connection, referral.advocate_no, -1)
    fallen = await advocates.take_milestones(connection, referral.advocate_no, friends)
    milestone = None if referral.bonus_ids[2] in fallen else referral.milestone
    await move(connection, program, replace(referral, state=ReferralState.TAKEN_BACK, milestone=milestone), now)
    return await revoke(connection, program, [*referral.bonus_ids[:2], *fallen], now)


async def revoke(
    connection: Connection, program: Program, bonus_ids: Sequence[str], now: datetime, *, late: bool = False
) -> Rewards:
    """Has bonuses taken back, from whichever account they were given to; `late` says that what came late does it."""
    revoked = await bonuses.revoke(connection, program, bonus_ids, late=late)
    due = await bonuses.due(connection, program.program_no, revoked)
    for member_no in sorted({one.member_no for one in due}):
        await merges.wake(connection, member_no, now)  # where it was merged, what it owes then follows
    return Rewards(due, await members.due(connection, [one.member_no for one in due]))


async def _terms(connection: Connection, program: Program, referral: Referral) -> ReferralTerms:
    found = await referrals.terms(connection, program, referral.version)
    assert found is not None, "a referral refers to its terms"
    return found[0]


async def move(connection: Connection, program: Program, referral: Referral, now: datetime) -> None:
    """Keeps what became of a referral, and tells of it."""
    await referrals.move(connection, referral)
    await publish(connection, referral_changed(program, referral, now))
