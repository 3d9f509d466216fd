"""Figures of the benchmark: medians, ratios and floors, from what was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guerdon_cli.bench.bed import Run
from guerdon_cli.bench.course import Sample
from guerdon_cli.bench.figures import FLOORS, Measurement, figures, percentiles
from guerdon_cli.bench.plan import Plan, Seen, Shape, Spread, together
from guerdon_cli.bench.workloads import held

SEEN = Seen(items=3000, all_items=4000, seconds=2.0, latencies_us=[30, 10, 20], failures={}, unsent=0, cpu=0.5)
PLAN = Plan(Shape.BATCH, "host:1", "token", items=1000, in_flight=4, spread=Spread.ZIPF)
RUN = Run(SEEN, seconds=4.0, service_s=2.0, postgres_s=1.0, wal_bytes=8_000)


def measured(name: str, per_s: float, workers: int = 1) -> Measurement:
    made = Measurement.of(name, PLAN, RUN, workers=workers, clients=1)
    return replace(made, per_s=per_s)


def test_a_measurement_is_of_the_measured_time_and_its_costs_of_all_of_it() -> None:
    made = Measurement.of("batch", PLAN, RUN, workers=1, clients=1)
    assert (made.per_s, made.wal_bytes_per_item, made.calls) == (1500, 2, 3)
    assert (made.service_cpu, made.service_us_per_item) == (0.5, 500)
    assert (made.postgres_cpu, made.postgres_us_per_item) == (0.25, 250)
    assert (made.p50_ms, made.p95_ms, made.p99_ms) == (0.02, 0.03, 0.03)


@pytest.mark.parametrize(
    ("values", "found"),
    [([], [0, 0]), ([7], [7, 7]), (range(1, 101), [50, 99]), ([3, 1, 2, 4], [2, 4])],
)
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[int], found: list[int]) -> None:
    assert percentiles(values, (50, 99)) == found


def test_the_median_round_counts_and_of_several_numbers_of_workers_the_best() -> None:
    of_one = [measured("batch", rate) for rate in (9_000, 12_000, 10_000)]
    of_two = [measured("batch", rate, workers=2) for rate in (14_000, 8_000, 11_000)]
    assert figures(of_one, [2_000, 1_000, 9_999], {})["batch_vs_tpcb"] == 5
    assert figures(of_one + of_two, [2_000], {})["batch_vs_tpcb"] == 5.5
    assert figures([*of_one, measured("batch_zipf", 9_000)], [2_000], {})["hot_vs_uniform"] == 0.9


def test_reads_are_compared_with_a_bare_server_of_as_many_workers() -> None:
    both = [measured("read", 1_500), measured("echo", 2_500), measured("read", 9_000, 2), measured("echo", 9_000, 2)]
    assert figures(both, [], {})["read_vs_echo"] == 0.6


def test_membership_is_compared_with_the_ledger_under_it() -> None:
    both = [measured("ledger_post", 2_000), measured("purchase", 800), measured("unary_64", 9_000)]
    both += [measured("ledger_batch", 10_000), measured("import", 4_000)]
    found = figures(both, [], {})
    assert (found["purchase_vs_post"], found["import_vs_batch"]) == (0.4, 0.4)


def test_a_figure_that_was_not_measured_is_none_and_every_figure_has_its_floor() -> None:
    found = figures([], [2_000], {"verify_per_s": 60_000})
    assert found.keys() == FLOORS.keys()
    assert {name: value for name, value in found.items() if value is not None} == {"verify_per_s": 60_000}


def test_a_floor_holds_from_its_bound_on() -> None:
    assert FLOORS["growth"].holds(0.85)
    assert not FLOORS["growth"].holds(0.849)
    assert FLOORS["bytes_per_posting"].holds(900)
    assert not FLOORS["bytes_per_posting"].holds(900.1)


def test_clients_of_one_run_are_added_up() -> None:
    both = together([replace(SEEN, failures={"UNAVAILABLE": 2}), replace(SEEN, failures={"UNAVAILABLE": 1}, cpu=0.7)])
    assert (both.items, both.all_items, both.seconds, both.cpu) == (6000, 8000, 2.0, 0.7)
    assert both.latencies_us == [30, 10, 20, 30, 10, 20]
    assert both.failures == {"UNAVAILABLE": 3}


def test_a_rate_holds_if_the_last_fifth_is_as_fast_as_the_second() -> None:
    steady = [Sample(second=n, items=1000 * n, memory_mib=100) for n in range(11)]
    assert held(steady) == (1, 1)
    slower = [Sample(second=n, items=1000 * min(n, 8) + 500 * max(0, n - 8), memory_mib=100 + n) for n in range(11)]
    assert held(slower) == (0.5, round(110 / 102, 3))


def test_plans_and_sights_survive_the_way_between_processes() -> None:
    assert Plan.of(PLAN.line()) == PLAN
    assert Seen.of(SEEN.line()) == SEEN
    assert "secret" not in repr(replace(PLAN, token="secret"))
