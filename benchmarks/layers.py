"""`python -m benchmarks.layers`: each layer compared with Keras, PyTorch and the floor."""

import argparse
import sys

from apps.common import cli
from benchmarks.cases import CASES, COUNTED, SHAPES, Shape, flops
from benchmarks.memory import MemoryProbe
from benchmarks.report import Report, Row, markdown, mebibytes, milliseconds, number, parser
from benchmarks.timing import first_calls, interleave

CONTENDERS = ("ours graph", "ours jit", "Keras graph", "Keras jit", "PyTorch")
PASSES = {"training": True, "forward": False}


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    options = parser("layers", "Time each layer, interleaved with its rivals.", seconds=10)
    options.add_argument(
        "--shapes", nargs="+", type=Shape.parse, default=SHAPES, metavar="BATCH,TIME,INPUTS,UNITS"
    )
    options.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    options.add_argument("--passes", nargs="+", choices=list(PASSES), default=list(PASSES))
    return options.parse_args(argv)


def measure(name: str, pass_: str, shape: Shape, seconds: float, probe: MemoryProbe | None) -> Row:
    """One row.

    Args:
        name: one of `CASES`.
        pass_: "training" or "forward".
        shape: the sizes.
        seconds: minimum time to measure it.
        probe: measures the peak memory; None skips that.

    Returns:
        The row, with "error" instead of times if ours and Keras's do not agree.
    """
    from benchmarks import contenders

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

    matmul = contenders.matmul_call()
    matmul()
    timings = interleave({**contest.calls, "matmul": matmul}, seconds)
    rate = contenders.matmul_rate(timings["matmul"].median)
    row["flops"] = flops(CASES[name], shape, training=training)
    row["matmul_flops_per_second"] = rate
    row["floor_seconds"] = row["flops"] / rate
    row["seconds"] = {who: timing.as_dict() for who, timing in timings.items()}
    row["fit"] = contest.fit
    row["over_ours"] = ratios(row)
    if training and probe:
        row["peak_memory_bytes"] = probe.measure(contenders.contest, name, shape, training)
    return row


def ratios(row: Row) -> dict[str, float | None]:
    """The median of each rival, and the floor, over that of ours; both as `Model.fit` runs them."""
    medians = {who: timing["median"] for who, timing in row["seconds"].items()}
    ours = medians[row["fit"]["ours"]]
    return {
        "Keras": medians[row["fit"]["Keras"]] / ours,
        "PyTorch": medians["PyTorch"] / ours if "PyTorch" in medians else None,
        "floor": row["floor_seconds"] / ours,
    }


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown: times and ratios, then first calls and memory, notes, errors."""
    good = [row for row in rows if "error" not in row]
    shown = [who for who in CONTENDERS if any(who in row["seconds"] for row in good)]
    times, costs = [], []
    for row in good:
        head = [row["case"], row["pass"], str(Shape(**row["shape"]))]
        marks = {who: "*" if who in row["fit"].values() else "" for who in shown}
        over_ours = [number(row["over_ours"][side]) for side in ("Keras", "PyTorch", "floor")]
        cells = [milliseconds(row["seconds"].get(who)) + marks[who] for who in shown]
        times.append([*head, *cells, f"{1e3 * row['floor_seconds']:.3g}", *over_ours])
        first, peak = row["first_call_seconds"], row.get("peak_memory_bytes", {})
        costs.append([*head, *(number(first.get(who)) for who in shown),
                      *(mebibytes(peak.get(who)) for who in shown)])  # fmt: skip
    head = ["layer", "pass", "shape"]
    found = [
        "Milliseconds per call, median (interquartile range); `*` is what `Model.fit` runs here, "
        "and what the ratios compare. Shapes are batch x time x inputs x units.",
        markdown([*head, *shown, "floor", "Keras/ours", "PyTorch/ours", "floor/ours"], times),
        "Seconds of the first call (trace + compile), and peak memory of one training step.",
        markdown(
            [*head, *(f"s: {who}" for who in shown), *(f"MiB: {who}" for who in shown)], costs
        ),
        COUNTED,
    ]
    for note in dict.fromkeys(CASES[row["case"]].note for row in good):
        if note:
            names = dict.fromkeys(r["case"] for r in good if CASES[r["case"]].note == note)
            found.append(f"{', '.join(names)}: {note}")
    found += [
        f"ERROR {row['case']}, {row['pass']}, {Shape(**row['shape'])}: {row['error']}"
        for row in rows
        if "error" in row
    ]
    return found


def plot(rows: list[Row]):
    """Bar charts of the ratios: axes per pass and rival, a group per layer."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    rows = [row for row in rows if "error" not in row]
    passes = [p for p in PASSES if any(row["pass"] == p for row in rows)] or list(PASSES)
    shapes = list(dict.fromkeys(Shape(**row["shape"]) for row in rows))
    names = [name for name in CASES if any(row["case"] == name for row in rows)]
    rivals = ["Keras", "PyTorch"] if any("PyTorch" in row["seconds"] for row in rows) else ["Keras"]
    panels = [(pass_, rival) for pass_ in passes for rival in rivals]
    figure = Figure(figsize=(7.5, 2.8 * len(panels) + 0.5), layout="constrained")
    grid = figure.subplots(len(panels), squeeze=False)[:, 0]
    for (pass_, rival), axes in zip(panels, grid):
        for i, shape in enumerate(shapes):
            of_shape = {
                row["case"]: row["over_ours"][rival]
                for row in rows
                if row["pass"] == pass_ and Shape(**row["shape"]) == shape
            }
            width = 0.8 / len(shapes)
            left = [k - 0.4 + (i + 0.5) * width for k in range(len(names))]
            heights = [of_shape.get(name) or float("nan") for name in names]
            shade = colormaps["viridis"](i / len(shapes))
            axes.bar(left, heights, width, color=shade, label=str(shape))
        axes.axhline(1, color="black", linewidth=0.8)
        wrapped = [name.replace(" ", "\n") for name in names]
        axes.set_xticks(range(len(names)), wrapped, fontsize=9)
        axes.set_title(f"{pass_}: time of {rival} / ours (above 1: ours is faster)", fontsize=11)
        axes.set_ylabel("ratio of times")
        axes.grid(axis="y", alpha=0.3)
    if shapes:
        handles, labels = grid[0].get_legend_handles_labels()
        title = "batch x time x inputs x units"
        figure.legend(handles, labels, title=title, loc="outside lower center", ncols=3, fontsize=9)
    return figure


@cli.command
def main(argv=None) -> int:
    """The command; the exit code is 1 if any row is an error."""
    arguments = parse(argv)
    from benchmarks.runtime import prepare

    prepare(arguments.threads)
    report = Report(arguments, "layers", counted_operations=COUNTED)
    with MemoryProbe(arguments.threads) as probe:
        for pass_ in arguments.passes:
            for name in arguments.cases:
                for shape in arguments.shapes:
                    report.add(measure(name, pass_, shape, arguments.seconds, probe))
                    print(progress(report.rows[-1]), file=sys.stderr, flush=True)
    report.save_plot(plot(report.rows))
    report.print_tables(*tables(report.rows))
    return int(any("error" in row for row in report.rows))


def progress(row: Row) -> str:
    """A row in one line."""
    head = f"{row['case']}, {row['pass']}, {Shape(**row['shape'])}: "
    if "error" in row:
        return head + row["error"]
    return head + ", ".join(f"{who} {number(x)}" for who, x in row["over_ours"].items()) + " x ours"


if __name__ == "__main__":
    sys.exit(main())
