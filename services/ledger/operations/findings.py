"""What a verification finds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from guerdon_kit.postgres import load_queries
from ledger.domain.chain import Head
from ledger.store.long_reads import LongRead

queries = load_queries("ledger")

FINDINGS_MAX = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. Numbers that do not apply are 0."""

    reason: str
    """The check that failed."""
    shard: int
    subject: str
    """The resource name of what is wrong, or else what it is called."""
    found: str
    expected: str
    version: int = 0
    """Of the account."""
    lot: int = 0
    block: int = 0
    """Of the chain."""

    @property
    def detail(self) -> str:
        """All of it but reason and subject, in words."""
        at = [f"{name} {value}" for name, value in (("version", self.version), ("lot", self.lot)) if value]
        at += [f"block {self.block} of shard {self.shard}"] if self.block else []
        return f"{', '.join(at)}{': ' if at else ''}found {self.found}, expected {self.expected}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification is, and what it has found so far, the first thing first."""

    phase: str
    """What is being checked."""
    postings: int = 0
    accounts: int = 0
    findings: tuple[Finding, ...] = ()
    heads: tuple[Head, ...] = ()
    """The last block of each chain that was checked."""
    done: bool = False

    @property
    def full(self) -> bool:
        """Whether enough was found to stop."""
        return len(self.findings) >= FINDINGS_MAX


class Names:
    """Names what rows of one shard are about. What they refer to may be missing: then its number must do."""

    def __init__(self, connection: LongRead, shard: int) -> None:
        self._connection = connection
        self._shard = shard

    async def findings(self, rows: AsyncIterator[Any]) -> list[Finding]:
        """What a query of store/verify.sql has found."""
        return [await self._finding(dict(row)) async for row in rows]

    async def transaction(self, program: int, id_: int) -> str:
        """The name of a transaction."""
        owner = await queries.program_name(self._connection, program=program)
        return f"{owner}/transactions/{id_}" if owner else f"transaction {id_}"

    async def program(self, program: int) -> str:
        """The name of a program."""
        return await queries.program_name(self._connection, program=program) or f"program {program}"

    async def account(self, id_: int) -> str:
        """The name of an account."""
        return await queries.account_name(self._connection, shard=self._shard, id=id_) or f"account {id_}"

    async def _finding(self, row: dict[str, Any]) -> Finding:
        account = row.get("account")
        if account is not None:
            subject = await self.account(account)
        elif row.get("adjustment") is not None:
            subject = f"{await self.program(row['program'])}/adjustments/{row['adjustment']}"
        elif row.get("transaction") is not None:
            subject = await self.transaction(row["program"] or 0, row["transaction"])
        else:
            subject = f"lot {row['lot']}"
        found = row["found"]
        if account is not None and row.get("transaction"):
            found = f"{found} by transaction {row['transaction']}"
        if row.get("hold"):
            found = f"{found} of hold {row['hold']}"
        return Finding(
            row["reason"],
            self._shard,
            subject,
            found,
            row["expected"],
            version=row.get("version") or 0,
            lot=row.get("lot") or 0,
        )
