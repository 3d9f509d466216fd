"""A journal as plain-text accounting: https://beancount.github.io/docs/beancount_language_syntax.html and
https://hledger.org/hledger.html#journal-format, which Ledger reads too.

The books are those of the people who hold the points, so that every account has the sign that it has in the ledger:
what a member has is an asset, what was issued is income, what was redeemed or has expired is an expense.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from enum import Enum
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from ledger.domain.model import AccountKind, Kind


class Format(Enum):
    """The formats that a journal can be written in."""

    BEANCOUNT = "beancount"
    LEDGER = "ledger"


class JournalUnit(NamedTuple):
    """A unit: its id, and how many decimal places its points have."""

    id: str
    scale: int


class JournalAccount(NamedTuple):
    """An account: its kind, its id, and its unit."""

    kind: AccountKind
    id: str
    unit: JournalUnit


class JournalPosting(NamedTuple):
    """An amount that moved."""

    source: JournalAccount
    destination: JournalAccount
    amount: int


class JournalTransaction(NamedTuple):
    """A transaction with the postings that its program may see."""

    id: int
    kind: Kind
    effective_time: datetime
    record_time: datetime
    actor: str
    memo: str
    reverses: int
    postings: tuple[JournalPosting, ...]


class Writer(Protocol):
    """Writes a journal in one of the formats. Each method answers whole lines."""

    def head(self, program: str, units: Iterable[JournalUnit]) -> str:
        """What the journal begins with."""
        ...

    def account(self, account: JournalAccount) -> str:
        """The declaration of an account."""
        ...

    def transaction(self, transaction: JournalTransaction) -> str:
        """A transaction."""
        ...


_ROOTS = {
    AccountKind.MEMBER: ("Assets", "Member"),
    AccountKind.BUDGET: ("Assets", "Budget"),
    AccountKind.ISSUANCE: ("Income", "Issuance"),
    AccountKind.REDEMPTION: ("Expenses", "Redemption"),
    AccountKind.BREAKAGE: ("Expenses", "Breakage"),
    AccountKind.EXCHANGE: ("Equity", "Exchange"),
    AccountKind.ADJUSTMENT: ("Equity", "Adjustment"),
}
_ESCAPES = {"Q": "QQ", "_": "Qu", "~": "Qt", ".": "Qd"}


def beancount_part(id_: str) -> str:
    """An id as a part of a Beancount account's name, which begins with a capital or digit and has only letters, digits
    and hyphens. No two ids have the same: `m-42` is `M-42`, `M-42` is `QM-42`, `m_42` is `MQu42`.
    """
    first, rest = id_[0], "".join([_ESCAPES.get(character, character) for character in id_[1:]])
    if first.isdigit():
        return first + rest
    if first.isupper():
        return "Q" + _ESCAPES.get(first, first) + rest
    return ("Qq" if first == "q" else first.upper()) + rest


def beancount_unit(id_: str) -> str:
    """A unit's id as a Beancount currency, which has capitals, begins with a letter and does not end in a hyphen."""
    return id_.upper() if id_[0].isalpha() and id_[-1] != "-" else f"U.{id_.upper()}.U"


def _own_id(account: JournalAccount) -> str:
    """A system account's id begins with its kind, which the path to it says already."""
    return account.id if account.kind is AccountKind.MEMBER else account.id.partition(".")[2]


def _amount(amount: int, scale: int) -> str:
    if scale == 0:
        return str(amount)
    digits = str(abs(amount)).rjust(scale + 1, "0")
    return f"{'-' if amount < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def _one_line(words: str) -> str:
    return " ".join("".join([one if one.isprintable() else " " for one in words]).split())


def _local(time: datetime, zone: ZoneInfo) -> date:
    """The day in the program's time zone. In the first and the last year of all there may be none."""
    try:
        return time.astimezone(zone).date()
    except OverflowError:
        return time.date()


