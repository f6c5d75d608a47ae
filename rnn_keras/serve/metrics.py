"""Metrics for Prometheus, with TensorFlow Serving's names and path."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import UnknownMetricFamily
from prometheus_client.registry import Collector

PATH = "/monitoring/prometheus/metrics"
MICROSECONDS = [10 * 1.8**i for i in range(33)]  # TensorFlow Serving's buckets, up to 20 minutes

disable_created_metrics()
REGISTRY = CollectorRegistry()

request_latency = Histogram(
    ":tensorflow:serving:request_latency",
    "Wall time of a request, in microseconds.",
    ["model_name", "API", "entrypoint"],
    buckets=MICROSECONDS,
    registry=REGISTRY,
)
runtime_latency = Histogram(
    ":tensorflow:serving:runtime_latency",
    "Wall time of a call of the model, in microseconds.",
    ["model_name", "API", "runtime"],
    buckets=MICROSECONDS,
    registry=REGISTRY,
)
batch_size = Histogram(
    ":rnn_keras:serve:batch_rows",
    "Rows of requests that share a call of the model.",
    ["model_name"],
    buckets=[2**i for i in range(11)],
    registry=REGISTRY,
)
pending = Gauge(
    ":rnn_keras:serve:pending_requests", "Requests that wait or run.", registry=REGISTRY
)
served_version = Gauge(
    ":rnn_keras:serve:version", "The version that is served.", ["model_name"], registry=REGISTRY
)


class _RequestCount(Collector):
    """A counter whose name does not end in `_total`, which `prometheus_client.Counter` adds."""

    def __init__(self):
        self.counts: Counter[tuple[str, str]] = Counter()

    def collect(self):
        family = UnknownMetricFamily(
            ":tensorflow:serving:request_count",
            "The total number of requests.",
            labels=["model_name", "status"],
        )
        for labels, count in self.counts.items():
            family.add_metric(labels, count)
        yield family


_request_count = _RequestCount()
REGISTRY.register(_request_count)


@contextmanager
def request(model: str, entrypoint: str, api: str = "Predict") -> Iterator[None]:
    """Measures a request; counts it as OK, or by the code of its error.

    Args:
        model: the name of an existing model: each name stays in memory.
        entrypoint: REST or GRPC.
        api: Predict or Stream.
    """
    start = time.perf_counter()
    status = "CANCELLED"  # the client disconnected
    try:
        yield
        status = "OK"
    except Exception as error:
        status = getattr(error, "code", "INTERNAL")
        raise
    finally:
        _request_count.counts[model, status] += 1
        request_latency.labels(model, api, entrypoint).observe(1e6 * (time.perf_counter() - start))


def timed_runtime(model: str, call: Callable[..., Any], *args: Any) -> tuple[Any, float]:
    """The result of `call(*args)`, a call of a model, and the seconds it took."""
    start = time.perf_counter()
    try:
        result = call(*args)
    finally:
        seconds = time.perf_counter() - start
        runtime_latency.labels(model, "Predict", "TF1").observe(1e6 * seconds)
    return result, seconds


def batch_rows(model: str, rows: int) -> None:
    """Records the number of rows of a batch."""
    batch_size.labels(model).observe(rows)
