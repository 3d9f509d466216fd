"""What a change has moved, in the words of its people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from recognition.domain.changes import ChangeKind, NewChange
from recognition.domain.gifts import GiftKind, Movement
from recognition.domain.recognitions import Draft, Recognition
from recognition.domain.takings import Gift, Taken


def movements_of(
    change: NewChange, recognition: Recognition, transactions: Sequence[str], taken: Sequence[Taken], now: datetime
) -> list[Movement]:
    """The movements of a change of `recognition` (as it was before): what the ledger posted in `transactions`, one for
    each receiver, then what it has `taken` back.
    """
    movement = _movements_of(change, recognition, recognition.draft, now)
    kind = GiftKind.ADD_ON if change.kind is ChangeKind.ADD_ON else GiftKind.GIVEN
    thanked = () if change.before is None else change.before.receivers  # who gets more is not thanked once more
    given = [
        movement(
            ordinal=ordinal,
            kind=kind,
            giver=change.giver,
            receiver=receiver,
            amount=amount,
            posts=int(receiver not in thanked),
            transaction=transaction,
        )
        for ordinal, (receiver, amount, transaction) in enumerate(
            zip(change.receivers, change.amounts, transactions, strict=True)
        )
    ]
    back = [
        movement(
            ordinal=ordinal,
            kind=one.taking.gift.kind,
            giver=one.taking.gift.giver,
            receiver=one.taking.gift.receiver,
            amount=-one.recovered,
            posts=-one.taking.posts,
            transaction=one.transaction,
            wanted=one.taking.amount,
            gift=(one.taking.gift.change, one.taking.gift.ordinal),
        )
        for ordinal, one in enumerate(taken, start=len(given))
    ]
    return given + back


def recounted(change: NewChange, before: Recognition, gifts: Sequence[Gift], now: datetime) -> list[Movement]:
    """What counts otherwise after an edit of `before`, which has these gifts: all of them are no longer what they were,
    and are what they have become. Nothing where it is for the same values and seen as before.
    """
    assert change.after is not None, "an edit knows what it makes"
    if (change.after.visibility, change.after.values) == (before.draft.visibility, before.draft.values):
        return []
    found = []
    for draft, sign in ((before.draft, -1), (change.after, 1)):
        movement = _movements_of(change, before, draft, now)
        found += [
            movement(
                ordinal=gift.ordinal,
                kind=gift.kind,
                giver=gift.giver,
                receiver=gift.receiver,
                amount=sign * gift.left,
                posts=sign * gift.posts,
                transaction=gift.transaction,
            )
            for gift in gifts
        ]
    return found


def _movements_of(change: NewChange, recognition: Recognition, draft: Draft, now: datetime) -> partial[Movement]:
    """Movements of a change of the recognition, as it is by `draft`."""
    return partial(
        Movement,
        organisation=change.organisation,
        recognition=recognition.id,
        change=change.id,
        visibility=draft.visibility,
        values=draft.values,
        give_time=recognition.create_time,
        record_time=now,
    )
