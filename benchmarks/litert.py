"""`python -m benchmarks.litert`: our LiteRT files compared with those of TensorFlow's converter."""

import argparse
import sys
import tempfile
from pathlib import Path

from apps.common import cli
from benchmarks.litert_cases import (
    DYNAMIC_SIZE_TARGET,
    DYNAMIC_TIME_TARGET,
    INPUTS,
    LAYERS,
    OUTPUTS,
    STREAMING_TARGET,
    STREAMING_UNITS,
    STREAMING_VOCABULARY,
    TIME,
    TIME_TARGETS,
    TOLERANCES,
    WHO,
)
from benchmarks.report import Report, Row, markdown, number, parser
from benchmarks.timing import first_calls, interleave


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    text = "Size and latency at batch 1 of LiteRT files, ours and those of stock Keras layers."
    options = parser("litert", text, seconds=5)
    options.add_argument("--layers", nargs="*", choices=list(LAYERS), default=list(LAYERS))
    options.add_argument("--units", nargs="+", type=int, default=[128, 512])
    options.add_argument("--outputs", nargs="+", choices=list(OUTPUTS), default=list(OUTPUTS))
    options.set_defaults(threads=1)
    return options.parse_args(argv)


def measure(layer: str, units: int, output: str, seconds: float, threads: int) -> Row:
    """One row: both sides, both quantizations, of one model.

    Returns:
        The row, with "error" instead of times if a file's results differ from the model's.
    """
    import numpy as np

    from benchmarks import litert_files

    row = {"layer": layer, "units": units, "output": output}
    with tempfile.TemporaryDirectory() as folder:
        files, x, expected = litert_files.whole_sequence(layer, units, output, Path(folder))
        row["bytes"] = {who: file.stat().st_size for who, file in files.items()}
        calls = {who: litert_files.caller(file, x, threads) for who, file in files.items()}
    _, results = first_calls(calls)
    scale = np.abs(expected).max()
    row["difference"] = {
        who: float(np.abs(result - expected).max() / scale) for who, result in results.items()
    }
    for who, difference in row["difference"].items():
        if not difference <= TOLERANCES[who.split()[1]]:
            return {**row, "error": f"{who} differs from the Keras model by {difference:.1e}"}
    timings = interleave(calls, seconds)
    row["seconds"] = {who: timing.as_dict() for who, timing in timings.items()}
    return row


def measure_streaming(seconds: float, threads: int) -> Row:
    """The row of one character at a time, from Python."""
    from benchmarks import litert_files

    sizes = {"units": STREAMING_UNITS, "vocabulary": STREAMING_VOCABULARY}
    with tempfile.TemporaryDirectory() as folder:
        calls = litert_files.streaming(*sizes.values(), Path(folder), threads)
    first_calls(calls)
    timings = interleave(calls, seconds)
    times = {who: timing.as_dict() for who, timing in timings.items()}
    return {"streaming": sizes, "seconds": times}


def target_ratios(row: Row) -> dict[str, tuple[float, float | None]]:
    """The values of a row that have a target: by name the value and its target, None for none."""
    median = {who: timing["median"] for who, timing in row["seconds"].items()}
    if "streaming" in row:
        return {"µs per character": (1e6 * median["char LM none"], 1e6 * STREAMING_TARGET)}
    target = TIME_TARGETS.get((row["output"], row["units"]))
    size = row["bytes"]["ours dynamic"] / row["bytes"]["ours none"]
    return {
        "ours/stock": (median["ours none"] / median["stock none"], target),
        "int8/float time": (median["ours dynamic"] / median["ours none"], DYNAMIC_TIME_TARGET),
        "int8/float size": (size, DYNAMIC_SIZE_TARGET),
    }


