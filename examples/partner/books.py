"""The partner's own ledger: members, their points by expiry, and what became of each exchange.

SQLite, because the standard library has it and its transactions survive a kill: what matters is that a step and the
record that it was done are one transaction. Any database that can do this does.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """
create table if not exists members (member text primary key);
create table if not exists lots (
    member text not null references members, expire_time integer not null, points integer not null check (points >= 0),
    primary key (member, expire_time)
);
create table if not exists legs (
    exchange text primary key, step text not null, member text, amount integer not null, state text not null,
    reason text not null default '', points text not null default '[]'
);
"""
NEVER = 2**53
"""The expire time, in seconds since 1970, of points that never expire."""


class OtherWords(Exception):
    """The step was asked before with another member or amount: whoever asks is confused, and nothing is done."""


@dataclass(frozen=True)
class Leg:
    """What became of an exchange here."""

    step: str
    """RESERVE or CREDIT; CANCEL where nothing else was ever asked."""
    member: str | None
    amount: int
    state: str
    """RESERVED, COMMITTED, CANCELLED, CREDITED or REFUSED."""
    reason: str
    """Why it was refused."""
    points: tuple[tuple[int, int], ...]
    """The points that were moved, as expire time and amount, soonest first."""


class Books:
    """The ledger. Each step is one transaction."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = full")
        self._database.executescript(SCHEMA)

    def give(self, member: str, points: int, expire_time: int = NEVER) -> None:
        """Makes a member where there is none, and gives it points."""
        with self._transaction():
            self._database.execute("insert or ignore into members values (?)", (member,))
            self._add(member, ((expire_time, points),))

    def available(self, member: str) -> int | None:
        """How many points a member has to spend; None where there is no such member."""
        with self._transaction():
            if not self._database.execute("select 1 from members where member = ?", (member,)).fetchone():
                return None
            return sum(points for _, points in self._lots(member))

    def leg(self, exchange: str) -> Leg | None:
        """What became of an exchange; None where it was never heard of."""
        with self._transaction():
            return self._leg(exchange)

    def reserve(self, exchange: str, member: str, amount: int) -> Leg:
        """Sets points aside, or answers what was decided before."""
        with self._transaction():
            known = self._leg(exchange)
            if known is None:
                return self._keep(exchange, self._reserved(member, amount))
            if known.step == "CANCEL":
                return Leg("RESERVE", member, amount, "REFUSED", "CANCELLED", ())
            return _same(known, "RESERVE", member, amount)

    def commit(self, exchange: str) -> Leg | None:
        """Takes what was reserved. None where nothing is."""
        with self._transaction():
            known = self._leg(exchange)
            if known is None or known.state not in {"RESERVED", "COMMITTED"}:
                return None
            return self._moved(exchange, known, "COMMITTED")

    def cancel(self, exchange: str) -> bool:
        """Gives back what was reserved, and remembers not to reserve it. False where it is committed, or a credit."""
        with self._transaction():
            known = self._leg(exchange)
            if known is None:
                self._keep(exchange, Leg("CANCEL", None, 0, "CANCELLED", "", ()))
                return True
            if known.state == "RESERVED":
                assert known.member is not None
                self._add(known.member, known.points)
                self._moved(exchange, known, "CANCELLED")
                return True
            return known.step != "CREDIT" and known.state != "COMMITTED"

    def credit(self, exchange: str, member: str, amount: int, points: tuple[tuple[int, int], ...]) -> Leg:
        """Gives a member points, or answers what was decided before."""
        with self._transaction():
            known = self._leg(exchange)
            if known is not None:
                return _same(known, "CREDIT", member, amount)
            if not self._database.execute("select 1 from members where member = ?", (member,)).fetchone():
                return self._keep(exchange, Leg("CREDIT", member, amount, "REFUSED", "MEMBER_NOT_FOUND", ()))
            self._add(member, points)
            return self._keep(exchange, Leg("CREDIT", member, amount, "CREDITED", "", points))

    def _reserved(self, member: str, amount: int) -> Leg:
        if not self._database.execute("select 1 from members where member = ?", (member,)).fetchone():
            return Leg("RESERVE", member, amount, "REFUSED", "MEMBER_NOT_FOUND", ())
        lots, missing, taken = self._lots(member), amount, []
        for expire_time, points in lots:
            part = min(points, missing)
            if part:
                taken.append((expire_time, part))
            missing -= part
        if missing:
            return Leg("RESERVE", member, amount, "REFUSED", "INSUFFICIENT_POINTS", ())
        self._add(member, tuple((expire_time, -part) for expire_time, part in taken))
        return Leg("RESERVE", member, amount, "RESERVED", "", tuple(taken))

    def _lots(self, member: str) -> list[tuple[int, int]]:
        query = "select expire_time, points from lots where member = ? and expire_time > ? order by expire_time"
        return self._database.execute(query, (member, int(time.time()))).fetchall()

    def _add(self, member: str, points: tuple[tuple[int, int], ...]) -> None:
        for expire_time, amount in points:
            self._database.execute("insert or ignore into lots values (?, ?, 0)", (member, expire_time))
            self._database.execute(
                "update lots set points = points + ? where member = ? and expire_time = ?",
                (amount, member, expire_time),
            )

    def _leg(self, exchange: str) -> Leg | None:
        query = "select step, member, amount, state, reason, points from legs where exchange = ?"
        row = self._database.execute(query, (exchange,)).fetchone()
        if row is None:
            return None
        step, member, amount, state, reason, points = row
        return Leg(step, member, amount, state, reason, tuple((end, some) for end, some in json.loads(points)))

    def _keep(self, exchange: str, leg: Leg) -> Leg:
        row = (exchange, leg.step, leg.member, leg.amount, leg.state, leg.reason, json.dumps(leg.points))
        self._database.execute("insert into legs values (?, ?, ?, ?, ?, ?, ?)", row)
        return leg

    def _moved(self, exchange: str, leg: Leg, state: str) -> Leg:
        self._database.execute("update legs set state = ? where exchange = ?", (state, exchange))
        return Leg(leg.step, leg.member, leg.amount, state, leg.reason, leg.points)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._database.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._database.execute("rollback")
                raise
            self._database.execute("commit")


def _same(known: Leg, step: str, member: str, amount: int) -> Leg:
    if (known.step, known.member, known.amount) != (step, member, amount):
        raise OtherWords
    return known
