"""`guerdon bench`: how fast it is, on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from guerdon_cli.bench import brands, colleagues, shops, workloads
from guerdon_cli.bench.bed import Bed, bench_stack, slow_flushes
from guerdon_cli.bench.course import QUICK, Course, Length
from guerdon_cli.bench.pgbench import Tpcb
from guerdon_cli.bench.purchases import import_and_compare
from guerdon_cli.bench.report import outcome, tell
from guerdon_cli.demo.purchases import SAMPLE, PurchasesMalformed, read_purchases
from guerdon_cli.demo.shop import ImportIncomplete
from guerdon_cli.stack import SERVICES
from guerdon_cli.terminal import DATA_FOLDER, DataFolder, ends_on_signal, failures_told, steps

INTERRUPTED = 130
TABLE_WIDTH = 120
"""Narrower, the numbers would be cut off."""

app = typer.Typer(help="Measure how fast it is on this machine.")

Purchases = Annotated[Path, typer.Option(help="Purchases in the CDNOW format.", dir_okay=False)]
FlushUs = Annotated[
    int,
    typer.Option(min=0, max=100_000, help="Microseconds that each flush of the log takes longer, as on a slower disk."),
]
Quick = Annotated[bool, typer.Option("--quick", help="Seconds rather than minutes, and as much less exact.")]


@app.callback(invoke_without_command=True)
def bench(context: typer.Context, data: DataFolder = DATA_FOLDER) -> None:
    """Measure how fast it is on this machine; without a command, everything there is.

    Servers of its own are started on empty data, which is removed at the end. What was measured is written to
    DATA/bench, a file for each command.
    """
    if context.invoked_subcommand is None:
        failed = _ledger(data, Length(), tuple(workloads.WORKLOADS))
        failed |= _membership(data, Length()) | _exchange(data, Length()) | _recognition(data, Length())
        _import(data, SAMPLE, 30)
        raise typer.Exit(failed)


@app.command(name="import")
def bench_import(
    data: DataFolder = DATA_FOLDER,
    purchases: Purchases = SAMPLE,
    seconds: Annotated[int, typer.Option(min=1, max=600, help="How long pgbench runs.")] = 30,
    flush_us: FlushUs = 0,
) -> None:
    """Import purchases, then run pgbench (TPC-B) alone on the same embedded PostgreSQL, and compare."""
    _import(data, purchases, seconds, flush_us)


@app.command()
def ledger(
    data: DataFolder = DATA_FOLDER,
    only: Annotated[str, typer.Option(help=f"Some of them: {','.join(workloads.WORKLOADS)}.")] = "",
    quick: Quick = False,
    seconds: Annotated[float, typer.Option(min=0, max=600, help="What is measured of each run; 0: the usual.")] = 0,
    rounds: Annotated[int, typer.Option(min=0, max=20, help="How often each is run; 0: the usual.")] = 0,
    growth_postings: Annotated[int, typer.Option(min=0, help="What `growth` loads first; 0: the usual.")] = 0,
    flush_us: FlushUs = 0,
) -> None:
    """Measure the ledger, with pgbench (TPC-B) between the workloads, and verify it after each.

    Exits with 1 when a verification finds something or a request fails that must not.
    """
    names = tuple(filter(None, only.split(","))) or tuple(workloads.WORKLOADS)
    if unknown := set(names) - set(workloads.WORKLOADS):
        raise typer.BadParameter(f"no such workload: {', '.join(sorted(unknown))}", param_hint="--only")
    usual = QUICK if quick else Length()
    length = replace(
        usual,
        seconds=seconds or usual.seconds,
        rounds=rounds or usual.rounds,
        growth_postings=growth_postings or usual.growth_postings,
        flush_us=flush_us,
    )
    raise typer.Exit(_ledger(data, length, names))


def _ledger(data: Path, length: Length, names: tuple[str, ...]) -> int:
    with _told(), _course(data, length, "ledger") as course:
        workloads.run(course, names)
    return _end(course)


@app.command()
def membership(data: DataFolder = DATA_FOLDER, quick: Quick = False, flush_us: FlushUs = 0) -> None:
    """Measure membership beside the ledger that it books in: purchases one by one, and imported.

    Exits with 1 when a verification of the ledger finds something or a request fails.
    """
    raise typer.Exit(_membership(data, replace(QUICK if quick else Length(), flush_us=flush_us)))


def _membership(data: Path, length: Length) -> int:
    with _told(), _course(data, length, "membership") as course:
        shops.run(course)
    return _end(course)


@app.command()
def exchange(data: DataFolder = DATA_FOLDER, quick: Quick = False, flush_us: FlushUs = 0) -> None:
    """Measure partner exchange beside the ledger that it books in: quotes made and executed, and a window settled.

    Exits with 1 when a verification of the ledger finds something or a request fails.
    """
    raise typer.Exit(_exchange(data, replace(QUICK if quick else Length(), flush_us=flush_us)))


def _exchange(data: Path, length: Length) -> int:
    with _told(), _course(data, length, "exchange") as course:
        brands.run(course)
    return _end(course)


@app.command()
def recognition(data: DataFolder = DATA_FOLDER, quick: Quick = False, flush_us: FlushUs = 0) -> None:
    """Measure recognition: a year of an organisation is imported, then its feed and its leaderboards are read.

    Exits with 1 when a verification of the ledger finds something or a request fails.
    """
    raise typer.Exit(_recognition(data, replace(QUICK if quick else Length(), flush_us=flush_us)))


def _recognition(data: Path, length: Length) -> int:
    with _told(), _course(data, length, "recognition") as course:
        course.run_tpcb()
        colleagues.run(course)
    return _end(course)


@app.command()
def soak(
    data: DataFolder = DATA_FOLDER,
    minutes: Annotated[float, typer.Option(min=0.1, max=24 * 60, help="How long.")] = 10,
) -> None:
    """Load the ledger for minutes, and say whether its rate holds and its memory stays what it was.

    Exits with 1 when a verification finds something or a request fails.
    """
    with _told(), _course(data, QUICK, "soak") as course:
        course.run_tpcb()
        workloads.soak(course, minutes)
    typer.echo(f"rate, the last fifth ÷ the second: {course.facts['rate_held']}")
    typer.echo(f"memory, at the end ÷ after the first fifth: {course.facts['memory_grown']}")
    raise typer.Exit(_end(course))


@contextmanager
def _course(data: Path, length: Length, name: str) -> Iterator[Course]:
    """Servers for a course, whose outcome is written whatever has ended it."""
    with bench_stack(data, ()) as stack, steps() as report:
        stack.start(report)
        assert stack.embedded is not None
        if length.flush_us:
            slow_flushes(stack.embedded.endpoints.postgres_url, length.flush_us)
        logs = stack.folder / "logs"
        logs.mkdir(exist_ok=True)
        report("pgbench: filling")
        with Tpcb(stack.embedded, length.tpcb_scale) as tpcb:
            course = Course(Bed(stack.embedded, stack.identity, logs, report), tpcb, length)
            try:
                yield course
            finally:
                if course.tpcb_per_s:
                    _write(data, name, outcome(course))


def _end(course: Course) -> int:
    """Tell what was measured; the exit code."""
    console = Console(highlight=False)
    console.width = max(console.width, TABLE_WIDTH)
    tell(course, console)
    return 1 if course.problems else 0


def _import(data: Path, purchases: Path, seconds: int, flush_us: int = 0) -> None:
    with _told(), bench_stack(data, SERVICES) as stack:
        rows = read_purchases(purchases)
        with steps() as report:
            stack.start(report)
        if flush_us:
            assert stack.embedded is not None
            slow_flushes(stack.embedded.endpoints.postgres_url, flush_us)
        found = import_and_compare(stack, rows, seconds, lambda step: typer.echo(f"{step} …", err=True))
    _write(data, "import", {**found, "flush_us": flush_us})
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("purchases imported a second", f"{found['import_per_s']:,.0f}")
    table.add_row("TPC-B transactions a second", f"{found['tpcb_per_s']:,.0f}")
    table.add_row("ratio", f"{found['import_vs_tpcb']:.2f}")
    Console(highlight=False).print(table)


@contextmanager
def _told() -> Iterator[None]:
    """What a person can act on, as a line and exit code 1; an interruption as its own code."""
    ended = False
    with failures_told(), ends_on_signal():
        try:
            yield
        except (PurchasesMalformed, ImportIncomplete) as problem:
            typer.echo(f"guerdon: {problem}", err=True)
            raise typer.Exit(1) from problem
        ended = True
    if not ended:
        raise typer.Exit(INTERRUPTED)


def _write(data: Path, service: str, found: Mapping[str, Any]) -> None:
    path = data / "bench" / f"{service}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
