"""What do gRPC, a second process, idle connections and streams change for `rnn_keras.serve`?

    python -m benchmarks.serving_scale RUN [RUN ...] [--seconds 5]

32 clients each; streams for a model that can be streamed.
"""

import argparse
import contextlib
import functools
import re
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields

from apps.common import cli
from apps.common.errors import InputError
from benchmarks.measure.load import generate, in_a_process
from benchmarks.measure.load_protocols import generate_grpc, generate_streams
from benchmarks.measure.report import Row, markdown, parser, run
from rnn_keras.serve.sockets import allow_open_files
from rnn_keras.serve.sources import locate

CLIENTS = 32
IDLE = 1200
WORKERS = 1, 2
WARM_UP = 2.0  # seconds
TURNS = 4
CPU = re.compile(r"^process_cpu_seconds_total{.*} (.*)$", re.M)


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    options = parser("serving_scale", __doc__, seconds=5)
    options.add_argument("sources", nargs="+", metavar="RUN", help="as for rnn_keras.serve")
    return options.parse_args(argv)


def cpu_seconds(port: int) -> list[float]:
    """The processor time of each worker, by the server's metrics."""
    url = f"http://127.0.0.1:{port}/monitoring/prometheus/metrics"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return [float(seconds) for seconds in CPU.findall(answer.read().decode())]


@contextlib.contextmanager
def idle_connections(port: int, count: int) -> Iterator[None]:
    """Connections that send nothing."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
        yield


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def measure(workload, seconds: float, threads: int) -> Iterator[Row]:
    """Rows of each protocol with 1 and 2 workers, and with idle connections.

    All take turns, so that a change of the machine's speed affects all of them.
    """
    with contextlib.ExitStack() as stack:
        cases = [
            case
            for workers in WORKERS
            for case in start(workload, workers, threads, stack.enter_context)
        ]
        for case in cases:
            case.turn(WARM_UP)
        for case in cases:
            case.answers, case.cpu = [], 0.0
        for _ in range(TURNS):
            for case in cases:
                case.turn(seconds / TURNS)
        for case in cases:
            figures = functools.reduce(add, case.answers).figures()
            yield {**case.name, **figures, "cpu_ms": 1e3 * case.cpu / figures["requests"]}


@dataclass
class Case:
    """A load for a server, and what came of it."""

    name: Row
    http_port: int
    arguments: tuple
    load: Callable
    answers: list = field(default_factory=list)
    cpu: float = 0.0

    def turn(self, seconds: float) -> None:
        """Load the server for some time."""
        with idle_connections(self.arguments[0], self.name["idle"]):
            before = sum(cpu_seconds(self.http_port))
            self.answers.append(in_a_process(*self.arguments, load=self.load, seconds=seconds))
            self.cpu += sum(cpu_seconds(self.http_port)) - before


def start(workload, workers: int, threads: int, enter: Callable) -> Iterator[Case]:
    """Start a server; its cases."""
    grpc_port = free_port()
    flags = "--workers", str(workers), "--threads", str(threads), "--grpc-port", str(grpc_port)
    _, port = enter(workload.server(*flags))
    while len(cpu_seconds(port)) < workers:
        time.sleep(0.1)
    loads = {
        "REST": (port, workload.requests, generate),
        "gRPC": (grpc_port, workload.messages, generate_grpc),
    }
    if workload.servable.sampled_step:
        loads["stream"] = (port, workload.streams, generate_streams)
    for protocol, (at, requests, load) in loads.items():
        for idle in (0, IDLE) if workers == 1 else (0,):
            name = {"protocol": protocol, "workers": workers, "idle": idle}
            yield Case(name, port, (at, requests, CLIENTS), load)


def add(one, other):
    """The sum of two `Answers`, or of two `Streams`."""
    names = [each.name for each in fields(one)]
    return type(one)(**{name: getattr(one, name) + getattr(other, name) for name in names})


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown."""
    columns = ["model", "protocol", "workers", "idle", "requests_per_second",
               "characters_per_second", "first_p50_ms", "first_p99_ms", "p50_ms", "p99_ms",
               "cpu_ms", "errors"]  # fmt: skip
    return [markdown([{name: row.get(name) for name in columns} for row in rows])]


def measure_all(arguments: argparse.Namespace) -> Iterator[Row]:
    """All rows."""
    from benchmarks.cases.serving import Workload

    for name, base in locate(arguments.sources).items():
        workload = Workload(name, base, None)
        for row in measure(workload, arguments.seconds, arguments.threads):
            yield {"model": name, **row}
        workload.servable.close()


@cli.command
def main(argv=None) -> int:
    """The command."""
    arguments = parse(argv)
    try:
        allow_open_files(IDLE)
        locate(arguments.sources)
    except ValueError as error:
        raise InputError(str(error)) from error
    return run("serving_scale", arguments, measure_all(arguments), tables)


if __name__ == "__main__":
    sys.exit(main())
