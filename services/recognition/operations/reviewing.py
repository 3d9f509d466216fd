"""Deciding about what a fairness policy holds.

Its points lie in the organisation's reserve. A decision sets the change to be carried out once more, by whoever gets to
it: out of the reserve to the receivers, or back to where they came from. What nobody decides in time the clock rejects.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.events import Event, publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.acting import Acting
from recognition.domain.changes import ChangeKey, ChangeKind, NewChange
from recognition.domain.errors import (
    AlreadyReviewed,
    RecognitionRejected,
    ReviewerConcerned,
    ReviewOutdated,
    ReviewOverdue,
    RoleRequired,
)
from recognition.domain.people import person_name
from recognition.domain.recognitions import State
from recognition.domain.reviews import NOTE_LENGTH_MAX, Review, Reviewed, ReviewState
from recognition.domain.roles import Role
from recognition.domain.texts import text_violations
from recognition.operations import organisations
from recognition.operations.acting import acting_person, require_role
from recognition.operations.adding import require_room
from recognition.operations.changing import Changing
from recognition.operations.giving import require_parties
from recognition.store import recognitions as recognition_store
from recognition.store import reviews as store

_REVIEWERS = (Role.ADMIN, Role.MANAGER)
_NEWEST = 2**63 - 1
_OVERDUE_AT_ONCE = 100
OVERDUE = "guerdon.recognition.v1.review_overdue"


class Reviewing:
    """Reviews."""

    def __init__(self, database: Database, clock: Clock, changing: Changing, lease: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._changing = changing
        self._lease = lease

    async def list_before(
        self, organisation: str, state: ReviewState | None, before: int, most: int, acting: Acting
    ) -> list[Reviewed]:
        """At most so many reviews with numbers below `before`, newest first: all of them, or for who does not review
        those of what they gave. What somebody would receive they see once it is given.

        Raises:
            NotFound: there is no such organisation.
            RoleRequired: the token names nobody here.
        """
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            viewer, reviews = await _viewer(connection, organisation, acting)
            return await store.list_before(
                connection,
                organisation,
                state=state,
                giver=None if reviews else viewer,
                viewer=viewer,
                change=None,
                before=before,
                most=most,
            )

    async def decide(
        self, fingerprint: Fingerprint, key: ChangeKey, decision: ReviewState, note: str, acting: Acting
    ) -> tuple[Reviewed, bool]:
        """Approves or rejects; answers the review, and whether this is a replay.

        Raises:
            InvalidField: the note is too long.
            RoleRequired: the token names neither an admin nor a manager.
            NotFound: there is no such review, or it is of what they would receive.
            AlreadyReviewed, ReviewOverdue, ReviewerConcerned, ReviewOutdated, RecognitionFull: as they say; or what
                `require_parties` does.
            Unavailable: an edit of the recognition is under way, or the ledger has not answered; the same request tells
                how it ended.
        """
        violations = text_violations("note", note, NOTE_LENGTH_MAX)
        if violations:
            raise InvalidField(violations)

        async def work(connection: Connection) -> bytes:
            reviewer = await require_role(connection, key.organisation, acting, *_REVIEWERS)
            found = await _find(connection, key, reviewer)
            change = found.change.new
            state = await recognition_store.lock(connection, key.organisation, change.recognition)
            if reviewer == change.giver or reviewer in change.receivers:
                raise ReviewerConcerned(person_name(key.organisation, reviewer), _name(key))
            if decision is ReviewState.APPROVED:
                await _require_current(connection, change, state)
            now = self._clock.now()
            _require_time(found, now)
            decided = Review(decision, reviewer=reviewer or "", note=note, review_time=now)
            if not await store.decide(connection, key, decided, acting.actor, now + self._lease):
                raise AlreadyReviewed(_name(key))
            return b""

        _, replayed = await requests.once(self._database, fingerprint, work)
        with suppress(RecognitionRejected):
            await self._changing.finish(key, fresh=not replayed)
        async with self._database.acquire() as connection:
            return await _find(connection, key, None), replayed

    async def reject_overdue(self) -> bool:
        """Rejects some of what nobody decided about in time; answers whether there was any. The recovery carries it
        out, whichever worker's it is.
        """

        async def work(connection: Connection) -> bool:
            now = self._clock.now()
            overdue = await store.reject_overdue(connection, now, _OVERDUE_AT_ONCE)
            for key, deadline in overdue:
                await _tell_overdue(connection, key, deadline, now)
            return bool(overdue)

        return await self._database.run(work, repeatable=True)


async def _tell_overdue(connection: Connection, key: ChangeKey, deadline: datetime, now: datetime) -> None:
    """By the review's name alone: what was held was never anybody's to know."""
    name = _name(key)
    data = {"deadline": deadline.isoformat()}
    await publish(connection, Event(type=OVERDUE, subject=name, key=name, time=now, data=data))


async def _viewer(connection: Connection, organisation: str, acting: Acting) -> tuple[str | None, bool]:
    """Who looks, None for a caller who is nobody here, and whether they review."""
    try:
        return await require_role(connection, organisation, acting, *_REVIEWERS), True
    except RoleRequired:
        person = await acting_person(connection, organisation, acting, None)
        if person is None:
            raise
        return person, False


async def _find(connection: Connection, key: ChangeKey, viewer: str | None) -> Reviewed:
    found = await store.list_before(
        connection,
        key.organisation,
        state=None,
        giver=None,
        viewer=viewer,
        change=key.change,
        before=_NEWEST,
        most=1,
    )
    if not found:
        raise NotFound(_name(key))
    return found[0]


def _require_time(found: Reviewed, now: datetime) -> None:
    """Raises ReviewOverdue where the deadline of what is held has passed, and what follows has not happened yet."""
    review = found.review
    assert review.deadline is not None, "what is stored has one"
    if review.state is ReviewState.HELD and now >= review.deadline:
        raise ReviewOverdue(_name(found.change.key), review.deadline.isoformat())


async def _require_current(connection: Connection, change: NewChange, state: State | None) -> None:
    """Raises what keeps a change from being given now; the recognition is locked, in `state`."""
    organisation = change.organisation
    if change.kind is ChangeKind.ADD_ON:
        recognition = await recognition_store.find(connection, organisation, change.recognition)
        assert recognition is not None, "an add-on's recognition is stored before it"
        if state is not State.POSTED or not set(change.receivers) <= set(recognition.draft.receivers):
            raise ReviewOutdated(recognition.name, _name(change.key))
        await require_room(connection, recognition, len(change.receivers))
    await require_parties(connection, organisation, change.giver, change.receivers)


def _name(key: ChangeKey) -> str:
    return f"organisations/{key.organisation}/reviews/{key.change}"
