"""What is on its way to the ledger. All of it follows from stored facts: asking again asks the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from membership.domain.accounts import account_id
from membership.domain.bonuses import Bonus
from membership.domain.flags import FlagState
from membership.domain.late_changes import DueChange, Part, digest, taker
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.purchases import GoodsReturn, Purchase, Spot, effective_time
from membership.domain.tranches import available_time


class DuePurchase(NamedTuple):
    """A recorded purchase whose points are not in the ledger yet."""

    purchase_id: str
    member_id: str
    event_time: datetime
    record_time: datetime
    points: int
    expire_time: datetime | None
    spot: Spot
    available_time: datetime | None = None
    held: bool = False
    """Its points are pending until somebody decides."""


class Credit(NamedTuple):
    """Points from the program to a member; the `request_id` is always the same for the same award."""

    request_id: str
    account_id: str
    points: int
    effective_time: datetime | None
    expire_time: datetime | None
    memo: str
    available_time: datetime | None = None
    """When they can first be spent; None for at once."""
    held: bool = False
    """They are pending until somebody decides, whatever the time."""
    unit: str = ""
    """Of another unit than the program's points; its account is opened with it."""


class Clawback(NamedTuple):
    """Points to be taken back of an award, which the ledger has under the id `transaction`."""

    request_id: str
    rest_request_id: str
    """For what is left of the award, where that is less."""
    transaction: str
    points: int
    """0 for all that is left."""
    memo: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one call or chunk recorded and has to bring to the ledger: accounts and welcome bonuses of `members`, the
    points of `purchases`, the clawback of a return, `bonuses`: given, taken back, or the one after the other; and
    `changes` that late events made.
    """

    delivery_no: int
    program: Program
    actor: str
    """On whose behalf."""
    members: Sequence[Member]
    purchases: Sequence[DuePurchase]
    return_id: str | None = None
    bonuses: Sequence[Bonus] = ()
    changes: Sequence[DueChange] = ()
    decided: str | None = None
    """The purchase of which something was decided: what was held or waited is released or taken back."""


class Settled(NamedTuple):
    """What became of one credit: in the ledger under `transaction`, or lapsed, or neither yet."""

    transaction: str = ""
    lapsed: bool = False

    @property
    def done(self) -> bool:
        """Whether there is nothing more to do."""
        return self.lapsed or bool(self.transaction)


def welcome_credit(member: Member) -> Credit:
    """The welcome bonus."""
    return Credit(
        request_id=f"w-{member.member_id}",
        account_id=member.account_id,
        points=member.welcome_points,
        effective_time=None,
        expire_time=member.welcome_expire_time,
        memo="Welcome",
    )


def purchase_credit(purchase: DuePurchase) -> Credit:
    """The award of a purchase: base and tier part in one, so that a part of it can be taken back."""
    purchase_id, member_id, event_time, record_time, points, expire_time, _, available_time, held = purchase
    effective = effective_time(event_time, record_time)
    memo = f"Purchase {purchase_id}"
    return Credit(f"p-{purchase_id}", account_id(member_id), points, effective, expire_time, memo, available_time, held)


def bonus_credit(bonus: Bonus) -> Credit:
    """A bonus."""
    return Credit(
        request_id=bonus.bonus_id,
        account_id=bonus.account_id,
        points=bonus.points,
        effective_time=effective_time(bonus.event_time, bonus.record_time),
        expire_time=bonus.expire_time,
        memo=bonus.memo,
        available_time=bonus.available_time,
        held=bonus.held,
        unit=bonus.unit,
    )


def bonus_clawback(bonus: Bonus, transaction: str) -> Clawback:
    """What takes back a bonus, the ledger's `transaction`, as a whole."""
    return Clawback(
        request_id=f"b{bonus.bonus_id}",
        rest_request_id=f"q{bonus.bonus_id}",
        transaction=transaction,
        points=bonus.points,
        memo=f"{'Late arrival' if bonus.late else 'Taken back'}: {bonus.memo}",
    )


def change_credit(program: Program, change: DueChange) -> Credit:
    """What a change gives."""
    return Credit(
        request_id=f"l-{digest(change.change_id)}",
        account_id=account_id(change.member_id),
        points=change.points,
        effective_time=effective_time(change.event_time, change.record_time),
        expire_time=change.expire_time,
        memo=f"Late arrival: purchase {change.purchase_id}",
        available_time=available_time(program, change.event_time),
    )


def change_clawbacks(change: DueChange, award: str, credited: Mapping[str, str]) -> list[Clawback]:
    """What takes back the points that a change makes less: of the award, which the ledger has under that id, and of
    what earlier changes gave. `credited` has the transactions of those credited just now.
    """
    memo, id_ = f"Late arrival: purchase {change.purchase_id}", digest(change.change_id)
    whole = Clawback(f"l-{id_}", f"k-{id_}", award, -change.points, memo)
    return _in_parts(whole, taker(change.change_id), change.parts, credited)


def whole_clawback(purchase: Purchase, place: int, transaction: str) -> Clawback:
    """What takes back all that is left of a credit of an award, by its place, which the ledger has under that id: the
    award was rejected, or the event that the points waited for was not told.
    """
    id_ = digest(f"{purchase.purchase_id} {place}")
    rejected = purchase.flag is not None and purchase.flag.state is FlagState.REJECTED
    memo = f"Purchase {purchase.purchase_id} {'rejected' if rejected else 'not confirmed'}"
    return Clawback(f"j-{id_}", f"k-{id_}", transaction, 0, memo)


def activation_id(purchase_id: str, place: int) -> str:
    """The id of the request that makes a credit of an award available, by its place."""
    return f"u-{digest(f'{purchase_id} {place}')}"


def return_clawbacks(
    goods_return: GoodsReturn, award: str, parts: Sequence[Part], credited: Mapping[str, str]
) -> list[Clawback]:
    """What a return takes back: likewise."""
    whole = _of_return(goods_return, award, goods_return.points)
    return _in_parts(whole, whole.request_id, parts, credited)


def wallet_clawbacks(goods_return: GoodsReturn, parts: Sequence[Part], credited: Mapping[str, str]) -> list[Clawback]:
    """What a return takes back of credits in other units, likewise."""
    whole = _of_return(goods_return, "", sum(one.points for one in parts))
    return _in_parts(whole, whole.request_id, parts, credited)


def _of_return(goods_return: GoodsReturn, award: str, points: int) -> Clawback:
    return Clawback(
        request_id=f"r-{goods_return.return_id}",
        rest_request_id=f"s-{goods_return.return_id}",
        transaction=award,
        points=points,
        memo=f"Return {goods_return.return_id} of purchase {goods_return.purchase_id}",
    )


def _in_parts(whole: Clawback, taker_name: str, parts: Sequence[Part], credited: Mapping[str, str]) -> list[Clawback]:
    """A clawback as it is shared out, without what never reached the ledger."""
    shares = [whole._replace(points=whole.points - sum(one.points for one in parts))]
    for credit_id, points, transaction in parts:
        id_ = digest(f"{taker_name} {credit_id}")
        shares.append(Clawback(f"l-{id_}", f"k-{id_}", credited.get(credit_id, transaction), points, whole.memo))
    return [one for one in shares if one.transaction and one.points]
