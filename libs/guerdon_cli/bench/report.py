"""What a run of a benchmark is told as: JSON for comparisons, tables for people."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from guerdon_cli.bench.course import Course
from guerdon_cli.bench.figures import FLOORS, Measurement, figures


def outcome(course: Course) -> dict[str, Any]:
    """Everything that was measured. A figure whose workload was left out is None."""
    found = figures(course.measured, course.tpcb_per_s, course.facts)
    return {
        **found,
        "below_floor": [name for name, value in found.items() if value is not None and not FLOORS[name].holds(value)],
        "problems": course.problems,
        "tpcb_per_s": round(median(course.tpcb_per_s), 1),
        "tpcb_runs_per_s": course.tpcb_per_s,
        "facts": course.facts,
        "length": asdict(course.length),
        "machine": {
            "processors": os.cpu_count(),
            "system": platform.platform(),
            "python": f"{platform.python_version()} in {sys.base_prefix}",
        },
        "measurements": [asdict(one) for one in course.measured],
        "load": [asdict(one) for one in course.samples],
    }


def tell(course: Course, console: Console) -> None:
    """The measurements, then the figures beside their floors, then what must not be."""
    console.print(_measurements(course))
    console.print(_figures(figures(course.measured, course.tpcb_per_s, course.facts)))
    console.print(f"tpcb: {median(course.tpcb_per_s):,.0f}/s, the median of {len(course.tpcb_per_s)} runs")
    for problem in course.problems:
        console.print(f"[red]{problem}[/red]")
    if not course.problems:
        console.print("every ledger was verified: OK")


def _measurements(course: Course) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("workload", no_wrap=True)
    for name in (
        "workers",
        "server",
        "in flight",
        "a second",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "client",
        "service",
        "pg",
        "service µs",
        "pg µs",
    ):
        table.add_column(name, justify="right")
    for one in course.measured:
        latencies = (_short(value) for value in (one.p50_ms, one.p95_ms, one.p99_ms))
        shares = (f"{share:.0%}" for share in (one.client_cpu, one.service_cpu, one.postgres_cpu))
        costs = (_short(one.service_us_per_item), _short(one.postgres_us_per_item))
        how = (str(one.workers), one.server, _in_flight(one))
        table.add_row(one.name, *how, f"{one.per_s:,.0f}", *latencies, *shares, *costs)
        if one.offered_per_s:
            failed = ", ".join(f"{count:,} × {why}" for why, count in one.failures.items()) or "nothing refused"
            table.add_row(f"  {one.calls:,} answered; {failed}; {one.unsent:,} unsent")
    return table


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _in_flight(one: Measurement) -> str:
    return f"{one.offered_per_s:,.0f}/s" if one.offered_per_s else str(one.in_flight)


def _figures(found: Mapping[str, float | None]) -> Table:
    """Those that were measured."""
    table = Table(box=None, pad_edge=False)
    table.add_column("figure", no_wrap=True)
    table.add_column("is", justify="right")
    table.add_column("floor", justify="right")
    table.add_column("what it is")
    for name, value in found.items():
        if value is not None:
            floor = FLOORS[name]
            bound = f"≥ {floor.least:,}" if floor.least is not None else f"≤ {floor.most:,}"
            table.add_row(name, f"{value:,}", bound, floor.meaning, style="" if floor.holds(value) else "red")
    return table
