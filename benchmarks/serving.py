"""How many requests per second does `rnn_keras.serve` answer, how fast, and in how much memory?

    python -m benchmarks.serving RUN [RUN ...] [--seconds 2]
    python -m benchmarks.serving RUN [RUN ...] --requests 100000

With and without micro-batching, compared with direct calls of the SavedModel; with `--requests`,
memory over time instead.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from apps.common import cli
from apps.common.errors import InputError
from apps.common.plots import MARKERS, legend_below, new_figure
from benchmarks.measure.load import in_a_process
from benchmarks.measure.memory import resident_memory
from benchmarks.measure.report import MIB, Row, bar_chart, markdown, mebibytes, parser, run
from benchmarks.measure.timing import cpu_seconds
from rnn_keras.serve.sources import locate

SERVERS = {"one by one": ["--batch-rows", "1"], "micro-batching": []}
CONCURRENCY = 1, 8, 32
WARM_UP = 2.0  # seconds


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    options = parser("serving", __doc__, seconds=5)
    options.add_argument("sources", nargs="+", metavar="RUN", help="as for rnn_keras.serve")
    options.add_argument("--signature", help="serving_default, or else the first, if not given")
    options.add_argument(
        "--requests", type=int, help="measure memory over this number of requests instead"
    )
    return options.parse_args(argv)


def measure(workload, seconds: float, threads: int) -> Iterator[Row]:
    """Rows of direct calls, and of each server mode at each concurrency."""
    for batch in 1, len(workload.rows):
        figures = workload.call(batch, seconds).figures()
        yield {"server": f"none, {batch} in a call", "concurrency": 1, **figures}
    for kind, flags in SERVERS.items():
        with workload.server(*flags, "--threads", str(threads)) as (pid, port):
            for concurrency in CONCURRENCY:
                in_a_process(port, workload.requests, concurrency, seconds=WARM_UP)
                before = cpu_seconds(pid)
                answers = in_a_process(port, workload.requests, concurrency, seconds=seconds)
                used = 1e3 * (cpu_seconds(pid) - before)
                figures = answers.figures()
                cpu_ms = used / figures["requests"]
                yield {"server": kind, "concurrency": concurrency, **figures, "cpu_ms": cpu_ms}


def measure_memory(workload, count: int) -> Iterator[Row]:
    """Rows of the server's resident memory after each tenth of `count` requests."""
    with workload.server() as (pid, port):
        for tenth in range(1, 11):
            answers = in_a_process(port, workload.requests, max(CONCURRENCY), count=count // 10)
            errors, rss = answers.statuses.total() - answers.statuses[200], resident_memory(pid)
            yield {"requests": tenth * count // 10, "errors": errors, "rss": rss}


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown."""
    if "rss" in rows[0]:
        rows = [{**row, "memory, MiB": mebibytes(row["rss"])} for row in rows]
        columns = ["model", "requests", "memory, MiB", "errors"]
    else:
        columns = ["model", "signature", "server", "concurrency", "requests_per_second",
                   "p50_ms", "p99_ms", "cpu_ms", "errors"]  # fmt: skip
    return [markdown([{name: row.get(name) for name in columns} for row in rows])]


def plot(rows: list[Row]):
    """Bar chart of requests per second, a panel per model; or memory over requests."""
    if "rss" in rows[0]:
        return plot_memory(rows)
    panels = {}
    for row in rows:
        server = row["server"].replace("none", "no server")
        plural = "s" * (row["concurrency"] > 1)
        bar = f"{server}, {row['concurrency']} connection{plural}"
        panels.setdefault(f"Serving {row['model']}", {})[bar] = row["requests_per_second"]
    return bar_chart(panels, "requests per second")


def plot_memory(rows: list[Row]):
    """Lines of memory over requests, one for each model."""
    import pandas as pd

    figure = new_figure(7, 4)
    axes = figure.subplots()
    memory = pd.DataFrame(rows).pivot(index="requests", columns="model", values="rss") / MIB
    memory.plot(ax=axes, style=[f"{marker}-" for marker in MARKERS], legend=False)
    axes.set(xlabel="requests answered", ylabel="resident memory, MiB")
    axes.set_ylim(0, 1.1 * memory.max(axis=None))
    axes.set_title("Memory of the server", fontsize=11)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)
    legend_below(figure, axes, 4)
    return figure


def measure_all(models: dict[str, Path], arguments: argparse.Namespace) -> Iterator[Row]:
    """All rows.

    Args:
        models: by name, the folder of the versions.
        arguments: the options.
    """
    from benchmarks.cases.serving import Workload

    for name, base in models.items():
        workload = Workload(name, base, arguments.signature)
        if arguments.requests:
            rows = measure_memory(workload, arguments.requests)
        else:
            rows = measure(workload, arguments.seconds, arguments.threads)
        for row in rows:
            yield {"model": name, "signature": workload.signature.name, **row}
        workload.servable.close()


@cli.command
def main(argv=None) -> int:
    """The command."""
    arguments = parse(argv)
    try:
        rows = measure_all(locate(arguments.sources), arguments)
    except ValueError as error:
        raise InputError(str(error)) from error
    name = "serving_memory" if arguments.requests else "serving"
    return run(name, arguments, rows, tables, plot)


if __name__ == "__main__":
    sys.exit(main())
