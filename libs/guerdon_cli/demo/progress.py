"""An import with its progress shown."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from guerdon_cli.demo.purchases import Purchase
from guerdon_cli.demo.shop import Imported, Shop


async def import_shown(shop: Shop, purchases: Sequence[Purchase], console: Console) -> Imported:
    """Import purchases, with a bar that fills. Raises ImportIncomplete and guerdon.GuerdonError."""
    columns = TextColumn("purchases"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(purchases))
        return await shop.import_purchases(purchases, lambda rows: progress.advance(task, rows))
