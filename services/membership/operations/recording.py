"""Recording purchases, one or many: the part that happens in one transaction of our own database.

All that is awarded is decided here, under the lock on the members' rows, and frozen; bringing it to the ledger comes
after the commit.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.errors import DomainError, NotFound
from guerdon_kit.events import Event, publish
from guerdon_kit.postgres import Connection
from membership.domain.deliveries import Delivery, DuePurchase
from membership.domain.endings import ended
from membership.domain.gifts import for_purchase
from membership.domain.members import Member
from membership.domain.moments import from_microseconds
from membership.domain.program import Program
from membership.domain.purchases import Spot, State
from membership.domain.rating import Entry, Rated
from membership.domain.rows import Row
from membership.domain.sliding import Span, kept_until, sliding
from membership.domain.stacking import Kept
from membership.operations.enrolling import welcome
from membership.operations.events import member_enrolled, purchase_recorded, purchases_imported, tier_upgraded
from membership.operations.flagging import flag_awards
from membership.operations.known import sort_known
from membership.operations.late_changes import Changed, bring_along
from membership.operations.qualifying import Rewards
from membership.operations.rating import rate_in_order
from membership.operations.rewarding import by_rules, qualify
from membership.operations.rules import Rulebooks
from membership.operations.sliding import keep as keep_points
from membership.operations.survivors import for_survivors, same_people
from membership.operations.tranches import Timed, with_times
from membership.store import (
    awaited,
    deliveries,
    expiry_watches,
    gifts,
    members,
    purchases,
    ratings,
    waiting_returns,
)
from membership.store.purchases import NewPurchase


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of rows; places are those of the rows."""

    rated: Sequence[Rated]
    already_recorded: Sequence[int]
    refused: dict[int, DomainError]
    enrolled: Sequence[Member]
    delivery: Delivery | None
    """What now has to be brought to the ledger."""


@dataclass(frozen=True, slots=True)
class Recording:
    """When and for whom something is recorded."""

    now: datetime
    due_time: datetime
    actor: str
    bulk: bool = False
    """Whether this is an import's chunk, which is told of as a whole."""


async def record_rows(
    connection: Connection,
    program: Program,
    rulebooks: Rulebooks,
    rows: Sequence[Row],
    recording: Recording,
    *,
    enroll_unknown: bool,
) -> Recorded:
    """Records the rows that are new, rated; enrols members that are unknown where asked to. The rows are within
    their bounds.

    Raises:
        Rerun: another transaction recorded one of the purchases meanwhile.
    """
    fresh, already, refused, revision, returns_wait = await sort_known(connection, program, rows)
    if refused:
        already += await same_people(connection, program, rows, refused)
    by_id, enrolled = await _hold_members(connection, program, fresh, recording, enroll_unknown=enroll_unknown)
    fresh = await for_survivors(connection, program, fresh, by_id)
    entries = _entries(program, fresh, by_id, refused)
    book = await rulebooks.at(connection, program, revision)
    row_at = {row.place: row for row in fresh}
    spans = await _keep(connection, program, entries, enrolled, recording.now)
    now, actor = recording.now, recording.actor
    rated, changed = await rate_in_order(connection, program, book, entries, row_at, by_id, now, actor)
    written = _purchases(program, rated, row_at, recording.now, spans)
    timed = with_times(program, book, rated, written, row_at, spans, recording.now)
    rated, written = timed.rated, timed.written
    touched = {one.entry.member_no for one in rated} | {member.member_no for member in enrolled}
    unready = [one for one in by_id.values() if one.state is State.PENDING and one.member_no in touched]
    rewards = await qualify(connection, program, by_id, rated, row_at, recording.now)
    if not book.plain:
        given = await by_rules(connection, program, book, by_id, rated, row_at, now, actor)
        rewards = Rewards.together([rewards, given, changed.rewards])
    timed = await flag_awards(connection, program, book.velocity, timed, row_at, recording.now, bulk=recording.bulk)
    rewards = await timed.give(connection, program, rewards, recording.now)
    delivery = await _deliver_later(connection, program, recording, unready, rated, written, row_at, rewards, changed)
    delivery = timed.bring(delivery)
    if written:
        await _write(connection, program, recording, timed, row_at, delivery)
        if returns_wait:
            await waiting_returns.wake(connection, program, [one.purchase_id for one in written], recording.now)
    delivery = await bring_along(connection, delivery, changed)
    await publish(connection, *_events(program, enrolled, rated, row_at, recording))
    return Recorded(rated, already, refused, enrolled, delivery)


def _entries(
    program: Program, rows: Iterable[Row], by_id: Mapping[str, Member], refused: dict[int, DomainError]
) -> list[Entry]:
    """What is to be rated; adds to `refused` the rows of members that are unknown or have ended."""
    entries = []
    for row in rows:
        member = by_id.get(row.member_id)
        if member is None:
            refused[row.place] = NotFound(f"{program.name}/members/{row.member_id}")
        elif (why := ended(program, member)) is not None:
            refused[row.place] = why
        else:
            assert row.event_us is not None, "a row within its bounds has a time"
            entries.append(Entry(row.event_us, row.place, member.member_no, row.amount))
    return entries


