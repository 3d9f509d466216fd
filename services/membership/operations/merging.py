"""Merging two members who are one person. Who stands for whom is decided first; the points follow step by step, each
written before the ledger is asked, by whoever merged or by the recovery loop.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, InvalidField, NotFound
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.clients.ledger import Ledger
from membership.domain.deliveries import Clawback
from membership.domain.endings import ended
from membership.domain.errors import AwardsHeld, MemberChanging, MemberPending
from membership.domain.members import Ended, Member
from membership.domain.merging import Merge, Step, merged_profile, next_step
from membership.domain.profiles import NOTHING_KNOWN
from membership.domain.program import Program
from membership.domain.purchases import State
from membership.operations import sliding
from membership.operations.counting import merge_counts
from membership.operations.deliveries import LEASE, MARGIN_S
from membership.operations.events import member_merged
from membership.operations.merging_referrals import after_merging, before_merging
from membership.operations.profiles import write_profile
from membership.store import (
    bonuses,
    consents,
    expiry_watches,
    flags,
    gifts,
    members,
    merges,
    profiles,
    slides,
    standings,
)

LOOK_AGAIN = timedelta(days=1)
"""How long what comes to an account that was merged may wait, where nobody told of it."""
STEPS_AT_ONCE = 100
"""Steps of one turn: each moves a hundred lots at most."""


class MergeWaits(Exception):
    """Something is still on its way to the account, or held there."""


class Merging:
    """Merges of members."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        clock: Clock,
        log: structlog.typing.FilteringBoundLogger,
        patience_s: float,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._log = log
        self._patience_s = patience_s

    async def merge(
        self, program: Program, member_id: str, into_id: str, fingerprint: Fingerprint, actor: str, within_s: float
    ) -> tuple[bool, bool]:
        """Has `into_id` stand for a member from now on; answers whether all that the old account had has followed, and
        whether this is a replay.

        Raises:
            InvalidField: both are one member already.
            NotFound: there is no such member.
            MemberPending: one of the accounts is not open yet.
            MemberClosed, MemberErased: one of the memberships has ended.
            MemberMerged: the member was merged into another one before.
            MemberChanging: one of them is being closed, or has another's points still on their way.
            AwardsHeld: awards of the member are held.
            TooManyCards: they have more cards together than one member may have.
        """

        async def work(connection: Connection) -> bytes:
            return json.dumps(await self._merge(connection, program, member_id, into_id, actor)).encode()

        outcome, replayed = await once(self._database, fingerprint, work)
        member_no = json.loads(outcome)
        await self._try(member_no, within_s)
        merge = await self._find(member_no)
        return merge is not None and merge.done, replayed

    async def advance(self, member_no: int) -> None:
        """Moves what the account of a member who was merged has, until nothing is left.

        Raises:
            MergeWaits: something is on its way to the account, or held there.
            OutcomeUnknown, RemoteError: the ledger did not answer, or refused for a reason of its own.
        """
        for _ in range(STEPS_AT_ONCE):
            merge = await self._find(member_no)
            if merge is None:
                return
            async with self._database.acquire() as connection:
                if await merges.coming(connection, merge):
                    raise MergeWaits
            if merge.reverses_welcome:
                await self._reverse_welcome(merge)
            elif merge.step is not None:
                await self._move(merge, merge.step)
            elif not await self._look(merge):
                return
        raise MergeWaits

    async def _merge(self, connection: Connection, program: Program, member_id: str, into_id: str, actor: str) -> int:
        """Writes a merge; answers the number of the member who was merged."""
        member, into = await _hold(connection, program, member_id, into_id)
        if member.ended is Ended.MERGED:
            before = (await members.survivors(connection, [member.member_no]))[member.member_no]
            if before.member_no == into.member_no:
                return member.member_no
        for one in (member, into):
            why = ended(program, one)
            if why is not None:
                raise why
            if one.state is State.PENDING:
                raise MemberPending(f"{program.name}/members/{one.member_id}")
        if await merges.changing(connection, [member.member_no, into.member_no]):
            raise MemberChanging(f"{program.name}/members/{into.member_id}")
        if held := await flags.count_held(connection, member.member_no):
            raise AwardsHeld(f"{program.name}/members/{member.member_id}", held)
        await _merge_profiles(connection, program, member, into)
        await consents.forget(connection, member.member_no)  # the survivor's stays
        now = self._clock.now()
        welcomed = await merges.welcomed(connection, [member.member_no, into.member_no])
        friends = await before_merging(connection, program, member, into, now)
        await merges.insert(connection, program, member, into, actor, now + LEASE)
        twice = await merge_counts(connection, program, into, now)
        await sliding.merge(connection, program, member, into, now)
        await expiry_watches.merge(connection, member.member_no, into.member_no)
        await _welcome_once(connection, program, member, into, welcomed, now)
        await after_merging(connection, program, member, into, [*friends, twice], actor, now)
        if not program.settings.tier_policy.plain:
            await standings.look_again(connection, program, [into.member_no], now)
        await publish(connection, member_merged(program, member, into, now))
        return member.member_no

    async def _reverse_welcome(self, merge: Merge) -> None:
        """Takes the welcome bonus of the member back: the survivor had it too."""
        # Not by crediting it again, which the ledger takes for the same request only for as long as it keeps requests.
        async with self._database.acquire() as connection:
            transaction = await merges.welcome_transaction(connection, merge)
        if transaction:
            request_id, rest_request_id = merge.welcome_request_ids
            memo = f"Welcome bonus, given to {merge.into.member_id} too"
            back = Clawback(request_id, rest_request_id, transaction, merge.member.welcome_points, memo)
            await self._ledger.take_back(merge.program, back, merge.actor)
        await self._database.run(lambda connection: merges.end_welcome(connection, merge))

    async def _move(self, merge: Merge, step: Step) -> None:
        """Asks the ledger for a step that was begun."""
        if step.unit:
            _, wallet = merge.accounts(step.unit)
            await self._ledger.open_wallet(merge.program, wallet, step.unit, merge.actor)
        movable = await self._ledger.merge(merge.program, merge, step)
        await self._database.run(lambda connection: merges.end(connection, merge))
        if movable:
            smaller = replace(step, number=step.number + 1, points=movable)
            await self._begin(merge, smaller)

    async def _look(self, merge: Merge) -> bool:
        """Begins the next step; answers whether there is one."""
        async with self._database.acquire() as connection:
            units = await bonuses.units_of(connection, [merge.member.member_no, merge.into.member_no])
        held = False
        for unit in ("", *units):
            old, _ = merge.accounts(unit)
            remains = await self._ledger.remains(merge.program, old, merge.actor)
            step = next_step(remains, merge.last_step + 1, unit)
            if step is not None:
                await self._begin(merge, step)
                return True
            held = held or remains.held > 0
        if held:
            raise MergeWaits
        again = self._clock.now() + LOOK_AGAIN
        await self._database.run(lambda connection: self._rest(connection, merge, again))
        return False

    async def _begin(self, merge: Merge, step: Step) -> None:
        await self._database.run(lambda connection: merges.begin(connection, merge, step))

    async def _rest(self, connection: Connection, merge: Merge, again: datetime) -> None:
        await merges.rest(connection, merge, again)
        if not merge.done:
            await slides.wake(connection, merge.into.member_no, self._clock.now())

    async def _find(self, member_no: int) -> Merge | None:
        async with self._database.acquire() as connection:
            return await merges.find(connection, member_no)

    async def _try(self, member_no: int, within_s: float) -> None:
        """Advances for a caller who waits; where that fails the recovery loop will."""
        try:
            async with asyncio.timeout(min(within_s - MARGIN_S, self._patience_s)):
                await self.advance(member_no)
        except (DomainError, MergeWaits, TimeoutError) as error:
            self._log.warning("merge_waits", member=member_no, error=str(error) or repr(error))


