"""The ledger's workloads: each has ledgers of its own, which are verified at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from statistics import median

from guerdon_cli.bench.course import Course, Sample
from guerdon_cli.bench.figures import Measurement
from guerdon_cli.bench.plan import Shape, Spread
from guerdon_cli.bench.programs import open_program
from guerdon_kit import envoy

LOT = 10
LOTS_OPEN = 20
LOTS_TAKEN = 3
SPENDS_EACH = 2
PLENTY = 10**9
OVERLOAD = 2.0
"""How many times what it can do an overloaded ledger is offered."""
OVERLOAD_DEADLINE_S = 2.0
FOR_EVER_S = 1e6


def batch(course: Course) -> None:
    """Earns from one issuer in batches of 1,000: to all alike, by Zipf 2.0, to ten accounts; with two workers."""
    with course.ledger("batch") as ledger:
        program = open_program(ledger, course.length.members)
        uniform = course.plan(ledger, Shape.BATCH, program)
        zipf = course.plan(ledger, Shape.BATCH, program, spread=Spread.ZIPF)
        for _ in range(course.length.rounds):
            course.measure("batch", ledger, uniform)
            course.measure("batch_zipf", ledger, zipf)
        course.measure("batch_ten_accounts", ledger, course.plan(ledger, Shape.BATCH, program, members=10))
        course.measure("batch_without_balances", ledger, course.plan(ledger, Shape.BATCH, program, omit_balances=True))
    with course.ledger("batch", workers=2) as ledger:
        program = open_program(ledger, course.length.members)
        for _ in range(course.length.rounds):
            course.measure("batch", ledger, course.plan(ledger, Shape.BATCH, program, in_flight=8))


def spend(course: Course) -> None:
    """Spends in batches of 1,000, each of 3 lots, by members with 20 open lots or a few more."""
    with course.ledger("batch_spend") as ledger:
        members, rounds = course.length.spenders, course.length.rounds
        for _ in range(rounds):
            lots = LOTS_OPEN + LOTS_TAKEN * (SPENDS_EACH - 1)
            course.bed.report(f"batch_spend: {members:,} members with {lots} lots each")
            program = open_program(ledger, members, lots=lots, amount=LOT)
            plan = course.plan(
                ledger,
                Shape.BATCH,
                program,
                members=members,
                spread=Spread.TURNS,
                spends=True,
                amount=LOTS_TAKEN * LOT,
                calls=members * SPENDS_EACH // 1_000,
                warm_s=0.0,
                seconds=60.0,
            )
            course.measure("batch_spend", ledger, plan)


def servers() -> tuple[str, ...]:
    """What can take a service's calls on this machine: of small calls it is half of what they cost."""
    return ("grpc", "envoy") if envoy.is_possible() else ("grpc",)


def unary(course: Course) -> None:
    """Earns one by one: 64 in flight with one worker and with two, and 1, 16 and 256 in flight with one."""
    for server, workers in product(servers(), (1, 2)):
        with course.ledger("unary", workers, server) as ledger:
            program = open_program(ledger, course.length.members)
            for _ in range(course.length.rounds):
                course.measure("unary_64", ledger, course.plan(ledger, Shape.POST, program))
            if workers == 1:
                for in_flight in (1, 16, 256):
                    plan = course.plan(ledger, Shape.POST, program, in_flight=in_flight)
                    course.measure(f"unary_{in_flight}", ledger, plan)


def hold(course: Course) -> None:
    """Holds placed and captured, 64 in flight."""
    for server in servers():
        with course.ledger("hold", server=server) as ledger:
            program = open_program(ledger, course.length.members, lots=3, amount=PLENTY)
            for _ in range(course.length.rounds):
                course.measure("hold_64", ledger, course.plan(ledger, Shape.HOLD, program))


def read(course: Course) -> None:
    """Balances: of all members and of ten from the cache, beside a bare server; of members nobody has read before."""
    members = course.length.members
    for server, workers in product(servers(), (1, 2)):
        with course.ledger("read", workers, server) as ledger, course.bed.echo(workers) as (bare, echo):
            # What has been posted to is in the cache: the ledger writes through.
            program = open_program(ledger, members, lots=1, amount=LOT)
            plan = course.plan(ledger, Shape.READ, program, calls=members, repeats=True)
            empty = course.plan(ledger, Shape.ECHO, "", target=bare, calls=1, repeats=True)
            for _ in range(course.length.rounds):
                course.measure("read", ledger, plan)
                course.bed.report("echo: a bare server")
                run = course.bed.run(echo, [empty])
                course.keep(Measurement.of("echo", empty, run, workers=workers, clients=1))
            if workers == 1:
                hot = course.plan(ledger, Shape.READ, program, members=10, calls=10, repeats=True)
                course.measure("read_ten_accounts", ledger, hot)
                fresh = open_program(ledger, members)
                cold = course.plan(
                    ledger, Shape.READ, fresh, spread=Spread.TURNS, calls=members, warm_s=0.0, seconds=60.0
                )
                course.measure("read_cold", ledger, cold)


