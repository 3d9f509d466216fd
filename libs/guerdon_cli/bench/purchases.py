"""How fast purchases are imported: membership and the ledger together."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from rich.console import Console

from guerdon_cli.bench.bed import Report
from guerdon_cli.bench.pgbench import Tpcb
from guerdon_cli.demo.platform import Platform
from guerdon_cli.demo.progress import import_shown
from guerdon_cli.demo.purchases import Purchase
from guerdon_cli.demo.shop import Imported, Shop
from guerdon_cli.stack import Stack, StackError
from guerdon_kit.processes import stop_all


def import_and_compare(stack: Stack, rows: Sequence[Purchase], seconds: int, report: Report) -> dict[str, float]:
    """Import purchases into a running stack, then stop its services and run TPC-B alone for so many seconds.

    Raises StackError, ImportIncomplete, guerdon.GuerdonError.
    """
    if stack.embedded is None:
        raise StackError("pgbench is only run on the embedded PostgreSQL")
    imported = asyncio.run(_import(stack, rows))
    stop_all(stack.services.values())
    report("pgbench: TPC-B")
    with Tpcb(stack.embedded) as tpcb:
        tpcb_per_s = tpcb.per_second(seconds)
    rate = imported.purchases / imported.seconds
    return {
        "import_per_s": round(rate),
        "tpcb_per_s": round(tpcb_per_s),
        "import_vs_tpcb": round(rate / tpcb_per_s, 2),
    }


async def _import(stack: Stack, rows: Sequence[Purchase]) -> Imported:
    async with Platform(stack.targets, stack.identity, secrets.token_hex(3)) as platform:
        shop = await Shop.open(platform)
        return await import_shown(shop, rows, Console(stderr=True, highlight=False))
