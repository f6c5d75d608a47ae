"""How do time and memory of an LSTM's training step grow with time steps, batch size and units?

    python -m benchmarks.scaling [--time 64 4096] [--batch 1 16] [--units 32 1024]

Full and truncated BPTT, compared with Keras.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

from apps.common import cli
from apps.common.plots import legend_below, new_figure
from benchmarks.cases.layers import FULL, KERAS, TAU, TRUNCATED, Shape
from benchmarks.measure.memory import memory_process, peak_memories
from benchmarks.measure.report import Row, markdown, mebibytes, parser, run
from benchmarks.measure.timing import first_calls, interleave

MIDDLE = Shape(batch=16, time=128, inputs=64, units=128)
SWEEPS = {
    "time": (64, 128, 256, 512, 1024, 2048, 4096),
    "batch": (1, 4, 16, 64, 256),
    "units": (32, 64, 128, 256, 512, 1024),
}
CONTENDERS = [FULL, TRUNCATED, KERAS]


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    options = parser("scaling", __doc__, seconds=5)
    for axis, values in SWEEPS.items():
        text = f"values of {axis}, else {getattr(MIDDLE, axis)}; none to skip it"
        options.add_argument(f"--{axis}", nargs="*", type=int, default=values, help=text)
    return options.parse_args(argv)


def measure(arguments: argparse.Namespace) -> Iterator[Row]:
    """A row for each value of each axis; the other axes stay at `MIDDLE`."""
    from benchmarks.cases.contenders import bptt_contest

    with memory_process(arguments.threads) as process:
        for axis in SWEEPS:
            for value in getattr(arguments, axis):
                shape, truncated = MIDDLE._replace(**{axis: value}), axis == "time"
                calls = bptt_contest(shape, truncated).calls
                first, _ = first_calls(calls)
                yield {
                    "axis": axis,
                    "shape": shape._asdict(),
                    "first_call_seconds": first,
                    "seconds": interleave(calls, arguments.seconds),
                    "peak_memory_bytes": peak_memories(process, bptt_contest, shape, truncated),
                }


def exponent(values: Sequence[float], costs: Sequence[float | None]) -> float | None:
    """The p of cost ~ value^p over the upper half of the values, by least squares on logarithms.

    1 is linear growth and 0 none. None with fewer than two usable points.
    """
    import numpy as np

    points = [(v, c) for v, c in zip(values, costs) if c]
    points = points[min(len(points) // 2, len(points) - 2) :] if len(points) >= 2 else []
    return float(np.polyfit(*np.log(points).T, 1)[0]) if points else None


def costs(row: Row, who: str) -> list[float | None]:
    """Milliseconds and peak MiB of a contender, None where unknown."""
    timing, peak = row["seconds"].get(who), row["peak_memory_bytes"].get(who)
    return [1e3 * timing["median"] if timing else None, mebibytes(peak)]


def tables(rows: list[Row]) -> list[str]:
    """Every row, then the growth of time and memory."""
    body = [
        {
            "axis": row["axis"],
            "value": row["shape"][row["axis"]],
            **{who: row["seconds"].get(who) for who in CONTENDERS},
            **{f"MiB: {who}": costs(row, who)[1] for who in CONTENDERS},
        }
        for row in rows
    ]
    growth = []
    for axis in dict.fromkeys(row["axis"] for row in rows):
        mine = [row for row in rows if row["axis"] == axis]
        values = [row["shape"][axis] for row in mine]
        for who in mine[0]["seconds"]:
            time, memory = (
                exponent(values, column) for column in zip(*(costs(row, who) for row in mine))
            )
            growth.append(
                {"axis": axis, "contender": who, "p of time": time, "p of memory": memory}
            )
    return [
        f"One training step of an LSTM; axes not swept: {MIDDLE} (batch x time x inputs x "
        "units). Milliseconds, median (interquartile range), and peak memory.",
        markdown(body),
        "Growth as value^p over the upper half of the sweep (p = 1 is linear, 0 is flat):",
        markdown(growth),
    ]


def plot(rows: list[Row]):
    """Time on the left, memory on the right, a row per axis."""
    names = list(dict.fromkeys(row["axis"] for row in rows))
    figure = new_figure(8, 3 * len(names) + 0.5)
    grid = figure.subplots(len(names), 2, squeeze=False)
    for line, axis in zip(grid, names):
        mine = [row for row in rows if row["axis"] == axis]
        for style, who in zip(("C0o-", "C1s-", "C2^-"), CONTENDERS):
            for axes, column in zip(line, zip(*(costs(row, who) for row in mine))):
                known = [(row["shape"][axis], cost) for row, cost in zip(mine, column) if cost]
                if known:
                    axes.plot(*zip(*known), style, markersize=4, label=who)
        for axes, what in zip(line, ("ms per training step", "peak memory, MiB")):
            axes.set(xlabel="time steps" if axis == "time" else axis, ylabel=what, yscale="log")
            axes.set_xscale("log", base=2)
            axes.grid(alpha=0.3)
    figure.suptitle("Training step of an LSTM: time and memory", fontsize=11)
    legend_below(figure, grid[0, 0], 3)
    return figure


@cli.command
def main(argv=None) -> int:
    """The command."""
    arguments = parse(argv)
    return run("scaling", arguments, measure(arguments), tables, plot, tau=TAU)


if __name__ == "__main__":
    sys.exit(main())