def idle(course: Course) -> None:
    """One client alone, beside one connection that commits a row at a time."""
    commits: list[float] = []
    posts: dict[str, list[float]] = {server: [] for server in servers()}
    for server, waited in posts.items():
        with course.ledger("idle", server=server) as ledger:
            program = open_program(ledger, course.length.members)
            for _ in range(course.length.rounds):
                commits.append(course.commit_p50_ms())
                plan = course.plan(ledger, Shape.POST, program, in_flight=1)
                waited.append(course.measure("idle_post", ledger, plan).p50_ms)
    course.facts["commit_p50_ms"] = round(median(commits), 3)
    course.facts["idle_post_vs_commit"] = round(min(map(median, posts.values())) / median(commits), 2)


def overload(course: Course) -> None:
    """Open loop: twice what it can do is sent, whatever becomes of it."""
    for server in servers():
        with course.ledger("overload", server=server) as ledger:
            program = open_program(ledger, course.length.members)
            can = course.measure("unary_256", ledger, course.plan(ledger, Shape.POST, program, in_flight=256)).per_s
            clients = 2
            plan = course.plan(
                ledger,
                Shape.POST,
                program,
                per_s=round(OVERLOAD * can / clients, 1),
                deadline_s=OVERLOAD_DEADLINE_S,
            )
            course.measure("overload", ledger, plan, clients=clients)


def growth(course: Course) -> None:
    """Batches on top of millions of postings beside batches on an empty ledger; what a posting takes up."""
    wanted = course.length.growth_postings
    with course.bed.ledger() as grown:
        program = open_program(grown, course.length.members)
        before = grown.bytes()
        plan = course.plan(grown, Shape.BATCH, program, calls=-(-wanted // 1_000), seconds=FOR_EVER_S)
        load = course.load("growth_load", grown, plan)
        course.bed.report("growth: the relay sends what is left")
        grown.wait_relayed()
        course.facts["bytes_per_posting"] = round((grown.bytes() - before) / (load.calls * load.items_per_call), 1)
        course.facts["wal_bytes_per_posting"] = load.wal_bytes_per_item
        for _ in range(course.length.rounds):
            with course.ledger("growth") as empty:
                fresh = open_program(empty, course.length.members)
                course.measure("batch_empty", empty, course.plan(empty, Shape.BATCH, fresh))
            course.measure("batch_grown", grown, course.plan(grown, Shape.BATCH, program))
        course.facts["verify_per_s"] = round(course.verify("growth", grown))


def soak(course: Course, minutes: float) -> None:
    """Batches, single earns and reads at once, for minutes: does the rate hold, and does memory stay what it was?"""
    with course.ledger("soak") as ledger:
        program = open_program(ledger, course.length.members)
        long = {"calls": int(FOR_EVER_S), "seconds": minutes * 60}
        course.load(
            "soak",
            ledger,
            course.plan(ledger, Shape.BATCH, program, **long | {"in_flight": 2}),
            course.plan(ledger, Shape.POST, program, **long | {"in_flight": 16}),
            course.plan(ledger, Shape.READ, program, **long | {"in_flight": 16}),
        )
    course.facts["rate_held"], course.facts["memory_grown"] = held(course.samples)


def held(samples: Sequence[Sample]) -> tuple[float, float]:
    """The rate in the last fifth of a long load ÷ that in the first, after a fifth to get warm; and its memory."""
    warm, settled, late, end = (samples[(len(samples) - 1) * fifth // 5] for fifth in (1, 2, 4, 5))
    first = (settled.items - warm.items) / (settled.second - warm.second)
    last = (end.items - late.items) / (end.second - late.second)
    return round(last / first, 3), round(end.memory_mib / warm.memory_mib, 3)


WORKLOADS: Mapping[str, Callable[[Course], None]] = {
    "batch": batch,
    "spend": spend,
    "unary": unary,
    "hold": hold,
    "read": read,
    "idle": idle,
    "overload": overload,
    "growth": growth,
}


def run(course: Course, names: Sequence[str]) -> None:
    """Run workloads, with TPC-B before, between and after them. Raises StackError."""
    course.run_tpcb()
    for name in names:
        WORKLOADS[name](course)
        course.run_tpcb()
