"""How large and how fast are our LiteRT files, compared with those of TensorFlow's converter?

python -m benchmarks.litert [--layers LSTM] [--units 128] [--outputs last]
"""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from apps.common import cli
from apps.common.plots import legend_below, new_figure
from benchmarks.cases import litert as cases
from benchmarks.cases.litert import CONTENDERS
from benchmarks.measure.report import Row, markdown, parser, run
from benchmarks.measure.timing import first_calls, interleave

STOCK = "stock none"  # Keras's own export, not quantized


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    options = parser("litert", __doc__, seconds=5)
    options.add_argument(
        "--layers", nargs="*", choices=list(cases.LAYERS), default=list(cases.LAYERS)
    )
    options.add_argument("--units", nargs="+", type=int, default=[128, 512])
    options.add_argument(
        "--outputs", nargs="+", choices=list(cases.OUTPUTS), default=list(cases.OUTPUTS)
    )
    options.set_defaults(threads=1)
    return options.parse_args(argv)


def measure(layer: str, units: int, output: str, seconds: float, threads: int) -> Row:
    """One row: both sides, both quantizations, of one model.

    Returns:
        The row, with "error" instead of times if a file's results differ from the model's.
    """
    from benchmarks.cases import litert_files
    from benchmarks.cases.contenders import disagreement

    row = {"layer": layer, "units": units, "output": output}
    with tempfile.TemporaryDirectory() as folder:
        files, x, expected = litert_files.whole_sequence(layer, units, output, Path(folder))
        row["bytes"] = {who: file.stat().st_size for who, file in files.items()}
        calls = {who: litert_files.caller(file, threads, x=x) for who, file in files.items()}
    _, results = first_calls(calls)
    row["difference"] = {who: disagreement([result], [expected]) for who, result in results.items()}
    for who, difference in row["difference"].items():
        if difference > cases.TOLERANCES[who.split()[1]]:
            return {**row, "error": f"{who} differs from the Keras model by {difference:.1e}"}
    return {**row, "seconds": interleave(calls, seconds)}


def measure_streaming(seconds: float, threads: int) -> Row:
    """The row of one character at a time, from Python."""
    from benchmarks.cases import litert_files

    with tempfile.TemporaryDirectory() as folder:
        calls = litert_files.streaming(**cases.STREAMING, folder=Path(folder), threads=threads)
    first_calls(calls)
    return {"streaming": cases.STREAMING, "seconds": interleave(calls, seconds)}


def target_ratios(row: Row) -> dict[str, float]:
    """The values of a row that may have a target, by name."""
    if "streaming" in row:
        return {"µs per character": microseconds(row, "char LM none")}
    time = microseconds(row, "ours dynamic") / microseconds(row, "ours none")
    return {
        "ours/stock": microseconds(row, "ours none") / microseconds(row, STOCK),
        "int8/float time": time,
        "int8/float size": row["bytes"]["ours dynamic"] / row["bytes"]["ours none"],
    }


def missed_targets(row: Row) -> list[str]:
    """A line for each target that a row misses."""
    targets = {
        **cases.TARGETS,
        "ours/stock": cases.TIME_TARGETS.get((row.get("output"), row.get("units"))),
    }
    return [
        f"MISSED {title(row)}: {what} is {ratio:.2f}, the target at most {targets[what]:g}"
        for what, ratio in target_ratios(row).items()
        if targets[what] and ratio > targets[what]
    ]


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown: times and sizes, our quantizations, streaming, and missed targets."""
    layers = [row for row in rows if "layer" in row]
    body = [
        {
            "model": title(row),
            **{f"µs: {who}": microseconds(row, who) for who in CONTENDERS},
            **{f"kB: {who}": row["bytes"][who] / 1e3 for who in CONTENDERS},
            **target_ratios(row),
        }
        for row in layers
    ]
    quantized = [
        {
            "model": title(row),
            "quantization": quantization,
            "kB": row["bytes"][f"ours {quantization}"] / 1e3,
            "µs": microseconds(row, f"ours {quantization}"),
            "difference": f"{row['difference'][f'ours {quantization}']:.0e}",
        }
        for row in layers
        if row["output"] == "sequences"
        for quantization in cases.OUTPUTS["sequences"]
    ]
    streaming = [
        {"µs per character": title(row), **{k: microseconds(row, k) for k in row["seconds"]}}
        for row in rows
        if "streaming" in row
    ]
    return [
        f"Microseconds per call from Python at batch 1, {cases.TIME} steps of {cases.INPUTS} "
        "inputs, median. none: float32; dynamic: int8 weights. The ratio ours/stock is of the "
        "float files.",
        markdown(body),
        "Our files by quantization: kB, µs, and the largest difference from the Keras model over "
        "its largest value.",
        markdown(quantized),
        markdown(streaming),
        *(line for row in rows for line in missed_targets(row)),
    ]


def microseconds(row: Row, who: str) -> float:
    """The median of a contender."""
    return 1e6 * row["seconds"][who]["median"]


def title(row: Row) -> str:
    """The name of a row."""
    if "streaming" in row:
        return f"streaming LSTM {row['streaming']['units']}"
    return f"{row['layer']} {row['units']}, {row['output']}"


def plot(rows: list[Row]):
    """Bar chart of the time over that of the stock float file, a group per model."""
    import pandas as pd

    rows = [row for row in rows if "layer" in row]
    times = pd.DataFrame(
        [{who: microseconds(row, who) for who in CONTENDERS} for row in rows], map(title, rows)
    )
    ratios = times.div(times.pop(STOCK), axis="index")
    ratios.columns = ratios.columns.str.replace("none", "float32")
    ratios.columns = ratios.columns.str.replace("dynamic", "dynamic-range int8")
    figure = new_figure(7, 1.5 + 0.5 * len(rows))
    axes = figure.subplots()
    ratios.plot.barh(ax=axes, width=0.8, color=["0.2", "0.5", "0.8"], legend=False)
    axes.axvline(1, color="black", linewidth=0.8, label="stock float32 = 1")
    axes.invert_yaxis()
    axes.set_title("LiteRT at batch 1, by quantization (below 1: faster)", fontsize=11)
    axes.set_xlabel("time / time of stock float32, Keras's own export")
    axes.grid(axis="x", alpha=0.3)
    legend_below(figure, axes)
    return figure


def measure_all(arguments: argparse.Namespace) -> Iterator[Row]:
    """All rows."""
    seconds, threads = arguments.seconds, arguments.threads
    models = itertools.product(arguments.layers, arguments.units, arguments.outputs)
    for layer, units, output in models:
        yield measure(layer, units, output, seconds, threads)
    yield measure_streaming(seconds, threads)


@cli.command
def main(argv=None) -> int:
    """The command; the exit code is 1 if a file is wrong."""
    arguments = parse(argv)
    rows = measure_all(arguments)
    return run("litert", arguments, rows, tables, plot, time=cases.TIME, inputs=cases.INPUTS)


if __name__ == "__main__":
    sys.exit(main())
