"""`guerdon bench`: how fast it is, on this machine."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from guerdon_cli.demo.platform import Platform
from guerdon_cli.demo.progress import import_shown
from guerdon_cli.demo.purchases import SAMPLE, Purchase, PurchasesMalformed, read_purchases
from guerdon_cli.demo.shop import Imported, ImportIncomplete, Shop
from guerdon_cli.pgbench import SCALE, tpcb_per_second
from guerdon_cli.stack import Stack, StackError
from guerdon_cli.terminal import DATA_FOLDER, DataFolder, ends_on_signal, failures_told, steps
from guerdon_kit.processes import stop_all

OUTCOME = "bench-import.json"
INTERRUPTED = 130

app = typer.Typer(no_args_is_help=True, help="Measure how fast it is on this machine.")


@app.callback()
def bench() -> None:
    """Measure how fast it is on this machine."""


@app.command(name="import")
def bench_import(
    data: DataFolder = DATA_FOLDER,
    purchases: Annotated[Path, typer.Option(help="Purchases in the CDNOW format.", dir_okay=False)] = SAMPLE,
    seconds: Annotated[int, typer.Option(min=5, max=600, help="How long pgbench runs.")] = 30,
) -> None:
    """Import purchases, then run pgbench (TPC-B) alone on the same embedded PostgreSQL, and compare."""
    with failures_told(), ends_on_signal():
        try:
            imported, tpcb = _measure(data, read_purchases(purchases), seconds)
        except (PurchasesMalformed, ImportIncomplete) as problem:
            typer.echo(f"guerdon: {problem}", err=True)
            raise typer.Exit(1) from problem
        rate = imported.purchases / imported.seconds
        _tell(rate, tpcb)
        outcome = {"import_per_second": round(rate), "tpcb_per_second": round(tpcb), "ratio": round(rate / tpcb, 2)}
        (data / OUTCOME).write_text(json.dumps(outcome, indent=2) + "\n", encoding="utf-8")
        return
    raise typer.Exit(INTERRUPTED)


def _measure(data: Path, rows: Sequence[Purchase], seconds: int) -> tuple[Imported, float]:
    stack = Stack(data, any_ports=True)
    try:
        with steps() as step:
            stack.start(step)
            if stack.embedded is None:
                raise StackError("pgbench is only run on the embedded PostgreSQL: unset GUERDON_POSTGRES_URL")
        imported = asyncio.run(_import(stack, rows))
        stop_all(stack.services.values())
        with steps() as step:
            step(f"pgbench: TPC-B, scale {SCALE}, {seconds} s")
            return imported, tpcb_per_second(stack.embedded, stack.endpoints.postgres_url, seconds)
    finally:
        stack.stop()


async def _import(stack: Stack, rows: Sequence[Purchase]) -> Imported:
    async with Platform(stack.targets, stack.identity, secrets.token_hex(3)) as platform:
        shop = await Shop.open(platform)
        return await import_shown(shop, rows, Console(stderr=True, highlight=False))


def _tell(rate: float, tpcb: float) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("purchases imported a second", f"{rate:,.0f}")
    table.add_row("TPC-B transactions a second", f"{tpcb:,.0f}")
    table.add_row("ratio", f"{rate / tpcb:.2f}")
    Console(highlight=False).print(table)
