"""Taking points back: which gifts, how much of each, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from recognition.domain.gifts import GiftKind
from recognition.domain.recognitions import Draft


class TakingPolicy(Enum):
    """What happens where a receiver has spent what is to be taken back. Stored by value."""

    UNSPENT = "unspent"
    """Takes what is left of the very points that were given."""
    WITHIN_BALANCE = "within_balance"
    """Then takes other points of the receiver's, down to nothing."""
    REFUSE = "refuse"
    """As WITHIN_BALANCE, but nothing is done where somebody's balance does not reach when the request comes in."""


@dataclass(frozen=True, slots=True)
class Gift:
    """Points that one transaction of the ledger brought to a receiver, less what was taken back of them since: `left`
    at most. `posts` is 1 where the giver's thanks still count by it.
    """

    change: str
    ordinal: int
    kind: GiftKind
    giver: str
    receiver: str
    left: int
    posts: int
    transaction: str


@dataclass(frozen=True, slots=True)
class Taking:
    """What is to be taken back of a gift: `amount`; `posts` is 1 where its thanks no longer count, and -1 where they
    do again.
    """

    gift: Gift
    amount: int
    posts: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What the ledger took back of it (0 to its amount) in which transaction (empty where nothing was left)."""

    taking: Taking
    recovered: int
    transaction: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """What came back of what one person gave to another."""

    giver: str
    receiver: str
    amount: int
    recovered: int


def take_all(gifts: Iterable[Gift]) -> list[Taking]:
    """What the end of a recognition takes back: all that is left of it, in the order of the gifts."""
    return [Taking(gift, gift.left, gift.posts) for gift in gifts if gift.left or gift.posts]


def take_for_edit(after: Draft, gifts: Sequence[Gift]) -> list[Taking]:
    """What an edit that makes a recognition `after` takes back: of who is not in it all that is left, add-ons too; of
    who is, what they have of the giver beyond its amount. That may be what an earlier edit wanted and did not get.
    """
    takings = take_all(gift for gift in gifts if gift.receiver not in after.receivers)
    for receiver in after.receivers:
        takings += _take_beyond(after.amount, [gift for gift in gifts if _from_giver(gift, receiver)])
    return takings


def _take_beyond(amount: int, gifts: Sequence[Gift]) -> list[Taking]:
    """What a receiver has beyond the amount, from the newest gift on. Of one who was removed before, and is back with
    what could not be taken, the thanks count again: no new gift brings them.
    """
    beyond = sum(gift.left for gift in gifts) - amount
    again = beyond >= 0 and not any(gift.posts for gift in gifts)
    takings = []
    for gift in reversed(gifts):
        part = max(0, min(beyond, gift.left))
        if part or again:
            takings.append(Taking(gift, part, -1 if again else 0))
        beyond, again = beyond - part, False
    return takings


def give_for_edit(after: Draft, gifts: Sequence[Gift]) -> dict[str, int]:
    """What an edit that makes a recognition `after` gives in addition, by receiver: what they do not have of the giver
    by these gifts. Who has spent what an earlier edit wanted back has it still.
    """
    has = {receiver: sum(gift.left for gift in gifts if _from_giver(gift, receiver)) for receiver in after.receivers}
    return {receiver: after.amount - left for receiver, left in has.items() if left < after.amount}


def _from_giver(gift: Gift, receiver: str) -> bool:
    return gift.receiver == receiver and gift.kind is GiftKind.GIVEN


def recoveries(taken: Iterable[Recovery]) -> list[Recovery]:
    """The same, one for each giver and receiver of whom something was wanted, in the order in which they come."""
    found: dict[tuple[str, str], Recovery] = {}
    for one in taken:
        key = one.giver, one.receiver
        so_far = found.get(key)
        found[key] = (
            one
            if so_far is None
            else replace(so_far, amount=so_far.amount + one.amount, recovered=so_far.recovered + one.recovered)
        )
    return [one for one in found.values() if one.amount]
