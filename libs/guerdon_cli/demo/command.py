"""`guerdon demo`: the main job on real purchases, from an empty ledger to a verified one."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from guerdon_cli.demo.platform import Platform
from guerdon_cli.demo.progress import import_shown
from guerdon_cli.demo.purchases import SAMPLE, Purchase, PurchasesMalformed, read_purchases
from guerdon_cli.demo.report import print_report
from guerdon_cli.demo.shop import Imported, ImportIncomplete, Shop
from guerdon_cli.demo.story import Told, tell
from guerdon_cli.stack import LEDGER, Stack, for_each
from guerdon_cli.terminal import DATA_FOLDER, DataFolder, ServerChoice, ends_on_signal, failures_told, steps
from guerdon_cli.verification import Verdict, findings_table, verify_ledger

OUTCOME = "demo.json"
INTERRUPTED = 130


@dataclass(frozen=True)
class Run:
    """What a run came to."""

    told: Told
    verdict: Verdict


def demo(
    data: DataFolder = DATA_FOLDER,
    purchases: Annotated[
        Path, typer.Option(help="Purchases in the CDNOW format: customer, yyyymmdd, number, dollars.", dir_okay=False)
    ] = SAMPLE,
    server: ServerChoice = "grpc",
) -> None:
    """Run the main job on real purchases, report what happened, and verify the ledger.

    Starts everything on the data folder and stops it again. Each run makes programs of its own. What it came to is
    written to `demo.json` in the data folder. Exit code 0 says that everything held.
    """
    with failures_told(), ends_on_signal():
        begun = time.monotonic()
        try:
            rows = read_purchases(purchases)
            (data / OUTCOME).unlink(missing_ok=True)  # should this run not come to an end, an earlier one's is not its
            run = _on_a_stack(data, rows, server)
        except (PurchasesMalformed, ImportIncomplete) as problem:
            typer.echo(f"guerdon: {problem}", err=True)
            raise typer.Exit(1) from problem
        _write_outcome(data / OUTCOME, run, time.monotonic() - begun)
        raise typer.Exit(_conclude(run))
    raise typer.Exit(INTERRUPTED)


def _on_a_stack(data: Path, rows: Sequence[Purchase], server: str) -> Run:
    """Start everything, let the story happen, verify, and stop everything."""
    # Ports of its own: a development stack on another data folder does not stand in the way.
    stack = Stack(data, any_ports=True, settings=for_each(server=server))
    try:
        with steps() as step:
            stack.start(step)
        told = asyncio.run(_tell(stack, rows))
        print_report(told, Console(highlight=False))
        token = stack.identity.token("guerdon-verify", scopes=["ledger.verify"])
        verdict = asyncio.run(verify_ledger(stack.targets[LEDGER.name], token))
    finally:
        stack.stop()
    return Run(told, verdict)


async def _tell(stack: Stack, rows: Sequence[Purchase]) -> Told:
    console = Console(stderr=True, highlight=False)

    async def imported(shop: Shop) -> Imported:
        return await import_shown(shop, rows, console)

    async with Platform(stack.targets, stack.identity, secrets.token_hex(3)) as platform:
        return await tell(platform, rows, imported, lambda step: console.print(f"{step} …"))


def _conclude(run: Run) -> int:
    """Say whether everything held: in the last line, and by the exit code."""
    typer.echo()
    for problem in run.told.problems:
        typer.echo(f"guerdon demo: {problem}", err=True)
    if not run.verdict.ok:
        Console(stderr=True).print(findings_table(run.verdict.findings))
    if run.verdict.ok and run.told.problems:
        typer.echo(f"guerdon demo: FAILED: {run.told.problems[0]}")
        return 1
    typer.echo(run.verdict.line)
    return 0 if run.verdict.ok else 1


def _write_outcome(path: Path, run: Run, seconds: float) -> None:
    told = run.told
    outcome = {
        "purchases": told.totals.purchase_count,
        "members": told.totals.member_count,
        "base_points_earned": told.totals.base_points,
        "tier_points_earned": told.totals.tier_points,
        "returns": told.shop.returns,
        "redemptions": told.redemptions,
        "exchanges": told.exchanges.committed,
        "recognitions": told.employer.given,
        "verified": run.verdict.ok,
        "postings": run.verdict.postings,
        "problems": list(told.problems),
        "seconds": round(seconds, 1),
        "import_seconds": round(told.imported.seconds, 3),
        "import_per_second": round(told.imported.purchases / told.imported.seconds),
    }
    path.write_text(json.dumps(outcome, indent=2) + "\n", encoding="utf-8")
