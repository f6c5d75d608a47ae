"""Shared parts of the benchmarks: options, files, tables."""

import argparse
import datetime
import importlib.metadata
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.common.files import atomic_path, write_text

RESULTS = Path(__file__).parent / "results"
MIB = 2**20
# A load average beyond which a run warns. PyTorch's OpenMP threads spin at barriers: with another
# process on a core, a step of 2 ms took 1,000 ms.
BUSY = 0.7

Row = dict[str, Any]


def parser(name: str, description: str, *, seconds: float) -> argparse.ArgumentParser:
    """A parser with the options that all benchmarks have.

    Args:
        name: the module, such as `layers`.
        description: for `--help`.
        seconds: the default of `--seconds`.
    """
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    made.add_argument("--seconds", type=float, default=seconds, help="minimum time per row")
    made.add_argument("--threads", type=int, default=2, help="threads of each framework")
    made.add_argument(
        "--output", type=Path, default=RESULTS / f"{name}.json", help="JSON, the plot next to it"
    )
    return made


class Report:
    """The JSON file of one run, rewritten after each row, so that none is lost.

    Args:
        arguments: the parsed options.
        name: the module, such as `layers`.
        **facts: further entries of the file.
    """

    def __init__(self, arguments: argparse.Namespace, name: str, **facts: Any):
        from apps.common import environment

        versions = environment.package_versions()
        try:
            versions["torch"] = importlib.metadata.version("torch")
        except importlib.metadata.PackageNotFoundError:
            print("PyTorch is left out: it is not installed (pip install '.[bench]').")
        self.output = arguments.output
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        if load and load > BUSY:
            print(f"warning: the machine is busy (load average {load:.1f}): the times below "
                  "are unreliable, PyTorch's most of all.", file=sys.stderr)  # fmt: skip
        self.header = {
            "command": shlex.join(["python", "-m", f"benchmarks.{name}", *sys.argv[1:]]),
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "machine": environment.describe_machine(),
            "load_average_before": load,
            "threads": arguments.threads,
            "versions": versions,
            **facts,
        }
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Append a row and write the file."""
        self.rows.append(row)
        write_text(self.output, json.dumps({**self.header, "rows": self.rows}, indent=1) + "\n")

    def save_plot(self, figure) -> None:
        """Write a Matplotlib figure next to the JSON file."""
        with atomic_path(self.output.with_suffix(".png")) as temporary:
            figure.savefig(temporary, dpi=120)

    def print_tables(self, *tables: str) -> None:
        """Print the machine, the Markdown tables and where the files are."""
        print(f"\n{self.header['machine']}; {self.header['threads']} threads each; "
              f"{self.header['date']}; load average before: "
              f"{number(self.header['load_average_before'])}", *tables, sep="\n\n")  # fmt: skip
        print(f"\n{self.output} and {self.output.with_suffix('.png').name}")


def draw_bars(axes, values: dict[str, float]) -> None:
    """A horizontal bar for each value, the first on top, with its value at its end."""
    bars = axes.barh(list(values), list(values.values()))
    axes.bar_label(bars, fmt="{:,.0f}", fontsize=9, padding=2)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:,.0f}")


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns aligned."""
    table = [list(header), *map(list, rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
        for row in table
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def milliseconds(timing: dict[str, float] | None) -> str:
    """`12.3 (0.4)`: the median and the interquartile range; a dash for None."""
    if timing is None:
        return "–"
    spread = timing["q3"] - timing["q1"]
    return f"{1e3 * timing['median']:.3g} ({1e3 * spread:.2g})"


def number(value: float | None, digits: int = 2) -> str:
    """With `digits` digits after the point; a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def mebibytes(value: int | None) -> str:
    """A number of bytes in MiB; a dash for None."""
    return number(None if value is None else value / MIB, 1)
