"""Quotes, as rows."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from partner_exchange.domain.converting import Conversion
from partner_exchange.domain.quotes import Quote, Wanted
from partner_exchange.store import queries
from partner_exchange.store.pair_rates import bonus_cap


async def insert(connection: Connection, quote: Quote) -> None:
    """Keeps a new quote."""
    await queries.insert_quote(
        connection,
        quote=quote.quote_id,
        coalition=quote.coalition_id,
        version=quote.book_version,
        sender=quote.sender,
        receiver=quote.receiver,
        source_account=quote.source_account_id,
        destination_account=quote.destination_account_id,
        numerator=quote.rate.numerator,
        denominator=quote.rate.denominator,
        send=quote.wanted.send,
        receive_at_least=quote.wanted.receive_at_least,
        debited=quote.conversion.debited,
        received=quote.conversion.received,
        bonus=quote.conversion.bonus,
        fee=quote.conversion.fee,
        cash_fee=quote.conversion.cash_fee,
        promotion=quote.promotion_id,
        funder=quote.funder,
        promoted=quote.conversion.promoted,
        bonus_cap=quote.bonus_cap.points if quote.bonus_cap else None,
        bonus_period=quote.bonus_cap.period.value if quote.bonus_cap else None,
        remainder=quote.conversion.remainder,
        create_time=quote.create_time,
        expire_time=quote.expire_time,
    )


async def get(connection: Connection, sender: str, quote_id: str) -> Quote:
    """The sender's quote of that id.

    Raises:
        NotFound: there is none.
    """
    return _quote(await queries.find_quote(connection, sender=sender, quote=quote_id), sender, quote_id)


async def lock(connection: Connection, sender: str, quote_id: str) -> tuple[Quote, bool]:
    """The sender's quote of that id, which nobody else uses until the transaction ends; and whether it is used.

    Raises:
        NotFound: there is none.
    """
    row = await queries.lock_quote(connection, sender=sender, quote=quote_id)
    quote = _quote(row, sender, quote_id)
    return quote, row["use_time"] is not None


async def fence(connection: Connection) -> None:
    """Until the transaction ends no quote is made or used; returns when those under way have ended."""
    await queries.fence_quotes(connection)


async def use(connection: Connection, quote_id: str, use_time: datetime) -> None:
    """Marks the quote as used."""
    await queries.use_quote(connection, quote=quote_id, use_time=use_time)


async def prune(connection: Connection, before: datetime, most: int) -> int:
    """Deletes up to `most` quotes that expired before a time, and answers how many they were."""
    deleted: int = await queries.prune_quotes(connection, before=before, most=most)
    return deleted


def _quote(row: asyncpg.Record | None, sender: str, quote_id: str) -> Quote:
    if row is None:
        raise NotFound(f"partners/{sender}/quotes/{quote_id}")
    return Quote(
        quote_id=row["quote"],
        coalition_id=row["coalition"],
        sender=row["sender"],
        receiver=row["receiver"],
        book_version=row["version"],
        rate=Fraction(row["numerator"], row["denominator"]),
        source_account_id=row["source_account"],
        destination_account_id=row["destination_account"],
        wanted=Wanted(row["send"], row["receive_at_least"]),
        conversion=Conversion(
            debited=row["debited"],
            received=row["received"],
            bonus=row["bonus"],
            remainder=row["remainder"],
            fee=row["fee"],
            promoted=row["promoted"],
            cash_fee=row["cash_fee"],
        ),
        create_time=row["create_time"],
        expire_time=row["expire_time"],
        promotion_id=row["promotion"],
        funder=row["funder"],
        bonus_cap=bonus_cap(row["bonus_cap"], row["bonus_period"]),
    )
