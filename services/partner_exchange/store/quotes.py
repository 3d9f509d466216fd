"""Quotes, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

import asyncpg

from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection
from partner_exchange.domain.converting import Conversion
from partner_exchange.domain.quotes import Quote, Wanted
from partner_exchange.store import queries
from partner_exchange.store.pair_rates import bonus_cap


async def insert(connection: Connection, made: Sequence[Quote]) -> None:
    """Keeps new quotes."""
    await queries.insert_quotes(connection, quotes=[_columns(quote) for quote in made])


async def make(connection: Connection, made: Sequence[tuple[Fingerprint, Quote]], changes: int) -> set[str]:
    """Keeps new quotes and that their requests made them, in one statement, where nothing has changed that quotes are
    made by since there were so many `changes`; answers which. A request that was sent before makes none.
    """
    ordered = sorted(made, key=lambda one: one[0].key)  # two who record the same requests wait in one order
    rows = queries.make_quotes(
        connection,
        changes=changes,
        keys=[request.key for request, _ in ordered],
        digests=[request.digest for request, _ in ordered],
        fields=[request.fields for request, _ in ordered],
        outcomes=[quote.quote_id.encode() for _, quote in ordered],
        quotes=[_columns(quote) for _, quote in ordered],
    )
    return {row["quote"] async for row in rows}


async def find(connection: Connection, sender: str, quote_ids: Sequence[str]) -> dict[str, Quote]:
    """The sender's quotes of those ids, as far as there are any."""
    rows = queries.find_quotes(connection, sender=sender, quotes=list(quote_ids))
    return {row["quote"]: _quote(row) async for row in rows}


async def lock(connection: Connection, sender: str, quote_ids: Sequence[str]) -> dict[str, bool]:
    """The sender's quotes of those ids, as far as there are any, which nobody else uses until the transaction ends:
    whether each is used.
    """
    rows = queries.lock_quotes(connection, sender=sender, quotes=list(quote_ids))
    return {row["quote"]: row["is_used"] async for row in rows}


async def fence(connection: Connection) -> None:
    """Until the transaction ends no quote is made or used; returns when those under way have ended."""
    await queries.fence_quotes(connection)


async def prune(connection: Connection, before: datetime, most: int) -> int:
    """Deletes up to `most` quotes that expired before a time, and answers how many they were."""
    deleted: int = await queries.prune_quotes(connection, before=before, most=most)
    return deleted


def _columns(quote: Quote) -> dict[str, Any]:
    return {
        "quote": quote.quote_id,
        "coalition": quote.coalition_id,
        "version": quote.book_version,
        "sender": quote.sender,
        "receiver": quote.receiver,
        "source_account": quote.source_account_id,
        "destination_account": quote.destination_account_id,
        "numerator": quote.rate.numerator,
        "denominator": quote.rate.denominator,
        "send": quote.wanted.send,
        "receive_at_least": quote.wanted.receive_at_least,
        "debited": quote.conversion.debited,
        "received": quote.conversion.received,
        "bonus": quote.conversion.bonus,
        "fee": quote.conversion.fee,
        "cash_fee": quote.conversion.cash_fee,
        "promotion": quote.promotion_id,
        "funder": quote.funder,
        "promoted": quote.conversion.promoted,
        "bonus_cap": quote.bonus_cap.points if quote.bonus_cap else None,
        "bonus_period": quote.bonus_cap.period.value if quote.bonus_cap else None,
        "remainder": quote.conversion.remainder,
        "create_time": quote.create_time.isoformat(),
        "expire_time": quote.expire_time.isoformat(),
    }


def _quote(row: asyncpg.Record) -> Quote:
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
