"""What members have had of capped bonuses, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from guerdon_kit.postgres import Connection
from partner_exchange.domain.bonuses import BonusCount
from partner_exchange.domain.rates import Period
from partner_exchange.store import queries


@dataclass(frozen=True, slots=True)
class Counted:
    """Whose bonus points of which pair are added up, and when."""

    sender: str
    account: str
    receiver: str
    count: BonusCount

    def columns(self) -> dict[str, str | date]:
        """The key of its row."""
        return {
            "sender": self.sender,
            "account": self.account,
            "receiver": self.receiver,
            "period": self.count.period.value,
            "begin_date": self.count.begin,
        }


def bonus_count(period: str | None, begin: date | None) -> BonusCount | None:
    """A count from its two columns."""
    return None if period is None or begin is None else BonusCount(Period(period), begin)


async def used(connection: Connection, counted: Counted) -> int:
    """How many points were had."""
    points: int | None = await queries.find_bonus(connection, **counted.columns())
    return points or 0


async def book(connection: Connection, counted: Counted, points: int, cap: int) -> bool:
    """Adds points; False where they do not fit under the cap, so that nothing was added."""
    return bool(await queries.book_bonus(connection, **counted.columns(), points=points, cap=cap))


async def release(connection: Connection, counted: Counted, points: int) -> None:
    """Gives points back."""
    await queries.release_bonus(connection, **counted.columns(), points=points)


async def prune(connection: Connection, before: date, most: int) -> int:
    """Deletes up to `most` counts that began before a day, and answers how many they were."""
    deleted: int = await queries.prune_bonuses(connection, before=before, most=most)
    return deleted
