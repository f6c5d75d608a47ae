"""What all benchmarks share: options, the JSON file, the plot, tables."""

import argparse
import datetime
import importlib.metadata
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from apps.common import environment
from apps.common.files import write_text
from apps.common.plots import new_figure, save_figure
from benchmarks.measure.runtime import has_torch, prepare

RESULTS = Path(__file__).parents[1] / "results"
MIB = 2**20
# A load average beyond which a run warns. PyTorch's OpenMP threads spin at barriers: with another
# process on a core, a step of 2 ms took 1,000 ms.
BUSY = 0.7

Row = dict[str, Any]


def parser(name: str, doc: str, *, seconds: float) -> argparse.ArgumentParser:
    """A parser with the options that all benchmarks have.

    Args:
        name: the module, such as `layers`.
        doc: its docstring; the first line is the question in `--help`.
        seconds: the default of `--seconds`.
    """
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=doc.partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    made.set_defaults(prog=made.prog)
    made.add_argument("--seconds", type=float, default=seconds, help="minimum time per row")
    made.add_argument("--threads", type=int, default=2, help="threads of each framework")
    made.add_argument(
        "--results", type=Path, default=RESULTS, help="folder of the JSON file and the plot"
    )
    return made


def run(
    name: str,
    arguments: argparse.Namespace,
    rows: Iterable[Row],
    tables: Callable[[list[Row]], Sequence[str]],
    plot: Callable[[list[Row]], Any] | None = None,
    **facts: Any,
) -> int:
    """Measures all rows, and writes them to `NAME.json` after each one, so that none is lost.

    Args:
        name: of the files with the results, without suffix.
        arguments: the parsed options.
        rows: measures one row after the other; TensorFlow is set up before the first.
        tables: from the rows without an error to paragraphs and Markdown tables, printed.
        plot: from these rows to a Matplotlib figure, written to `NAME.png`; None for none.
        **facts: further entries of the JSON file.

    Returns:
        The exit code: 1 if a row has an `error`.
    """
    prepare(arguments.threads)
    report = {**_header(arguments), **facts, "rows": []}
    file = arguments.results / f"{name}.json"
    for row in rows:
        report["rows"].append(row)
        write_text(file, json.dumps(report, indent=1) + "\n")
        print(progress(row), file=sys.stderr, flush=True)
    if good := without_errors(report["rows"]):
        print(f"\n{report['machine']}; {report['threads']} threads each; {report['date']}; load "
              f"average before: {cell(report['load_average_before'])}", *tables(good),
              sep="\n\n")  # fmt: skip
        if plot:
            save_figure(plot(good), file.with_suffix(".png"))
    errors = [row for row in report["rows"] if "error" in row]
    print("", *(f"ERROR {progress(row)}" for row in errors), file if report["rows"] else "no rows",
          sep="\n")  # fmt: skip
    return int(bool(errors))


def without_errors(rows: list[Row]) -> list[Row]:
    """The rows that were measured."""
    return [row for row in rows if "error" not in row]


def _header(arguments: argparse.Namespace) -> dict[str, Any]:
    """The command, the machine and the versions; warns if the machine is busy."""
    versions = environment.package_versions()
    if has_torch():
        versions["torch"] = importlib.metadata.version("torch")
    else:
        print("PyTorch is left out: it is not installed (pip install '.[bench]').")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if load and load > BUSY:
        print(f"warning: the machine is busy (load average {load:.1f}): the times below "
              "are unreliable, PyTorch's most of all.", file=sys.stderr)  # fmt: skip
    return {
        "command": shlex.join([*arguments.prog.split(), *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": environment.describe_machine(),
        "load_average_before": load,
        "threads": arguments.threads,
        "versions": versions,
    }


def progress(row: Row) -> str:
    """A row in one line: its texts and numbers, its shape, and the times of each contender."""
    facts = {k: v for k, v in row.items() if isinstance(v, (str, int, float)) or k == "shape"}
    times = {f"{who}, ms": timing for who, timing in row.get("seconds", {}).items()}
    return "; ".join(f"{name} {cell(value)}" for name, value in {**facts, **times}.items())


def bar_chart(panels: Mapping[str, Mapping[str, float]], xlabel: str):
    """Horizontal bars with their values: a panel for each title, a bar for each of its entries."""
    figure = new_figure(7, sum(2.2 + 0.1 * len(values) for values in panels.values()))
    grid = figure.subplots(len(panels), squeeze=False)[:, 0]
    for (title, values), axes in zip(panels.items(), grid):
        bars = axes.barh(list(values), list(values.values()))
        axes.bar_label(bars, fmt="{:,.0f}", fontsize=9, padding=2)
        axes.margins(x=0.12)
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_title(title, fontsize=11)
        axes.set_xlabel(xlabel)
    return figure


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table with a column per key, aligned; the cells are formatted by `cell`."""
    if not rows:
        return "No rows."
    columns = dict.fromkeys(name for row in rows for name in row)
    lines = [list(columns), *([cell(row.get(name)) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def cell(value: Any) -> str:
    """A value for a table.

    Of a `Timing` the median and the interquartile range in milliseconds, as `12.3 (0.4)`; a shape
    as `32x60x5x32`; a dash for None; a float with 4 digits.
    """
    if value is None:
        return "–"
    if isinstance(value, dict) and "median" in value:
        return f"{1e3 * value['median']:.3g} ({1e3 * (value['q3'] - value['q1']):.2g})"
    if isinstance(value, dict):
        return "x".join(map(str, value.values()))
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def mebibytes(value: int | None) -> float | None:
    """A number of bytes in MiB."""
    return None if value is None else value / MIB
