"""The benchmark measures what it says, on real servers: short, and on little data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guerdon_cli.bench import workloads
from guerdon_cli.bench.bed import Bed, bench_stack, slow_flushes
from guerdon_cli.bench.course import Course, Length
from guerdon_cli.bench.figures import FLOORS
from guerdon_cli.bench.pgbench import Tpcb
from guerdon_cli.bench.report import outcome
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.embedded import Resolved

SHORT = Length(
    seconds=0.4, warm_s=0.1, rounds=1, tpcb_s=1, tpcb_scale=1, members=40, spenders=500, growth_postings=2_000
)


@pytest.fixture
def course(resolved_servers: Resolved, identity: DevelopmentIdentity, tmp_path: Path) -> Iterator[Course]:
    servers = resolved_servers.embedded
    if servers is None:
        pytest.skip("pgbench comes with the embedded PostgreSQL")
    bed = Bed(servers, identity, tmp_path)
    with Tpcb(servers, SHORT.tpcb_scale) as tpcb:
        yield Course(bed, tpcb, SHORT)
    bed.close()


def test_a_workload_is_measured_between_two_runs_of_tpcb_and_verified(course: Course) -> None:
    workloads.run(course, ["spend"])
    found = outcome(course)
    assert found["problems"] == []
    assert len(found["tpcb_runs_per_s"]) == 2
    [measured] = found["measurements"]
    assert (measured["name"], measured["calls"], measured["failures"]) == ("batch_spend", 1, {})
    assert 0 < measured["p50_ms"] <= measured["p95_ms"] <= measured["p99_ms"]
    assert found["batch_spend_vs_tpcb"] == pytest.approx(measured["per_s"] / found["tpcb_per_s"], rel=0.01)
    assert {name for name in FLOORS if found[name] is not None} == {"batch_spend_vs_tpcb"}


def test_a_commit_takes_as_much_longer_as_flushes_are_said_to(tmp_path: Path) -> None:
    with bench_stack(tmp_path, ()) as stack:
        stack.start(lambda _step: None)
        assert stack.embedded is not None
        slow_flushes(stack.embedded.endpoints.postgres_url, 20_000)
        bed = Bed(stack.embedded, stack.identity, tmp_path)
        with Tpcb(stack.embedded, SHORT.tpcb_scale) as tpcb:
            assert Course(bed, tpcb, SHORT).commit_p50_ms() >= 20
