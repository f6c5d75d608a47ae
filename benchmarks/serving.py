"""`python -m benchmarks.serving RUN...`: requests per second of the server, and its latency."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from apps.common import cli
from apps.common.errors import InputError
from benchmarks.load import Answers, in_a_process
from benchmarks.report import MIB, RESULTS, Report, Row, draw_bars, markdown, number, parser
from benchmarks.serving_cases import Workload, server
from rnn_keras.serve.sources import locate

SERVERS = {"one by one": ["--batch-rows", "1"], "micro-batching": []}
CONCURRENCY = 1, 8, 32
WARM_UP = 2.0  # seconds


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    text = "The REST server under load from another process, and direct calls of the SavedModel"
    options = parser("serving", text, seconds=5)
    options.add_argument("sources", nargs="+", metavar="RUN", help="as for rnn_keras.serve")
    options.add_argument("--signature", help="default: serving_default, or the only one")
    options.add_argument(
        "--requests", type=int, help="measure memory over this number of requests instead"
    )
    arguments = options.parse_args(argv)
    if arguments.requests and arguments.output == RESULTS / "serving.json":
        arguments.output = RESULTS / "serving_memory.json"
    return arguments


def measure(workload: Workload, seconds: float, threads: int) -> Iterator[Row]:
    """Rows of direct calls, and of each server mode at each concurrency."""
    threads = ["--threads", str(threads)]
    for batch in 1, len(workload.rows):
        row = figures(workload.call(batch, seconds))
        yield {"server": f"none, {batch} in a call", "concurrency": 1, **row}
    for kind, flags in SERVERS.items():
        with server(f"{workload.name}={workload.base}", *flags, *threads) as (process, port):
            for concurrency in CONCURRENCY:
                in_a_process(port, workload.requests, concurrency, seconds=WARM_UP)
                before = cpu_seconds(process.pid)
                answers = in_a_process(port, workload.requests, concurrency, seconds=seconds)
                used = cpu_seconds(process.pid) - before
                yield {
                    "server": kind,
                    "concurrency": concurrency,
                    **figures(answers),
                    "cpu_ms": 1e3 * used / answers.statuses.total(),
                }


def figures(answers: Answers) -> Row:
    """Rate, latency and errors for JSON."""
    return {
        "requests_per_second": answers.statuses.total() / answers.wall,
        "p50_ms": 1e3 * answers.percentile(50),
        "p99_ms": 1e3 * answers.percentile(99),
        "requests": answers.statuses.total(),
        "errors": answers.errors,
    }


def memory(workload: Workload, count: int) -> Iterator[Row]:
    """Rows of the server's resident memory after each tenth of `count` requests."""
    with server(f"{workload.name}={workload.base}") as (process, port):
        for tenth in range(1, 11):
            answers = in_a_process(port, workload.requests, max(CONCURRENCY), count=count // 10)
            yield {
                "requests": tenth * count // 10,
                "errors": answers.errors,
                "rss": resident(process.pid),
            }


def resident(pid: int) -> int:
    """Resident memory of a process in bytes (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


def cpu_seconds(pid: int) -> float:
    """Processor time of a process in seconds (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown."""
    header = ["model", "server", "connections", "requests/s", "p50, ms", "p99, ms",
              "server's CPU, ms", "errors"]  # fmt: skip
    body = [
        [
            f"{row['model']} {row['signature']}",
            row["server"],
            str(row["concurrency"]),
            f"{row['requests_per_second']:,.0f}",
            number(row["p50_ms"], 1),
            number(row["p99_ms"], 1),
            number(row.get("cpu_ms")),
            str(row["errors"]),
        ]
        for row in rows
    ]
    return [markdown(header, body)]


def memory_table(rows: list[Row]) -> list[str]:
    """The rows of memory in Markdown."""
    body = [
        [row["model"], f"{row['requests']:,}", number(row["rss"] / MIB, 1), str(row["errors"])]
        for row in rows
    ]
    return [markdown(["model", "requests", "resident memory, MiB", "errors"], body)]


def plot(rows: list[Row]):
    """Bar chart of requests per second, a panel per model; or memory over requests."""
    from matplotlib.figure import Figure

    models = list(dict.fromkeys(row["model"] for row in rows))
    if "rss" in rows[0]:
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for model, marker in zip(models, "os^Dvp*X" * len(models)):
            mine = [row for row in rows if row["model"] == model]
            memory = [row["rss"] / MIB for row in mine]
            axes.plot([row["requests"] for row in mine], memory, f"{marker}-", label=model)
        axes.set(xlabel="requests answered", ylabel="resident memory, MiB")
        axes.set_title("Memory of the server", fontsize=11)
        axes.set_ylim(0, 1.1 * max(row["rss"] for row in rows) / MIB)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(alpha=0.3)
        figure.legend(loc="outside lower center", ncols=4, fontsize=9)
        return figure
    figure = Figure(figsize=(7, 3 * len(models)), layout="constrained")
    for model, axes in zip(models, figure.subplots(len(models), squeeze=False)[:, 0]):
        mine = [row for row in rows if row["model"] == model]
        rates = {}
        for row in mine:
            plural = "s" * (row["concurrency"] > 1)
            server = row["server"].replace("none", "no server")
            name = f"{server}, {row['concurrency']} connection{plural}"
            rates[name] = row["requests_per_second"]
        draw_bars(axes, rates)
        axes.set_title(f"Serving {model}", fontsize=11)
        axes.set_xlabel("requests per second")
    return figure


@cli.command
def main(argv=None) -> None:
    """The command."""
    arguments = parse(argv)
    from benchmarks.runtime import prepare

    try:
        bases = locate(arguments.sources)
    except ValueError as error:
        raise InputError(str(error)) from error
    prepare(arguments.threads)
    report = Report(arguments, "serving")
    for name, base in bases.items():
        workload = Workload.of(name, base, arguments.signature)
        rows = (
            memory(workload, arguments.requests)
            if arguments.requests
            else measure(workload, arguments.seconds, arguments.threads)
        )
        for row in rows:
            report.add({"model": name, "signature": workload.signature.name, **row})
            print(report.rows[-1], file=sys.stderr, flush=True)
        workload.servable.close()
    report.save_plot(plot(report.rows))
    report.print_tables(*(memory_table if arguments.requests else tables)(report.rows))


if __name__ == "__main__":
    main()