async def _welcome_once(
    connection: Connection, program: Program, member: Member, into: Member, welcomed: Mapping[int, int], now: datetime
) -> None:
    """Has what is given for enrolling taken back where one person has it twice, whichever of its ids has it."""
    if len(welcomed) == 2:
        await merges.begin_welcome(connection, welcomed[member.member_no], now + LEASE)
    if program.settings.welcome_reward:
        await gifts.take_welcome_back(connection, into.member_no, now)


async def _hold(connection: Connection, program: Program, member_id: str, into_id: str) -> tuple[Member, Member]:
    """The member to be merged as it is, and the survivor, or who stands for it; both rows are held."""
    held = {one.member_id: one for one in await members.lock(connection, program, sorted({member_id, into_id}))}
    for asked in (member_id, into_id):
        if asked not in held:
            raise NotFound(f"{program.name}/members/{asked}")
    member, into = held[member_id], held[into_id]
    if into.ended is Ended.MERGED:
        into = (await members.hold_survivors(connection, program, [into]))[into.member_no]
    if member.member_no == into.member_no:
        raise InvalidField.of("into", "must be another member")
    return member, into


async def _merge_profiles(connection: Connection, program: Program, member: Member, into: Member) -> None:
    """Has the survivor be found by the contacts of both."""
    known = await profiles.of(connection, [member.member_no, into.member_no])
    if member.member_no not in known:
        return
    both = merged_profile(known.get(into.member_no, NOTHING_KNOWN), known[member.member_no])
    had = await profiles.give_up(connection, member.member_no)
    await write_profile(connection, program, into.member_no, both)
    await profiles.remember(connection, program, into.member_no, had)
