"""The events that membership publishes. Each is written in the transaction of what it tells, under the lock on the
member's row, so that a member's events stay in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guerdon_kit.events import Event
from membership.domain.activities import Activity, Judgement
from membership.domain.clawbacks import Asked
from membership.domain.flags import Flag, FlagState
from membership.domain.gifts import Gift
from membership.domain.late import Moment
from membership.domain.late_changes import AwardChange
from membership.domain.late_counts import Difference
from membership.domain.levels import Turn
from membership.domain.members import Member
from membership.domain.moments import from_microseconds
from membership.domain.program import Program
from membership.domain.purchases import GoodsReturn, Purchase
from membership.domain.rating import Rated
from membership.domain.referrals import Referral
from membership.domain.reminders import Reminder
from membership.domain.rows import Row
from membership.domain.tallies import Into, Tally
from membership.domain.velocity import Bought, Subject
from membership.domain.waits import Awaited, WaitState


def member_enrolled(program: Program, member: Member, now: datetime) -> Event:
    """A person became a member."""
    name = f"{program.name}/members/{member.member_id}"
    return Event("guerdon.membership.v1.member_enrolled", name, name, now, {"welcome_points": member.welcome_points})


def member_updated(program: Program, member: Member, fields: Sequence[str], now: datetime) -> Event:
    """A member's personal data changed: in which fields, but not what they say."""
    name = f"{program.name}/members/{member.member_id}"
    return Event("guerdon.membership.v1.member_updated", name, name, now, {"fields": sorted(fields)})


def member_closed(program: Program, member: Member, now: datetime) -> Event:
    """A membership was closed."""
    name = f"{program.name}/members/{member.member_id}"
    return Event("guerdon.membership.v1.member_closed", name, name, now, {})


def member_merged(program: Program, member: Member, into: Member, now: datetime) -> Event:
    """A member was merged: another one stands for it, and has what it had."""
    name = f"{program.name}/members/{member.member_id}"
    data = {"into": f"{program.name}/members/{into.member_id}"}
    return Event("guerdon.membership.v1.member_merged", name, name, now, data)


def member_erased(program: Program, member: Member, now: datetime) -> Event:
    """A member's personal data were erased: whoever has a copy erases it too."""
    name = f"{program.name}/members/{member.member_id}"
    return Event("guerdon.membership.v1.member_erased", name, name, now, {})


def members_imported(program: Program, enrolled: Sequence[Member], updated: int, now: datetime) -> Event:
    """A chunk of an import of members was recorded: one event for all of its rows."""
    data = {"enrolled": [member.member_id for member in enrolled], "updated_count": updated}
    return Event("guerdon.membership.v1.members_imported", program.name, program.name, now, data)


def activity_recorded(program: Program, activity: Activity) -> Event:
    """An activity was recorded and judged, or an occasion came."""
    asked, judgement = activity.asked, activity.judgement
    member = f"{program.name}/members/{asked.member_id}"
    data = {
        "member": member,
        "activity_type": f"{program.name}/activityTypes/{asked.type_id}",
        "event_time": asked.event_time.isoformat(),
        "points": judgement.points,
        "withheld": judgement.withheld.name if judgement.withheld else "",
    }
    name = f"{program.name}/activities/{asked.activity_id}"
    return Event("guerdon.membership.v1.activity_recorded", name, member, activity.record_time, data)


def activity_judged_anew(program: Program, before: Activity, now_: Judgement, late_id: str, now: datetime) -> Event:
    """What an activity brings is another than was told, because of one that came late."""
    member = f"{program.name}/members/{before.asked.member_id}"
    data = {
        "member": member,
        "late_event": f"{program.name}/activities/{late_id}",
        "points_before": before.judgement.points,
        "points": now_.points,
        "withheld": now_.withheld.name if now_.withheld else "",
    }
    name = f"{program.name}/activities/{before.asked.activity_id}"
    return Event("guerdon.membership.v1.activity_judged_anew", name, member, now, data)


def purchase_recorded(program: Program, row: Row, rated: Rated, now: datetime) -> Event:
    """A purchase was recorded and rated."""
    member = f"{program.name}/members/{row.member_id}"
    data = {
        "member": member,
        "event_time": from_microseconds(rated.entry.event_us).isoformat(),
        "amount_minor_units": row.amount,
        "currency_code": program.settings.currency_code,
        "base_points": rated.base_points,
        "tier_points": rated.tier_points,
        "rule_points": rated.rule_points,
    }
    if rated.frozen is not None and rated.frozen.wallets:
        data["wallets"] = {f"{program.name}/units/{one.unit}": sum(one.points) for one in rated.frozen.wallets}
    purchase = f"{program.name}/purchases/{row.purchase_id}"
    return Event("guerdon.membership.v1.purchase_recorded", purchase, member, now, data)