async def _hold_members(
    connection: Connection, program: Program, rows: Iterable[Row], recording: Recording, *, enroll_unknown: bool
) -> tuple[dict[str, Member], list[Member]]:
    """The rows' members by id, their rows locked, and those of them that were enrolled for it."""
    wanted = sorted({row.member_id for row in rows})
    if not wanted:
        return {}, []
    by_id = {member.member_id: member for member in await members.lock(connection, program, wanted)}
    missing = [member_id for member_id in wanted if member_id not in by_id]
    if not missing or not enroll_unknown:
        return by_id, []
    enrolled = await members.insert(connection, program, missing, recording.now, recording.actor)
    by_id |= {member.member_id: member for member in enrolled}
    await welcome(connection, program, enrolled, recording.now, recording.actor)
    others = [member_id for member_id in missing if member_id not in by_id]
    if others:  # somebody else enrolled them while we waited
        by_id |= {member.member_id: member for member in await members.lock(connection, program, others)}
    return by_id, enrolled


async def _keep(
    connection: Connection, program: Program, entries: Sequence[Entry], enrolled: Sequence[Member], now: datetime
) -> dict[int, Span]:
    if sliding(program) is None:
        return {}
    times: dict[int, list[datetime]] = {}
    for entry in entries:
        times.setdefault(entry.member_no, []).append(from_microseconds(entry.event_us))
    return await keep_points(connection, program, times, {member.member_no for member in enrolled}, now)


def _purchases(
    program: Program, rated: Sequence[Rated], row_at: dict[int, Row], now: datetime, spans: dict[int, Span]
) -> list[NewPurchase]:
    """Purchases to be written: when their points expire, and what then is to be done with them."""
    expiry, written, places = program.settings.expiry, list[NewPurchase](), itertools.count(1)
    for entry, _, key, base, tier, _, rule, _, _ in rated:
        event_us, row_place, member_no, amount = entry
        event_time = from_microseconds(event_us)
        expire_time, place = None, None
        if not base + tier + rule:
            state = State.POSTED
        elif expiry is None:
            state = State.PENDING
        else:
            expire_time = kept_until(spans.get(member_no), expiry, event_time, program.time_zone)
            state = State.LAPSED if expire_time <= now else State.PENDING
        if state is State.PENDING:
            place = next(places)
        purchase_id = row_at[row_place].purchase_id
        written.append(
            NewPurchase(purchase_id, member_no, event_time, amount, key, base, tier, expire_time, state, place)
        )
    return written


async def _write(
    connection: Connection,
    program: Program,
    recording: Recording,
    timed: Timed,
    row_at: Mapping[int, Row],
    delivery: Delivery | None,
) -> None:
    """Writes purchases with what they were rated by, and when their points expire for whoever reminds of it."""
    rated, written, now = timed.rated, timed.written, recording.now
    frozen = [(row_at[one.entry.place].purchase_id, one.level, one.frozen) for one in rated if one.frozen is not None]
    number = delivery.delivery_no if delivery else None
    rule_points = [one.rule_points for one in rated] if frozen else None
    await purchases.insert(connection, program, written, now, recording.actor, number, rule_points, timed.own)
    if frozen:
        await ratings.insert(connection, program, frozen)
    await awaited.insert(connection, program, list(timed.waits(now)), recording.actor)
    rewards = [
        for_purchase(row_at[rated_.entry.place].purchase_id, one.term.rule_id, one.reward, rated_.entry.member_no)
        for rated_ in rated
        if rated_.frozen is not None and rated_.frozen.rewards
        for one in rated_.frozen.given(Kept.all_of(rated_.frozen.parts))
    ]
    await gifts.insert(connection, program, rewards, now, recording.actor)
    await expiry_watches.watch(connection, program, ((one.member_no, one.expire_time) for one in written), now)


def _events(
    program: Program, enrolled: Sequence[Member], rated: Sequence[Rated], row_at: dict[int, Row], recording: Recording
) -> list[Event]:
    now = recording.now
    upgraded = [
        tier_upgraded(program, row_at[one.entry.place], one, now) for one in rated if one.level_after > one.level
    ]
    if recording.bulk:
        return [purchases_imported(program, enrolled, rated, now), *upgraded] if rated or enrolled else []
    events = [member_enrolled(program, member, now) for member in enrolled]
    events += [purchase_recorded(program, row_at[one.entry.place], one, now) for one in rated]
    return events + upgraded


async def _deliver_later(
    connection: Connection,
    program: Program,
    recording: Recording,
    unready: Sequence[Member],
    rated: Sequence[Rated],
    written: Sequence[NewPurchase],
    row_at: dict[int, Row],
    rewards: Rewards,
    changed: Changed,
) -> Delivery | None:
    pending = [(one, new) for one, new in zip(rated, written, strict=True) if new.place is not None]
    if not unready and not pending and not rewards.bonuses and not changed.change_ids:
        return None
    unready = rewards.with_accounts_of(unready)  # as they are read again: the same request then
    number = await deliveries.insert(
        connection,
        program,
        recording.actor,
        recording.due_time,
        member_nos=[member.member_no for member in unready],
        purchase_ids=[new.purchase_id for _, new in pending],
        bonus_ids=[bonus.bonus_id for bonus in rewards.bonuses],
    )
    now, due = recording.now, list[DuePurchase]()
    for one, (purchase_id, _, event_time, _, _, base, tier, expire_time, _, place) in pending:
        assert place is not None, "what is PENDING has a place"
        member_id, points = row_at[one.entry.place].member_id, base + tier + one.rule_points
        spot = Spot(number, place)
        due.append(DuePurchase(purchase_id, member_id, event_time, now, points, expire_time, spot))
    return Delivery(number, program, recording.actor, unready, due, bonuses=rewards.bonuses)
