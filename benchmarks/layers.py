"""How fast is each layer, and how much memory does it need, compared with Keras and PyTorch?

    python -m benchmarks.layers [--cases LSTM] [--shapes 32,60,5,32] [--passes training]

The floor is the time of the matrix products alone.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator

from apps.common import cli
from apps.common.plots import legend_below, new_figure
from benchmarks.cases.layers import CASES, COUNTED, SHAPES, Shape, flops
from benchmarks.measure.memory import memory_process, peak_memories
from benchmarks.measure.report import Row, cell, markdown, mebibytes, parser, run
from benchmarks.measure.timing import first_calls, interleave

CONTENDERS = ("ours graph", "ours jit", "Keras graph", "Keras jit", "PyTorch")
PASSES = {"training": True, "forward": False}


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    options = parser("layers", __doc__, seconds=10)
    options.add_argument(
        "--shapes", nargs="+", type=Shape.parse, default=SHAPES, metavar="BATCH,TIME,INPUTS,UNITS"
    )
    options.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    options.add_argument("--passes", nargs="+", choices=list(PASSES), default=list(PASSES))
    return options.parse_args(argv)


def measure(name: str, pass_: str, shape: Shape, seconds: float, process=None) -> Row:
    """One row.

    Args:
        name: one of `CASES`.
        pass_: "training" or "forward".
        shape: the sizes.
        seconds: minimum time to measure it.
        process: a `memory_process` that measures the peak memory; None skips that.

    Returns:
        The row, with "error" instead of times if ours and Keras's do not agree.
    """
    from benchmarks.cases import contenders

    training = PASSES[pass_]
    row = {"case": name, "pass": pass_, "shape": shape._asdict()}
    contest = contenders.contest(name, shape, training)
    row["first_call_seconds"], results = first_calls(contest.calls)
    row["disagreement"] = {
        who: contenders.disagreement(result, results["Keras graph"])
        for who, result in results.items()
        if who not in ("Keras graph", "PyTorch")
    }
    worst = max(row["disagreement"], key=row["disagreement"].get)
    if row["disagreement"][worst] > contenders.TOLERANCE:
        difference = f"{row['disagreement'][worst]:.1e}"
        return {**row, "error": f"{worst} differs from Keras graph by {difference} (relative)"}
    del results

    matmul, operations = contenders.matmul()
    matmul()
    row["seconds"] = interleave({**contest.calls, "matmul": matmul}, seconds)
    row["fit"] = contest.fit
    median = {who: timing["median"] for who, timing in row["seconds"].items()}
    row["flops"] = flops(CASES[name], shape, training=training)
    row["matmul_flops_per_second"] = operations / median["matmul"]
    row["floor_seconds"] = row["flops"] / row["matmul_flops_per_second"]
    ours = median[contest.fit["ours"]]  # ratios compare what `Model.fit` runs
    row["over_ours"] = {
        "Keras": median[contest.fit["Keras"]] / ours,
        "PyTorch": median["PyTorch"] / ours if "PyTorch" in median else None,
        "floor": row["floor_seconds"] / ours,
    }
    if training and process:
        row["peak_memory_bytes"] = peak_memories(process, contenders.contest, name, shape, training)
    return row


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown: times and ratios, then first calls and memory."""
    shown = [who for who in CONTENDERS if any(who in row["seconds"] for row in rows)]
    times, costs = [], []
    for row in rows:
        head = {"layer": row["case"], "pass": row["pass"], "shape": row["shape"]}
        marks = {who: "*" * (who in row["fit"].values()) for who in shown}
        cells = {who: cell(row["seconds"].get(who)) + marks[who] for who in shown}
        ratios = {f"{who}/ours": ratio for who, ratio in row["over_ours"].items()}
        times.append({**head, **cells, "floor": f"{1e3 * row['floor_seconds']:.3g}", **ratios})
        peaks = row.get("peak_memory_bytes", {})
        firsts = {f"s: {who}": row["first_call_seconds"].get(who) for who in shown}
        costs.append({**head, **firsts, **{f"MiB: {k}": mebibytes(peaks.get(k)) for k in shown}})
    return [
        "Milliseconds per call, median (interquartile range); `*` is what `Model.fit` runs here, "
        "and what the ratios compare. Shapes are batch x time x inputs x units.",
        markdown(times),
        "Seconds of the first call (trace + compile), and peak memory of one training step.",
        markdown(costs),
        COUNTED,
        "PyTorch's GRU always applies the reset gate after the product.",
    ]


def plot(rows: list[Row]):
    """Bar charts of the ratios: axes per pass and rival, a group per layer."""
    import pandas as pd

    frame = pd.DataFrame(rows).join(pd.DataFrame([row["over_ours"] for row in rows]))
    frame["shape"] = [cell(row["shape"]) for row in rows]
    rivals = [rival for rival in ("Keras", "PyTorch") if frame[rival].notna().any()]
    panels = [(pass_, rival) for pass_ in frame["pass"].unique() for rival in rivals]
    figure = new_figure(7.5, 2.8 * len(panels) + 0.5)
    grid = figure.subplots(len(panels), squeeze=False)[:, 0]
    for (pass_, rival), axes in zip(panels, grid):
        ratios = frame[frame["pass"] == pass_].pivot(index="case", columns="shape", values=rival)
        ratios = ratios.reindex(frame["case"].unique(), columns=frame["shape"].unique())
        ratios.plot.bar(ax=axes, width=0.8, rot=0, colormap="viridis", legend=False)
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set_xticks(axes.get_xticks(), [name.replace(" ", "\n") for name in ratios.index])
        axes.set_title(f"{pass_}: time of {rival} / ours (above 1: ours is faster)", fontsize=11)
        axes.set(xlabel="", ylabel="ratio of times")
        axes.grid(axis="y", alpha=0.3)
    legend_below(figure, grid[0], 3)
    figure.legends[0].set_title("batch x time x inputs x units")
    return figure


def measure_all(arguments: argparse.Namespace) -> Iterator[Row]:
    """All rows."""
    cases = itertools.product(arguments.passes, arguments.cases, arguments.shapes)
    with memory_process(arguments.threads) as process:
        for pass_, name, shape in cases:
            yield measure(name, pass_, shape, arguments.seconds, process)


@cli.command
def main(argv=None) -> int:
    """The command."""
    arguments = parse(argv)
    rows = measure_all(arguments)
    return run("layers", arguments, rows, tables, plot, counted_operations=COUNTED)


if __name__ == "__main__":
    sys.exit(main())