def award_flagged(program: Program, bought: Bought, flag: Flag, now: datetime) -> Event:
    """An award passed limits of the velocity policy; its points may be held for it."""
    name = f"{program.name}/members/{bought.member_id}"
    passed = [
        {
            "subject": one.limit.subject.name.lower(),
            "value": name if one.limit.subject is Subject.MEMBER else one.value,
            "period": one.limit.period.name.lower(),
            "purchases": one.counted.purchases,
            "max_purchases": one.limit.max_purchases,
            "points": one.counted.points,
            "max_points": one.limit.max_points,
        }
        for one in flag.passed
    ]
    data = {"member": name, "points": bought.points, "held": flag.state is FlagState.HELD, "passed": passed}
    purchase = f"{program.name}/purchases/{bought.purchase_id}"
    return Event("guerdon.membership.v1.award_flagged", purchase, name, now, data)


def award_decided(program: Program, purchase: Purchase, state: FlagState, actor: str, now: datetime) -> Event:
    """A held award was released or rejected: `points` are what was left of it."""
    name = f"{program.name}/members/{purchase.member_id}"
    data = {
        "member": name,
        "points": purchase.award.points - purchase.returned_points,
        "decided_by": actor,
    }
    of = f"{program.name}/purchases/{purchase.purchase_id}"
    return Event(f"guerdon.membership.v1.award_{state.name.lower()}", of, name, now, data)


def award_wait_ended(
    program: Program, purchase: Purchase, credits_: Sequence[Awaited], state: WaitState, now: datetime
) -> Event:
    """Points of a purchase wait for no event any more: `points` are what was given of them at first."""
    name = f"{program.name}/members/{purchase.member_id}"
    data = {
        "member": name,
        "outcome": state.name.lower(),
        "events": sorted({one.wait.event for one in credits_}),
        "points": sum(purchase.credits[one.place] for one in credits_),
    }
    of = f"{program.name}/purchases/{purchase.purchase_id}"
    return Event("guerdon.membership.v1.award_wait_ended", of, name, now, data)


def gift_changed(program: Program, gift: Gift, now: datetime) -> Event:
    """A reward that is given for a purchase or an enrolment was given, refused, taken back, kept, or is overdue."""
    name = f"{program.name}/members/{gift.member_id}"
    data = {
        "given_reward": f"{program.name}/givenRewards/{gift.gift_id}",
        "member": name,
        "rule": f"{program.name}/rules/{gift.rule_id}" if gift.rule_id else "",
        "reward": f"{program.name}/rewards/{gift.reward}",
        "redemption": f"{program.name}/redemptions/{gift.redemption}" if gift.redemption else "",
        "reason": gift.reason,
    }
    if gift.ended_by is not None:
        data["actor"] = gift.ended_by
    of = f"{program.name}/purchases/{gift.purchase_id}" if gift.purchase_id else name
    what = "overdue" if gift.overdue else gift.state.name.lower()
    return Event(f"guerdon.membership.v1.reward_{what}", of, name, now, data)


def award_changed(program: Program, member: Member, change: AwardChange, now: datetime) -> Event:
    """What a purchase earned, or what returns took of it, is another than was told, because of what came late."""
    name = f"{program.name}/members/{member.member_id}"
    data = {
        "member": name,
        "late_event": f"{program.name}/{change.late_event}",
        "points_before": change.points_before,
        "points": change.points_after,
        "returned_points_before": change.returned_before,
        "returned_points": change.returned_after,
    }
    purchase = f"{program.name}/purchases/{change.purchase_id}"
    return Event("guerdon.membership.v1.award_changed", purchase, name, now, data)


def guest_purchase_recorded(program: Program, row: Row, now: datetime) -> Event:
    """A purchase of nobody known was recorded: it can be claimed."""
    assert row.event_us is not None, "a row within its bounds has a time"
    purchase = f"{program.name}/purchases/{row.purchase_id}"
    data = {
        "event_time": from_microseconds(row.event_us).isoformat(),
        "amount_minor_units": row.amount,
        "currency_code": program.settings.currency_code,
    }
    return Event("guerdon.membership.v1.guest_purchase_recorded", purchase, purchase, now, data)


def purchases_imported(program: Program, enrolled: Sequence[Member], rated: Sequence[Rated], now: datetime) -> Event:
    """A chunk of an import was recorded: one event for all of its rows, which are read from membership where they
    matter. Chunks of imports that run at once may be told of in either order.
    """
    data = {
        "purchases": len(rated),
        "base_points": sum(one.base_points for one in rated),
        "tier_points": sum(one.tier_points for one in rated),
        "rule_points": sum(one.rule_points for one in rated),
        "enrolled": [member.member_id for member in enrolled],
    }
    return Event("guerdon.membership.v1.purchases_imported", program.name, program.name, now, data)


