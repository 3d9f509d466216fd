"""The ledger verified, with its progress shown: what `guerdon verify` does alone and `guerdon demo` at its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

import guerdon
from guerdon.ledger.v1.ledger_pb2 import ChainHead, Finding, VerifyRequest

TIMEOUT_SECONDS = 24 * 3600.0


class HeadsMalformed(Exception):
    """A file of heads that is not one."""


@dataclass(frozen=True)
class Verdict:
    """What a verification came to. `findings` are the ledger's, at most 100."""

    postings: int
    accounts: int
    findings: Sequence[Finding]
    heads: Sequence[ChainHead] = ()
    """The last block of each shard's chain."""

    @property
    def ok(self) -> bool:
        """Whether everything was right."""
        return not self.findings

    @property
    def line(self) -> str:
        """The verdict in one line; the first finding where there is one."""
        if self.ok:
            return f"guerdon verify: OK ({self.postings} postings, {self.accounts} accounts)"
        first = self.findings[0]
        return f"guerdon verify: FAILED: {first.reason} {first.subject}: {first.detail}"


async def verify_ledger(target: str, token: str, heads: Sequence[ChainHead] = ()) -> Verdict:
    """Have the ledger at `target` recompute everything, and show how far it is. `heads`, told by an earlier one, must
    still be in its chains. Raises guerdon.GuerdonError.
    """
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("verifying", total=None)
        return await verified(
            target, token, lambda checked: progress.update(task, description=f"verifying {checked}"), heads
        )


async def verified(target: str, token: str, told: Callable[[str], None], heads: Sequence[ChainHead] = ()) -> Verdict:
    """Have the ledger at `target` recompute everything; `told` hears how far it is. Raises guerdon.GuerdonError."""
    verdict = None
    async with guerdon.Client(target, token=token, stream_timeout_seconds=TIMEOUT_SECONDS) as client:
        async for step in client.ledger.Verify(VerifyRequest(heads=heads)):
            told(f"{step.phase}: {step.postings_checked:,} postings, {step.accounts_checked:,} accounts")
            if step.done:
                verdict = Verdict(step.postings_checked, step.accounts_checked, tuple(step.findings), tuple(step.heads))
    if verdict is None:
        raise guerdon.UnavailableError(grpc.StatusCode.UNAVAILABLE, "the verification ended before it was done")
    return verdict


def findings_table(findings: Sequence[Finding]) -> Table:
    """What is wrong, one thing a row."""
    table = Table("reason", "subject", "detail", title="What is wrong")
    for finding in findings:
        table.add_row(finding.reason, finding.subject, finding.detail)
    return table


def read_heads(path: Path) -> list[ChainHead]:
    """The heads that `write_heads` kept; none where there is no such file. Raises HeadsMalformed."""
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [ChainHead(shard=row["shard"], block=row["block"], hash=bytes.fromhex(row["hash"])) for row in rows]
    except (ValueError, TypeError, KeyError) as problem:
        raise HeadsMalformed(f"{path} is not what an earlier verification has kept") from problem


def write_heads(path: Path, heads: Sequence[ChainHead]) -> None:
    """Keep the heads in a file: shard, number, hash and time of a block each."""
    rows = [
        {
            "shard": head.shard,
            "block": head.block,
            "hash": head.hash.hex(),
            "seal_time": head.seal_time.ToJsonString(),
        }
        for head in heads
    ]
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