class Beancount:
    """Writes what Beancount reads."""

    def __init__(self, program: str, zone: ZoneInfo) -> None:
        self._program = program
        self._zone = zone

    def head(self, program: str, units: Iterable[JournalUnit]) -> str:
        """The title, and the units as commodities."""
        lines = [f'option "title" "{program}"']
        for unit in units:
            lines += [f"0001-01-01 commodity {beancount_unit(unit.id)}", f'  unit: "{program}/units/{unit.id}"']
        return "\n".join(lines) + "\n\n"

    def account(self, account: JournalAccount) -> str:
        """An account, open since ever: what is posted may have happened before it was opened."""
        name = self._program + "/accounts/" + account.id
        return f'0001-01-01 open {self._path(account)} {beancount_unit(account.unit.id)}\n  name: "{name}"\n'

    def transaction(self, transaction: JournalTransaction) -> str:
        """A transaction under the day it happened on, tagged with its kind."""
        day = _local(transaction.effective_time, self._zone).isoformat()
        lines = [
            f"\n{day} * {_quoted(transaction.memo)} #{transaction.kind.name.lower()}",
            f'  transaction: "{self._program}/transactions/{transaction.id}"',
            f'  effective-time: "{transaction.effective_time.isoformat()}"',
            f'  record-time: "{transaction.record_time.isoformat()}"',
            f"  actor: {_quoted(transaction.actor)}",
        ]
        if transaction.reverses:
            lines.append(f'  reverses: "{self._program}/transactions/{transaction.reverses}"')
        lines += [
            f"  {self._path(account)}  {_amount(amount, account.unit.scale)} {beancount_unit(account.unit.id)}"
            for account, amount in _legs(transaction)
        ]
        return "\n".join(lines) + "\n"

    @staticmethod
    def _path(account: JournalAccount) -> str:
        return ":".join([*_ROOTS[account.kind], beancount_part(_own_id(account))])


def _quoted(words: str) -> str:
    return '"' + _one_line(words).replace("\\", "\\\\").replace('"', '\\"') + '"'


class Ledger:
    """Writes what Ledger and hledger read."""

    def __init__(self, program: str, zone: ZoneInfo) -> None:
        self._program = program
        self._zone = zone

    def head(self, program: str, units: Iterable[JournalUnit]) -> str:
        """The units as commodities."""
        lines = [f"; {program}"]
        for unit in units:
            sample = "1." + "0" * unit.scale
            lines += [f'commodity "{unit.id}"', f'    format {sample} "{unit.id}"']
        return "\n".join(lines) + "\n\n"

    def account(self, account: JournalAccount) -> str:
        """The declaration of an account."""
        return f"account {self._path(account)}\n"

    def transaction(self, transaction: JournalTransaction) -> str:
        """A transaction under the day it happened on, with its number as its code."""
        day = _local(transaction.effective_time, self._zone).isoformat()
        lines = [
            f"\n{day} * ({transaction.id}) {transaction.kind.name}",
            f"    ; effective-time: {transaction.effective_time.isoformat()}",
            f"    ; record-time: {transaction.record_time.isoformat()}",
            f"    ; actor: {_one_line(transaction.actor)}",
        ]
        if transaction.reverses:
            lines.append(f"    ; reverses: {transaction.reverses}")
        if transaction.memo:
            # Without colons, which would make a tag of it, that a comma ends.
            lines.append(f"    ; {_one_line(transaction.memo)}".replace(":", "∶"))
        lines += [
            f'    {self._path(account)}  {_amount(amount, account.unit.scale)} "{account.unit.id}"'
            for account, amount in _legs(transaction)
        ]
        return "\n".join(lines) + "\n"

    @staticmethod
    def _path(account: JournalAccount) -> str:
        root, kind = _ROOTS[account.kind]
        return f"{root}:{kind}:{_own_id(account)}"


def _legs(transaction: JournalTransaction) -> Iterator[tuple[JournalAccount, int]]:
    for posting in transaction.postings:
        yield posting.destination, posting.amount
        yield posting.source, -posting.amount


WRITERS: dict[Format, type[Beancount] | type[Ledger]] = {Format.BEANCOUNT: Beancount, Format.LEDGER: Ledger}
