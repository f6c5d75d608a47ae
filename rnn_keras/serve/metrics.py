"""Metrics for Prometheus, with TensorFlow Serving's names and path."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

PATH = "/monitoring/prometheus/metrics"
MICROSECONDS = [10 * 1.8**i for i in range(33)]  # TensorFlow Serving's buckets, up to 20 minutes

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # names the folder where workers keep their metrics

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
    ":rnn_keras:serve:pending_requests",
    "Requests that wait or run.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
served_version = Gauge(
    ":rnn_keras:serve:version",
    "The version that is served; the oldest one of all workers.",
    ["model_name"],
    registry=REGISTRY,
    multiprocess_mode="livemin",
)
# A gauge, because `Counter` would add `_total` to the name.
_request_count = Gauge(
    ":tensorflow:serving:request_count",
    "The total number of requests.",
    ["model_name", "status"],
    registry=REGISTRY,
    multiprocess_mode="sum",
)


class _Processes(Collector):
    """CPU time, memory and open files of this process, or of all workers, by `pid`."""

    def collect(self):
        pids = {str(os.getpid())}
        if SHARED in os.environ:
            files = Path(os.environ[SHARED]).glob("gauge_livesum_*.db")
            pids |= {file.stem.rpartition("_")[2] for file in files}
        families: dict[str, Metric] = {}
        for pid in sorted(pids):
            for metric in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():
                family = Metric(metric.name, metric.documentation, metric.type)
                for sample in metric.samples:
                    families.setdefault(metric.name, family).add_sample(
                        sample.name, {"pid": pid}, sample.value
                    )
        return families.values()


REGISTRY.register(_Processes())


def exposition() -> bytes:
    """All metrics as text; those of all workers, if there are several."""
    if SHARED not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    registry.register(_Processes())
    return generate_latest(registry)


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
        _request_count.labels(model, status).inc()
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
