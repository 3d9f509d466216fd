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
    """What is to be taken back of a gift: `amount`; `posts` is 1 where its thanks no longer count."""

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


def take_for_edit(before: Draft, after: Draft, gifts: Sequence[Gift]) -> list[Taking]:
    """What an edit takes back: of receivers who are removed all that is left, add-ons too; of those who stay and get
    less the difference, from the giver's newest gift on.
    """
    removed = set(before.receivers) - set(after.receivers)
    takings = take_all(gift for gift in gifts if gift.receiver in removed)
    less = before.amount - after.amount
    if less <= 0:
        return takings
    for receiver in before.receivers:
        due = 0 if receiver in removed else less
        for gift in reversed(gifts):
            part = min(due, gift.left)
            if part and gift.receiver == receiver and gift.kind is GiftKind.GIVEN:
                takings.append(Taking(gift, part, 0))
                due -= part
    return takings


def give_for_edit(before: Draft, after: Draft) -> dict[str, int]:
    """What an edit gives in addition, by receiver: the whole amount to those who are added, the difference to those who
    stay and get more.
    """
    more = {receiver: after.amount for receiver in after.receivers if receiver not in before.receivers}
    if after.amount > before.amount:
        stay = [receiver for receiver in after.receivers if receiver in before.receivers]
        more |= dict.fromkeys(stay, after.amount - before.amount)
    return more


def recoveries(taken: Iterable[Recovery]) -> list[Recovery]:
    """The same, one for each giver and receiver, in the order in which they come."""
    found: dict[tuple[str, str], Recovery] = {}
    for one in taken:
        key = one.giver, one.receiver
        so_far = found.get(key)
        found[key] = (
            one
            if so_far is None
            else replace(so_far, amount=so_far.amount + one.amount, recovered=so_far.recovered + one.recovered)
        )
    return list(found.values())
