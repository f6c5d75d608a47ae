"""`python -m benchmarks.scaling`: an LSTM's training step as time, batch and units grow."""

import argparse
import sys

from apps.common import cli
from benchmarks.cases import Shape
from benchmarks.memory import MemoryProbe
from benchmarks.report import MIB, Report, Row, markdown, mebibytes, milliseconds, number, parser
from benchmarks.timing import Contest, first_calls, interleave

MIDDLE = Shape(batch=16, time=128, inputs=64, units=128)
SWEEPS = {
    "time": (64, 128, 256, 512, 1024, 2048, 4096),
    "batch": (1, 4, 16, 64, 256),
    "units": (32, 64, 128, 256, 512, 1024),
}
TAU = 64  # time steps of a chunk of truncated BPTT
FULL, TRUNCATED, KERAS = "ours", f"ours, truncated at {TAU}", "Keras"


def parse(argv=None) -> argparse.Namespace:
    """The options."""
    text = f"Time and memory of an LSTM's training step; axes that are not swept stay at {MIDDLE}."
    options = parser("scaling", text, seconds=5)
    for axis, values in SWEEPS.items():
        options.add_argument(
            f"--{axis}", nargs="*", type=int, default=values, help=f"values of {axis}; none skips"
        )
    return options.parse_args(argv)


def contest(shape: Shape, truncated: bool) -> Contest:
    """Ours and Keras's over the whole sequence, and with `truncated` ours in chunks of `TAU`.

    Each is compiled as `Model.fit` would. A call computes the gradient for the whole sequence, or
    for one chunk after the other with the state carried over; no optimizer.
    """
    import numpy as np

    from benchmarks import contenders
    from benchmarks.cases import CASES

    X = np.random.default_rng(0).standard_normal(shape[:3], np.float32)
    calls = {}
    for name, build in ((FULL, contenders.build_ours), (KERAS, contenders.build_keras)):
        model = build(CASES["LSTM"], shape)
        jit_compile = contenders.MODES[contenders.fit_mode(model)]
        calls[name] = contenders.tensorflow_call(model, X, True, jit_compile)
    if truncated:
        calls[TRUNCATED] = truncated_call(X, shape.units)
    return Contest(calls)


def truncated_call(X, units: int):
    """Truncated BPTT over `X`: a gradient per chunk; the carried state cuts it off."""
    import tensorflow as tf

    from benchmarks.contenders import synchronous
    from rnn_keras.layers import LSTM

    layer = LSTM(units, return_sequences=True, return_state=True)
    chunks = [tf.constant(X[:, start : start + TAU]) for start in range(0, X.shape[1], TAU)]
    zeros = [tf.zeros((X.shape[0], units))] * 2
    layer(chunks[0][:, :1])  # builds the weights outside the step

    @tf.function(autograph=False)
    def step(chunk, state):
        with tf.GradientTape() as tape:
            H, *state = layer(chunk, initial_state=state, training=True)
            loss = tf.reduce_sum(tf.square(H))
        return state, tape.gradient(loss, layer.trainable_variables)

    def run():
        state = zeros
        for chunk in chunks:
            state, _ = step(chunk, state)
        return state

    return synchronous(run)


def measure(axis: str, value: int, seconds: float, probe: MemoryProbe | None) -> Row:
    """One row.

    Args:
        axis: "time", "batch" or "units".
        value: of that axis; the others stay at `MIDDLE`.
        seconds: minimum time to measure it.
        probe: measures the peak memory; None skips that.
    """
    shape, truncated = MIDDLE._replace(**{axis: value}), axis == "time"
    calls = contest(shape, truncated).calls
    first, _ = first_calls(calls)
    timings = interleave(calls, seconds)
    peaks = probe.measure(contest, shape, truncated) if probe else {}
    return {
        "axis": axis,
        "shape": shape._asdict(),
        "first_call_seconds": first,
        "seconds": {name: timing.as_dict() for name, timing in timings.items()},
        "peak_memory_bytes": peaks,
    }


