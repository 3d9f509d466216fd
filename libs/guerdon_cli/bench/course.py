"""One run of a benchmark: TPC-B between the workloads, and a verification of the ledger after each."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import asyncpg
import uvloop

from guerdon_cli.bench.bed import Bed, Ledger, Service, now_and_then
from guerdon_cli.bench.figures import Measurement, percentiles
from guerdon_cli.bench.pgbench import DATABASE, SCALE, Tpcb
from guerdon_cli.bench.plan import Plan, Shape

BATCH_MOST_PER_S = 40_000
CALLS_MOST_PER_S = 8_000
"""More than this machine can do: so many requests are built for each measured second."""


@dataclass(frozen=True)
class Length:
    """How long everything takes."""

    seconds: float = 8.0
    """What is measured of each run, after `warm_s`."""
    warm_s: float = 2.0
    rounds: int = 3
    """How often each workload that a figure is made of is run; the median counts."""
    tpcb_s: int = 10
    tpcb_scale: int = SCALE
    members: int = 10_000
    spenders: int = 20_000
    """Members with 23 lots each: two spends of 3 lots leave them 20 before the second."""
    growth_postings: int = 5_000_000
    settled_partners: int = 100
    settled_exchanges: int = 1_000_000
    employees: int = 10_000
    recognitions: int = 1_000_000
    flush_us: int = 0
    """How much longer than it does each flush of PostgreSQL's log takes."""


QUICK = Length(
    seconds=2.0,
    warm_s=0.5,
    rounds=1,
    tpcb_s=3,
    spenders=2_000,
    growth_postings=100_000,
    settled_partners=20,
    settled_exchanges=20_000,
    employees=1_000,
    recognitions=20_000,
)


@dataclass(frozen=True)
class Sample:
    """How far a long load was at one moment."""

    second: float
    items: int
    memory_mib: float


class Course:
    """What was measured so far."""

    def __init__(self, bed: Bed, tpcb: Tpcb, length: Length) -> None:
        self.bed = bed
        self.length = length
        self._tpcb = tpcb
        self.measured: list[Measurement] = []
        self.tpcb_per_s: list[float] = []
        self.facts: dict[str, float] = {}
        self.samples: list[Sample] = []
        self.problems: list[str] = []
        """What must not be: findings of a verification, and requests that failed."""

    def run_tpcb(self) -> None:
        """Measure the machine itself once more."""
        self.bed.report(f"pgbench: TPC-B, scale {self.length.tpcb_scale}, {self.length.tpcb_s} s")
        self.tpcb_per_s.append(self._tpcb.per_second(self.length.tpcb_s))

    @contextlib.contextmanager
    def ledger(self, what: str, workers: int = 1, server: str = "grpc") -> Iterator[Ledger]:
        """A ledger of its own for a workload; it is verified when the workload is through."""
        self.bed.report(f"{what}: setting up, {workers} worker{'s' if workers > 1 else ''}, {server}")
        with self.bed.ledger(workers, server) as ledger:
            yield ledger
            self.verify(what, ledger)

    def verify(self, what: str, ledger: Ledger) -> float:
        """Verify a ledger, and answer how many postings a second that were."""
        verdict, seconds = ledger.verify()
        self.problems += [f"{what}: {one.reason} {one.subject}: {one.detail}" for one in verdict.findings]
        return verdict.postings / seconds

    def plan(self, service: Service, shape: Shape, program: str, **more: object) -> Plan:
        """A plan of the usual length, with a connection or more for each worker."""
        spans_s = self.length.seconds + self.length.warm_s
        many = shape in {Shape.BATCH, Shape.IMPORT}
        plan = Plan(
            shape,
            service.target,
            service.bed.token,
            program,
            self.length.members,
            items=1_000 if many else 1,
            in_flight=4 if many else 64,
            channels=8 if service.workers > 1 else 1,
            seconds=self.length.seconds,
            warm_s=self.length.warm_s,
            calls=int(spans_s * (BATCH_MOST_PER_S / 1_000 if many else CALLS_MOST_PER_S)),
        )
        return replace(plan, **more)  # type: ignore[arg-type]  # the plan's own fields

    def measure(self, name: str, service: Service, plan: Plan, *, clients: int = 1) -> Measurement:
        """Run a plan in so many clients at once, and keep what was seen. Raises StackError."""
        sent = f"{plan.per_s * clients:,.0f} a second" if plan.per_s else f"{plan.in_flight * clients} in flight"
        many = "s" if service.workers > 1 else ""
        self.bed.report(f"{name}: {sent}, {service.workers} worker{many}, {service.server}")
        run = service.run(*[plan] * clients)
        measurement = Measurement.of(name, plan, run, workers=service.workers, clients=clients, server=service.server)
        self.keep(measurement)
        return measurement

    def keep(self, measurement: Measurement) -> None:
        """Keep a measurement; in a closed loop nothing may fail."""
        self.measured.append(measurement)
        if not measurement.offered_per_s:
            self.problems += [f"{measurement.name}: {n} × {why}" for why, n in measurement.failures.items()]

    def load(self, name: str, ledger: Ledger, *plans: Plan) -> Measurement:
        """Run long plans at once, with their requests built on the way, and say once a second how far the first is."""
        plans = tuple([replace(plan, warm_s=0.0, built_before=False) for plan in plans])
        began = time.monotonic()
        report = now_and_then(self.bed.report)

        def tell(items: int) -> None:
            memory = ledger.memory_bytes() / 2**20
            self.samples.append(Sample(round(time.monotonic() - began, 1), items, round(memory, 1)))
            report(f"{name}: {items:,} postings, {memory:,.0f} MiB")

        self.bed.report(name)
        run = ledger.run(*plans, told=tell)
        measurement = Measurement.of(name, plans[0], run, workers=ledger.workers, clients=len(plans))
        measurement = replace(measurement, in_flight=sum(plan.in_flight for plan in plans))
        self.keep(measurement)
        return measurement

    def commit_p50_ms(self) -> float:
        """The median of explicit transactions of one row, one after the other, through asyncpg."""
        self.bed.report("commits of one row")
        times = uvloop.run(_commits(self.bed.admin_url, self.length.seconds))
        return percentiles(times, [50])[0] / 1000


async def _commits(admin_url: str, seconds: float) -> list[int]:
    """How long each took, in microseconds."""
    connection = await asyncpg.connect(admin_url, database=DATABASE)
    try:
        await connection.execute("create table if not exists one_row (id bigint generated always as identity, n int)")
        times: list[int] = []
        ends = time.perf_counter() + seconds
        while (began := time.perf_counter()) < ends:
            async with connection.transaction():
                await connection.execute("insert into one_row (n) values ($1)", len(times))
            times.append(int((time.perf_counter() - began) * 1e6))
            await asyncio.sleep(0)
        return times
    finally:
        await connection.close()
