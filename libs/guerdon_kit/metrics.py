"""What Prometheus reads of one process."""

from __future__ import annotations

from prometheus_client import Counter, Histogram, start_http_server

_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

_CALLS = Counter("guerdon_calls", "Calls served, by method and status.", ["method", "status"])
_SECONDS = Histogram("guerdon_call_seconds", "How long calls took.", ["method"], buckets=_BUCKETS_S)
# Not `job`: that is what Prometheus itself calls a set of targets.
JOB_FAILURES = Counter("guerdon_job_failures", "Background jobs that failed and were started again.", ["work"])


class CallMetrics:
    """Counts calls; the labelled children are kept, because looking them up costs more than counting."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], Counter] = {}
        self._seconds: dict[str, Histogram] = {}

    def observe(self, method: str, status: str, seconds: float) -> None:
        """One call is over."""
        calls = self._calls.get((method, status))
        if calls is None:
            calls = self._calls[(method, status)] = _CALLS.labels(method, status)
        calls.inc()
        histogram = self._seconds.get(method)
        if histogram is None:
            histogram = self._seconds[method] = _SECONDS.labels(method)
        histogram.observe(seconds)


def serve(listen: str, worker: int) -> None:
    """Serves this worker's metrics over HTTP; each further worker takes the next port."""
    host, _, port = listen.rpartition(":")
    start_http_server(int(port) + worker, addr=host)