def tier_upgraded(program: Program, row: Row, rated: Rated, now: datetime) -> Event:
    """A purchase led its member to a higher tier, or to one from none, as of the time of the purchase."""
    member = f"{program.name}/members/{row.member_id}"
    previous = program.tier_set.tier_id(rated.level)
    data = {
        "tier_id": program.tier_set.tier_id(rated.level_after),
        "previous_tier_id": previous,
        "event_time": from_microseconds(rated.entry.event_us).isoformat(),
        "purchase": f"{program.name}/purchases/{row.purchase_id}",
    }
    kind = "upgraded" if previous else "joined"
    return Event(f"guerdon.membership.v1.tier_{kind}", member, member, now, data)


def points_expiring(program: Program, member: Member, reminder: Reminder, now: datetime) -> Event:
    """Points of a member expire soon: what is still there."""
    name = f"{program.name}/members/{member.member_id}"
    data = {
        "points": reminder.points,
        "expire_time": reminder.expire_time.isoformat(),
        "days": reminder.days,
    }
    return Event("guerdon.membership.v1.points_expiring", name, name, now, data)


def tier_turned(program: Program, member_id: str, turn: Turn, now: datetime) -> Event:
    """A member's tier became another, or is kept for longer, as of the beginning of a day."""
    member = f"{program.name}/members/{member_id}"
    end = turn.held.end
    data = {
        "tier_id": program.tier_set.tier_id(turn.held.level),
        "previous_tier_id": program.tier_set.tier_id(turn.level_before),
        "event_time": program.calendar.start_of_day(turn.day).isoformat(),
        "tier_end_time": None if end is None else program.calendar.start_of_day(end).isoformat(),
    }
    return Event(f"guerdon.membership.v1.tier_{turn.kind(program.tier_set)}", member, member, now, data)


def referral_changed(program: Program, referral: Referral, now: datetime) -> Event:
    """A referral was claimed or refused, has qualified, or was taken back."""
    friend = f"{program.name}/members/{referral.friend_id}"
    data = {
        "advocate": f"{program.name}/members/{referral.advocate_id}",
        "state": referral.state.name,
        "refusal": referral.refusal.name if referral.refusal else "",
        "address_warned": referral.warned,
        "milestone": referral.milestone or 0,
    }
    return Event("guerdon.membership.v1.referral_changed", friend, friend, now, data)


def return_unmatched(program: Program, asked: Asked, now: datetime) -> Event:
    """A return waited for its purchase as long as the program lets it, and takes nothing."""
    name = f"{program.name}/returns/{asked.return_id}"
    purchase = f"{program.name}/purchases/{asked.purchase_id}"
    data = {"purchase": purchase, "event_time": asked.event_time.isoformat()}
    return Event("guerdon.membership.v1.return_unmatched", name, purchase, now, data)


def count_reached(
    program: Program, member_id: str, rule_id: str, purchase_id: str, tally: Tally, into: Into, now: datetime
) -> Event:
    """A purchase reached a count of a rule: an award for each time, of as many points, or as much of a unit; 1 for a
    reward.
    """
    member = f"{program.name}/members/{member_id}"
    data = {
        "rule": f"{program.name}/rules/{rule_id}",
        "purchase": f"{program.name}/purchases/{purchase_id}",
        "count": tally.reached,
        "points": list(tally.awards),
        "unit": f"{program.name}/units/{into.unit}" if into.unit else "",
        "reward": f"{program.name}/rewards/{into.reward}" if into.reward else "",
    }
    return Event("guerdon.membership.v1.count_reached", member, member, now, data)


def count_fallen(
    program: Program, member_id: str, rule_id: str, purchase: Purchase, awards: int, now: datetime
) -> Event:
    """What came back of a purchase takes a member's count below awards, which are taken back."""
    member = f"{program.name}/members/{member_id}"
    data = {
        "rule": f"{program.name}/rules/{rule_id}",
        "purchase": f"{program.name}/purchases/{purchase.purchase_id}",
        "awards": awards,
    }
    return Event("guerdon.membership.v1.count_fallen", member, member, now, data)


def count_awards_changed(
    program: Program, member: Member, rule_id: str, late: Moment, made: Difference, now: datetime
) -> Event:
    """What came late has a member reach a count with other purchases, so that awards are given or taken back."""
    name = f"{program.name}/members/{member.member_id}"
    data = {
        "rule": f"{program.name}/rules/{rule_id}",
        "late_event": f"{program.name}/{late.event}",
        "points": [one.award.points for one in made.given],
        "points_taken_back": [one.award.points for one in made.fallen],
    }
    return Event("guerdon.membership.v1.count_awards_changed", name, name, now, data)


def return_recorded(program: Program, purchase: Purchase, goods_return: GoodsReturn, now: datetime) -> Event:
    """Goods of a purchase came back."""
    member = f"{program.name}/members/{purchase.member_id}"
    data = {
        "member": member,
        "purchase": f"{program.name}/purchases/{purchase.purchase_id}",
        "event_time": goods_return.event_time.isoformat(),
        "amount_minor_units": goods_return.amount,
        "currency_code": program.settings.currency_code,
        "points": goods_return.points,
    }
    name = f"{program.name}/returns/{goods_return.return_id}"
    return Event("guerdon.membership.v1.return_recorded", name, member, now, data)
