"""Bonuses with a cap: a quote promises what is left of it, executing books it, and what is ABORTED or taken back whole
gives it back. Pairs without a cap pay nothing for it.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from guerdon_kit.postgres import Connection
from partner_exchange.domain.bonuses import BonusCount, count_at, refusal
from partner_exchange.domain.exchanges import Exchange
from partner_exchange.domain.quotes import Quote
from partner_exchange.domain.rates import PairRate
from partner_exchange.store import bonus_usage, partners
from partner_exchange.store.bonus_usage import Counted


async def left(connection: Connection, coalition_id: str, account: str, terms: PairRate, now: datetime) -> PairRate:
    """The terms with what a cap leaves of the bonus for a member now."""
    if terms.bonus is None or terms.bonus.cap is None:
        return terms
    zone = await _zone(connection, coalition_id)
    count = count_at(terms.bonus.cap.period, now, zone)
    return terms.after_bonuses(
        await bonus_usage.used(connection, Counted(terms.sender, account, terms.receiver, count))
    )


async def book(connection: Connection, quote: Quote, now: datetime) -> BonusCount | None:
    """Books the quote's bonus; answers in which count, None where it has no cap. Its row is locked before those of
    limits, so that no two exchanges wait for each other.

    Raises:
        BonusCapReached: other exchanges had it since; the transaction has to be rolled back.
    """
    cap, bonus = quote.bonus_cap, quote.conversion.bonus
    if cap is None or bonus == 0:
        return None
    zone = await _zone(connection, quote.coalition_id)
    count = count_at(cap.period, now, zone)
    counted = Counted(quote.sender, quote.source_account_id, quote.receiver, count)
    if not await bonus_usage.book(connection, counted, bonus, cap.points):
        raise refusal(cap, count, await bonus_usage.used(connection, counted), bonus, zone)
    return count


async def release(connection: Connection, exchange: Exchange) -> None:
    """Gives back the bonus that an exchange was booked with."""
    if exchange.bonus_count is not None:
        counted = Counted(exchange.sender, exchange.source_account_id, exchange.receiver, exchange.bonus_count)
        await bonus_usage.release(connection, counted, exchange.bonus)


async def _zone(connection: Connection, coalition_id: str) -> ZoneInfo:
    return ZoneInfo((await partners.coalition(connection, coalition_id)).time_zone)