def tables(rows: list[Row]) -> list[str]:
    """The rows in Markdown: times and sizes, streaming, errors, and missed targets."""
    good = [row for row in rows if "seconds" in row]
    body = []
    for row in (row for row in good if "layer" in row):
        times = [f"{1e6 * row['seconds'][who]['median']:,.0f}" for who in WHO]
        sizes = [f"{row['bytes'][who] / 1e3:,.0f}" for who in WHO]
        ratios = [number(figure) for figure, _ in target_ratios(row).values()]
        body.append([title(row), *times, *sizes, *ratios])
    head = [
        "model", *(f"µs: {who}" for who in WHO), *(f"kB: {who}" for who in WHO),
        "ours/stock", "int8/float time", "int8/float size",
    ]  # fmt: skip
    found = [
        f"Microseconds per call from Python at batch 1, {TIME} steps of {INPUTS} inputs, median. "
        "none: float32; dynamic: int8 weights. The ratio ours/stock is of the float files.",
        markdown(head, body),
    ]
    found += [
        "Our files by quantization: kB, µs, and the largest difference from the Keras model over "
        "its largest value.",
        markdown(["model", "quantization", "kB", "µs", "difference"], quantized(good)),
    ]
    for row in good:
        if "streaming" in row:
            times = ", ".join(f"{who} {1e6 * t['median']:.1f}" for who, t in row["seconds"].items())
            found.append(f"{title(row)}, µs per character: {times}")
    found += [f"ERROR {title(row)}: {row['error']}" for row in rows if "error" in row]
    return found + [
        f"MISSED {title(row)}: {what} is {figure:.2f}, the target at most {target:g}"
        for row in good
        for what, (figure, target) in target_ratios(row).items()
        if target is not None and figure > target
    ]


def quantized(rows: list[Row]) -> list[list[str]]:
    """A line for each of our files that returns sequences."""
    return [
        [
            title(row),
            quantization,
            f"{row['bytes'][who] / 1e3:,.0f}",
            f"{1e6 * row['seconds'][who]['median']:,.0f}",
            f"{row['difference'][who]:.0e}",
        ]
        for row in rows
        if row.get("output") == "sequences"
        for quantization in OUTPUTS["sequences"]
        for who in [f"ours {quantization}"]
    ]


STOCK = "stock none"  # Keras's own export, not quantized


def title(row: Row) -> str:
    """The name of a row."""
    if "streaming" in row:
        return f"streaming LSTM {row['streaming']['units']}"
    return f"{row['layer']} {row['units']}, {row['output']}"


def plot(rows: list[Row]):
    """Bar chart of the time over that of the stock float file, a group per model."""
    from matplotlib.figure import Figure

    rows = [row for row in rows if "seconds" in row and "layer" in row]
    figure = Figure(figsize=(7, 1.5 + 0.5 * len(rows)), layout="constrained")
    axes = figure.subplots()
    names = {
        who: who.replace("none", "float32").replace("dynamic", "dynamic-range int8") for who in WHO
    }
    contenders = [who for who in WHO if who != STOCK]  # whose bar is 1
    for i, who in enumerate(contenders):
        times = [row["seconds"][who]["median"] / row["seconds"][STOCK]["median"] for row in rows]
        shade = str(0.2 + 0.3 * i)
        axes.barh(
            [k - 0.27 + 0.27 * i for k in range(len(rows))],
            times,
            0.27,
            color=shade,
            label=names[who],
        )
    axes.axvline(1, color="black", linewidth=0.8, label=f"{names[STOCK]} = 1")
    axes.set_yticks(range(len(rows)), [title(row) for row in rows])
    axes.invert_yaxis()
    axes.set_title("LiteRT at batch 1, by quantization (below 1: faster)", fontsize=11)
    axes.set_xlabel(f"time / time of {names[STOCK]}, Keras's own export")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


@cli.command
def main(argv=None) -> int:
    """The command; the exit code is 1 if any file is wrong."""
    arguments = parse(argv)
    from benchmarks.runtime import prepare

    prepare(arguments.threads)
    report = Report(arguments, "litert", time=TIME, inputs=INPUTS)

    def add(row):
        report.add(row)
        print(progress(row), file=sys.stderr, flush=True)

    for layer in arguments.layers:
        for units in arguments.units:
            for output in arguments.outputs:
                add(measure(layer, units, output, arguments.seconds, arguments.threads))
    add(measure_streaming(arguments.seconds, arguments.threads))
    report.save_plot(plot(report.rows))
    report.print_tables(*tables(report.rows))
    return int(any("error" in row for row in report.rows))


def progress(row: Row) -> str:
    """A row in one line."""
    if "error" in row:
        return f"{title(row)}: {row['error']}"
    figures = ", ".join(f"{what} {figure:.2f}" for what, (figure, _) in target_ratios(row).items())
    return f"{title(row)}: {figures}"


if __name__ == "__main__":
    sys.exit(main())
