"""Rows into the rules' own types."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ledger.domain.adjustments import Adjustment, AdjustmentState, Deed
from ledger.domain.book import Book
from ledger.domain.books import BooksChange, IfClosed
from ledger.domain.limits import CreditLimitChange
from ledger.domain.model import STATE_OF, Account, AccountKind, Hold, HoldState, Kind, Lot, Program
from ledger.domain.posting import PostingOrder


def time(value: datetime) -> datetime:
    """A time as the rules know it: asyncpg gives PostgreSQL's infinities without a zone."""
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def program(row: Any) -> Program:
    """A row of `programs`: what never changes of it."""
    return Program(row["program"], row["id"], row["time_zone"], row["shard"])


def books_change(row: Any) -> BooksChange:
    """A row of `books_changes`."""
    return BooksChange(row["number"], row["close_time"], row["actor"], row["person"], row["reason"], row["record_time"])


def credit_limit_change(row: Any) -> CreditLimitChange:
    """A row of `credit_limit_changes`."""
    return CreditLimitChange(
        row["number"], row["credit_limit"], row["available"], row["actor"], row["reason"], row["record_time"]
    )


def adjustment(row: Any, owner: Program, postings: tuple[PostingOrder, ...]) -> Adjustment:
    """A row of `adjustments`, with its postings."""
    resolved = None
    if row["resolve_time"] is not None:
        resolved = Deed(row["resolve_actor"], row["resolve_person"], row["resolve_time"])
    return Adjustment(
        row["id"],
        owner,
        postings,
        row["effective_time"],
        IfClosed(row["if_closed"]),
        row["memo"] or "",
        Deed(row["actor"], row["person"], row["record_time"]),
        AdjustmentState(row["state"]),
        resolved,
        row["reason"] or "",
        row["transaction"] or 0,
    )


def account(row: Any, owner: Program) -> Account:
    """A row of `accounts`: what never changes of it."""
    return Account(
        row["shard"],
        row["id"],
        owner,
        row["unit"],
        AccountKind(row["kind"]),
        f"{owner.name}/accounts/{row['name']}",
        row["create_time"],
        frozenset(map(Kind, row["outgoing"])),
    )


def book(row: Any, owner: Account, batch: int = 0) -> Book:
    """A row of `accounts`, which `batch` wrote last: its state, without lots and holds."""
    version = row["version"]
    return Book(
        owner,
        version,
        row["posted"],
        row["held"],
        row["pending"],
        row["debt"],
        row["available"],
        row["earned"],
        row["spent"],
        time(row["record_time"]),
        time(row["valid_until"]),
        STATE_OF[row["state"]],
        (batch, version),
    )


def lot(row: Any) -> Lot:
    """A row of `lots`, of the columns that `commit.sql` reads: by place, as a debit reads many."""
    id_, _, posting, amount, opened, held, expired, expire, available, record, budget = row
    return Lot(id_, posting, amount, opened, held, expired, time(expire), time(available), time(record), budget)


def hold(row: Any) -> Hold:
    """A row of `holds`."""
    return Hold(
        row["id"],
        row["account"],
        row["amount"],
        HoldState(row["state"]),
        row["captured"],
        tuple(zip(row["lots"], row["lot_amounts"], strict=True)),
        time(row["expire_time"]),
        row["purpose"] or "",
        row["actor"],
        time(row["record_time"]),
        row["resolve_time"],
    )
