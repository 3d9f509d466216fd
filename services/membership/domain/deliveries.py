"""What is on its way to the ledger. All of it follows from stored facts: asking again asks the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from membership.domain.bonuses import Bonus
from membership.domain.members import Member, account_id
from membership.domain.program import Program
from membership.domain.purchases import GoodsReturn, Spot, effective_time


class DuePurchase(NamedTuple):
    """A recorded purchase whose points are not in the ledger yet."""

    purchase_id: str
    member_id: str
    event_time: datetime
    record_time: datetime
    points: int
    expire_time: datetime | None
    spot: Spot


class Credit(NamedTuple):
    """Points from the program to a member; the `request_id` is always the same for the same award."""

    request_id: str
    account_id: str
    points: int
    effective_time: datetime | None
    expire_time: datetime | None
    memo: str


class Clawback(NamedTuple):
    """Points to be taken back of an award, which the ledger has under the id `transaction`."""

    request_id: str
    rest_request_id: str
    """For what is left of the award, where that is less."""
    transaction: str
    points: int
    memo: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one call or chunk recorded and has to bring to the ledger: accounts and welcome bonuses of `members`, the
    points of `purchases`, the clawback of a return, and `bonuses`: given, taken back, or the one after the other.
    """

    delivery_no: int
    program: Program
    actor: str
    """On whose behalf."""
    members: Sequence[Member]
    purchases: Sequence[DuePurchase]
    return_id: str | None = None
    bonuses: Sequence[Bonus] = ()


@dataclass(frozen=True, slots=True)
class Settled:
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
    return Credit(
        request_id=f"p-{purchase.purchase_id}",
        account_id=account_id(purchase.member_id),
        points=purchase.points,
        effective_time=effective_time(purchase.event_time, purchase.record_time),
        expire_time=purchase.expire_time,
        memo=f"Purchase {purchase.purchase_id}",
    )


def bonus_credit(bonus: Bonus) -> Credit:
    """A bonus."""
    return Credit(
        request_id=bonus.bonus_id,
        account_id=account_id(bonus.member_id),
        points=bonus.points,
        effective_time=effective_time(bonus.event_time, bonus.record_time),
        expire_time=bonus.expire_time,
        memo=bonus.memo,
    )


def bonus_clawback(bonus: Bonus, transaction: str) -> Clawback:
    """What takes back a bonus, the ledger's `transaction`, as a whole."""
    return Clawback(
        request_id=f"b{bonus.bonus_id}",
        rest_request_id=f"q{bonus.bonus_id}",
        transaction=transaction,
        points=bonus.points,
        memo=f"Taken back: {bonus.memo}",
    )


def clawback(goods_return: GoodsReturn, transaction: str) -> Clawback:
    """What a return takes back of the award `transaction`."""
    return Clawback(
        request_id=f"r-{goods_return.return_id}",
        rest_request_id=f"s-{goods_return.return_id}",
        transaction=transaction,
        points=goods_return.points,
        memo=f"Return {goods_return.return_id} of purchase {goods_return.purchase_id}",
    )