def exponent(values: list[float], costs: list[float | None]) -> float | None:
    """The p of cost ~ value^p over the upper half of the values, by least squares on logarithms.

    1 is linear growth and 0 none. None with fewer than two usable points.
    """
    import numpy as np

    points = [(v, c) for v, c in zip(values, costs) if c]
    points = points[min(len(points) // 2, len(points) - 2) :] if len(points) >= 2 else []
    return float(np.polyfit(*np.log(points).T, 1)[0]) if points else None


def series(rows: list[Row], axis: str, name: str) -> tuple[list, list, list]:
    """Values, median seconds and peak bytes (None: unknown) of one contender along one axis."""
    found = [row for row in rows if row["axis"] == axis and name in row["seconds"]]
    return (
        [row["shape"][axis] for row in found],
        [row["seconds"][name]["median"] for row in found],
        [row["peak_memory_bytes"].get(name) for row in found],
    )


def tables(rows: list[Row]) -> list[str]:
    """Every row, then the growth of time and memory."""
    names = [FULL, TRUNCATED, KERAS]
    body = [
        [row["axis"], str(row["shape"][row["axis"]]),
         *(milliseconds(row["seconds"].get(name)) for name in names),
         *(mebibytes(row["peak_memory_bytes"].get(name)) for name in names)]
        for row in rows
    ]  # fmt: skip
    growth = []
    for axis in dict.fromkeys(row["axis"] for row in rows):
        for name in names:
            values, seconds, peaks = series(rows, axis, name)
            if values:
                cells = [number(exponent(values, costs)) for costs in (seconds, peaks)]
                growth.append([axis, name, *cells])
    return [
        f"One training step of an LSTM; axes not swept: {MIDDLE} (batch x time x inputs x "
        "units). Milliseconds, median (interquartile range), and peak memory.",
        markdown(["axis", "value", *names, *(f"MiB: {name}" for name in names)], body),
        "Growth as value^p over the upper half of the sweep (p = 1 is linear, 0 is flat):",
        markdown(["axis", "contender", "p of time", "p of memory"], growth),
    ]


def plot(rows: list[Row]):
    """Time on the left, memory on the right, a row per axis."""
    from matplotlib.figure import Figure

    axes_names = list(dict.fromkeys(row["axis"] for row in rows))
    figure = Figure(figsize=(8, 3 * len(axes_names) + 0.5), layout="constrained")
    grid = figure.subplots(len(axes_names), 2, squeeze=False)
    for line, axis in zip(grid, axes_names):
        for style, name in (("C0o-", FULL), ("C1s-", TRUNCATED), ("C2^-", KERAS)):
            values, seconds, peaks = series(rows, axis, name)
            known = [(value, peak / MIB) for value, peak in zip(values, peaks) if peak]
            if values:
                line[0].plot(values, [1e3 * s for s in seconds], style, markersize=4, label=name)
            if known:
                line[1].plot(*zip(*known), style, markersize=4)
        for axes, what in zip(line, ("ms per training step", "peak memory, MiB")):
            axes.set(xlabel="time steps" if axis == "time" else axis, ylabel=what, yscale="log")
            axes.set_xscale("log", base=2)
            axes.grid(alpha=0.3)
    figure.suptitle("Training step of an LSTM: time and memory", fontsize=11)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@cli.command
def main(argv=None) -> None:
    """The command."""
    arguments = parse(argv)
    from benchmarks.runtime import prepare

    prepare(arguments.threads)
    report = Report(arguments, "scaling", tau=TAU)
    with MemoryProbe(arguments.threads) as probe:
        for axis in SWEEPS:
            for value in getattr(arguments, axis):
                report.add(measure(axis, value, arguments.seconds, probe))
                medians = {k: f"{v['median']:.3g} s" for k, v in report.rows[-1]["seconds"].items()}
                print(f"{axis} {value}: {medians}", file=sys.stderr, flush=True)
    if report.rows:
        report.save_plot(plot(report.rows))
        report.print_tables(*tables(report.rows))


if __name__ == "__main__":
    main()
