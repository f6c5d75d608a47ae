"""Gates over time, as a picture."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from apps.common.files import replacing
from rnn_keras.layers import use_plan, watched_gates

LAYERS, UNITS, STEPS = 4, 24, 64  # shown at most
GATES = {
    "R": "reset gate R",
    "Z": "update gate Z",
    "I": "input gate I",
    "F": "forget gate F",
    "O": "output gate O",
}
WIDTH, SMALLEST = 12, 1e-6  # inches of the picture; the end of a scale
STATES = {"C": "cell C", "H": "state H"}

Layer = tuple[str, Mapping[str, np.ndarray], Sequence[str]]
"""A name; by symbol what `watched_gates` told, `(time, units)`; and what the layer read."""


@contextmanager
def watching() -> Iterator[dict]:
    """`watched_gates`, for one sequence: compiling a loop would take longer than running it."""
    with use_plan("graph"), watched_gates() as seen:
        yield seen


def layers(seen: Mapping[str, Mapping[str, np.ndarray]], read: Sequence[str]) -> list[Layer]:
    """What `watched_gates` told of a batch of one sequence.

    Args:
        seen: by layer.
        read: a label for each time step.
    """
    return [
        (name, {symbol: values[0] for symbol, values in told.items()}, read)
        for name, told in seen.items()
    ]


def chart(path: Path, shown: Sequence[Layer]) -> None:
    """Draw a column per layer, a row per gate or state: heat maps of the units over time.

    The units are those of the layer whose state moves most; of a long sequence its end is drawn.

    Args:
        path: the PNG file.
        shown: the layers, of one kind of cell; the first few are drawn.
    """
    from matplotlib.figure import Figure

    shown = shown[:LAYERS]
    titles = {**GATES, **STATES}
    symbols = [symbol for symbol in titles if symbol in shown[0][1]]
    steps = [min(len(read), STEPS) for _, _, read in shown]
    figure = Figure(figsize=(WIDTH, 1 + 1.3 * len(symbols)), layout="constrained")
    ratios = [2 + count for count in steps]
    grid = figure.subplots(len(symbols), len(shown), squeeze=False, width_ratios=ratios)
    for column, (name, told, read) in zip(grid.T, shown):
        movement = told["H"].std(axis=0)
        busiest = np.argsort(-movement, kind="stable")[:UNITS]
        for axes, symbol in zip(column, symbols):
            values = told[symbol][-STEPS:, busiest].T
            gate = symbol in GATES
            largest = 1.0 if gate else max(float(np.abs(values).max()), SMALLEST)
            image = axes.imshow(
                values,
                cmap="Blues" if gate else "RdBu",
                vmin=0 if gate else -largest,
                vmax=largest,
                aspect="auto",
                interpolation="nearest",
            )
            ends = [0, 1] if gate else [-largest, 0, largest]
            bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=12, ticks=ends)
            bar.ax.set_yticklabels([f"{end:.2g}" for end in ends], fontsize=7)
            bar.outline.set_visible(False)
            if name == shown[0][0]:
                axes.set_ylabel(titles[symbol], fontsize=9)
            axes.spines[:].set_visible(False)
            axes.set_xticks([])
            axes.set_yticks([])
        labels = [_plain(label) for label in read[-STEPS:]]
        upright = all(len(label) <= 1 for label in labels)
        axes.set_xticks(range(len(labels)), labels, rotation=0 if upright else 90, fontsize=8)
        axes.tick_params(length=0)
        column[0].set_title(_title(name, told, read), fontsize=10)
    with replacing(path) as beside:
        figure.savefig(beside, dpi=100)


def _title(name, told, read):
    units = told["H"].shape[1]
    parts = [f"{min(units, UNITS)} of {units} units"] if units > UNITS else [f"{units} units"]
    if len(read) > STEPS:
        parts.append(f"the last {STEPS} of {len(read)} steps")
    return f"{name} ({', '.join(parts)})"


def _plain(label):
    """Without what would begin a formula, or a new line."""
    return label.replace("$", r"\$").replace("\n", "⏎").replace(" ", "␣")
