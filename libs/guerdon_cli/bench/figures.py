"""From what was measured to the figures that are compared: medians, ratios and floors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from guerdon_cli.bench.bed import Run
from guerdon_cli.bench.plan import Plan


@dataclass(frozen=True)
class Floor:
    """What a figure is, and what is expected of it."""

    meaning: str
    least: float | None = None
    most: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value is good enough."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


FLOORS: Mapping[str, Floor] = {
    "batch_vs_tpcb": Floor("earns through batches of 1,000, a second ÷ TPC-B", least=6),
    "batch_spend_vs_tpcb": Floor("spends of 3 lots by members with 20, in batches, a second ÷ TPC-B", least=3.5),
    "unary_vs_tpcb": Floor("earns one by one, 64 in flight, a second ÷ TPC-B", least=0.45),
    "hold_vs_tpcb": Floor("holds placed and captured, 64 in flight, pairs a second ÷ TPC-B", least=0.2),
    "read_vs_echo": Floor("cached balances read, 64 in flight ÷ empty calls of a bare server", least=0.5),
    "hot_vs_uniform": Floor("batches to members by Zipf 2.0 ÷ to all alike", least=0.8),
    "growth": Floor("batches on top of what was loaded ÷ on an empty ledger", least=0.85),
    "bytes_per_posting": Floor("the database's growth for each earn, in bytes", most=900),
    "idle_post_vs_commit": Floor("p50 of one client's post ÷ p50 of a commit of one row", most=4),
    "verify_per_s": Floor("postings verified a second", least=50_000),
    "purchase_vs_post": Floor("purchases one by one, 64 in flight ÷ earns of the ledger under it likewise", least=0.35),
    "exchange_vs_post": Floor(
        "quotes made and executed, 64 in flight, pairs ÷ earns of the ledger likewise", least=0.25
    ),
    "settle_s": Floor("seconds in which 1,000,000 exchanges of 100 partners are settled", most=60),
    "recognitions_per_s": Floor("recognitions imported a second, booked and counted", least=1_000),
    "feed_vs_echo_p99": Floor("p99 of a page of 20 of the feed ÷ p99 of an empty call of a bare server", most=5),
    "leaderboard_vs_echo_p99": Floor("p99 of 50 places of a leaderboard ÷ p99 of an empty call likewise", most=5),
    "import_vs_batch": Floor("purchases imported ÷ earns through batches of the ledger under it", least=0.3),
}


@dataclass(frozen=True)
class Measurement:
    """One run of one workload. Latencies are of calls, the share of a processor is of all processes of that kind."""

    name: str
    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    calls: int
    items_per_call: int
    in_flight: int
    workers: int
    server: str
    """What took the calls."""
    clients: int
    client_cpu: float
    """Of the busiest client process."""
    service_cpu: float
    postgres_cpu: float
    service_us_per_item: float
    """Processor time of the service: it hardly depends on what else the machine does, as rates and shares do."""
    postgres_us_per_item: float
    wal_bytes_per_item: float
    offered_per_s: float
    """Open loop: what was sent. 0: closed loop."""
    unsent: int
    failures: Mapping[str, int]

    @classmethod
    def of(cls, name: str, plan: Plan, run: Run, *, workers: int, clients: int, server: str = "grpc") -> Measurement:
        """A run that clients made, each by the same plan."""
        seen = run.seen
        items = max(seen.all_items, 1)
        p50, p95, p99 = percentiles(seen.latencies_us, (50, 95, 99))
        return cls(
            name=name,
            per_s=round(seen.items / seen.seconds, 1),
            p50_ms=p50 / 1000,
            p95_ms=p95 / 1000,
            p99_ms=p99 / 1000,
            calls=len(seen.latencies_us),
            items_per_call=plan.items,
            in_flight=plan.in_flight * clients,
            workers=workers,
            server=server,
            clients=clients,
            client_cpu=round(seen.cpu, 2),
            service_cpu=round(run.service_s / run.seconds, 2),
            postgres_cpu=round(run.postgres_s / run.seconds, 2),
            service_us_per_item=round(run.service_s / items * 1e6, 1),
            postgres_us_per_item=round(run.postgres_s / items * 1e6, 1),
            wal_bytes_per_item=round(run.wal_bytes / items, 1),
            offered_per_s=plan.per_s * clients,
            unsent=seen.unsent,
            failures=dict(seen.failures),
        )


def percentiles(values: Sequence[int], shares: Iterable[int]) -> list[int]:
    """The least values that so many in a hundred do not exceed; 0 of nothing."""
    ordered = sorted(values)
    return [ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else 0 for share in shares]


def rates(measured: Sequence[Measurement], name: str) -> dict[tuple[int, str], float]:
    """The median rate of a workload by number of workers and by server."""
    rounds: dict[tuple[int, str], list[float]] = {}
    for one in measured:
        if one.name == name:
            rounds.setdefault((one.workers, one.server), []).append(one.per_s)
    return {of: median(values) for of, values in rounds.items()}


def figures(
    measured: Sequence[Measurement], tpcb: Sequence[float], facts: Mapping[str, float]
) -> dict[str, float | None]:
    """The figures by their names; None for one whose workload was left out.

    `tpcb` has the rates of the runs between the workloads, `facts` the figures that are no ratio of rates. A workload
    that was run with several numbers of workers, or behind several servers, counts with the best.
    """

    def best(name: str, *, workers: int | None = None) -> float | None:
        return max((rate for of, rate in rates(measured, name).items() if workers in {None, of[0]}), default=None)

    base = median(tpcb) if tpcb else None
    alone = {name: best(name, workers=1) for name in ("read", "echo", "batch", "batch_zipf")}
    found: dict[str, float | None] = {
        "batch_vs_tpcb": _ratio(best("batch"), base),
        "batch_spend_vs_tpcb": _ratio(best("batch_spend"), base),
        "unary_vs_tpcb": _ratio(best("unary_64"), base),
        "hold_vs_tpcb": _ratio(best("hold_64"), base),
        "read_vs_echo": _ratio(alone["read"], alone["echo"]),
        "hot_vs_uniform": _ratio(alone["batch_zipf"], alone["batch"]),
        "growth": _ratio(best("batch_grown"), best("batch_empty")),
        "purchase_vs_post": _ratio(best("purchase"), best("ledger_post")),
        "exchange_vs_post": _ratio(best("exchange"), best("ledger_post")),
        "import_vs_batch": _ratio(best("import"), best("ledger_batch")),
    }
    return found | {name: facts.get(name) for name in FLOORS if name not in found}


def _ratio(value: float | None, base: float | None) -> float | None:
    return None if value is None or not base else round(value / base, 3)
