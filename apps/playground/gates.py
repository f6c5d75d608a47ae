"""Plots gates over time."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from apps.common.files import atomic_path
from rnn_keras.layers import record_gates, use_plan

LAYERS, UNITS, STEPS = 6, 24, 64  # shown at most
GATES = {
    "R": "reset gate R",
    "Z": "update gate Z",
    "I": "input gate I",
    "F": "forget gate F",
    "O": "output gate O",
}
WIDTH, SMALLEST = 9, 1e-6  # inches of the picture; the end of a scale
STATES = {"C": "cell C", "H": "state H"}

Layer = tuple[str, Mapping[str, np.ndarray], Sequence[str]]
"""Name; recorded arrays `(time, units)` by symbol; label of each time step's input."""


@contextmanager
def record_sequence() -> Iterator[dict]:
    """`record_gates` without compilation, which would take longer than one sequence."""
    with use_plan("graph"), record_gates() as seen:
        yield seen


def layers(
    seen: Mapping[str, Mapping[str, np.ndarray]], read: Sequence[str], part: str = ""
) -> list[Layer]:
    """The records of a batch of one sequence, by layer.

    Args:
        seen: what `record_gates` recorded.
        read: a label for each time step. A layer with one step less, over differences, gets all but
            the first; a layer over segments gets numbers.
        part: prefix of the layers' names.
    """
    found = []
    for name, recorded in seen.items():
        steps = recorded["H"].shape[1]
        matches = steps <= len(read) <= steps + 1
        labels = read[-steps:] if matches else [str(step + 1) for step in range(steps)]
        found.append((part + name, {s: values[0] for s, values in recorded.items()}, labels))
    return found


def chart(path: Path, shown: Sequence[Layer]) -> None:
    """Draw a column per layer, a row per gate or state: heat maps of the units over time.

    Only the units whose state varies most and the last steps are drawn.

    Args:
        path: the PNG file.
        shown: the layers, of one kind of cell; the first few are drawn.
    """
    from matplotlib.figure import Figure

    shown = shown[:LAYERS]
    titles = {**GATES, **STATES}
    symbols = [symbol for symbol in titles if symbol in shown[0][1]]
    busiest = [
        np.argsort(-recorded["H"].std(axis=0), kind="stable")[:UNITS] for _, recorded, _ in shown
    ]
    figure = Figure(figsize=(WIDTH, 1 + 1.3 * len(symbols)), layout="constrained")
    ratios = [2 + min(len(read), STEPS) for _, _, read in shown]
    grid = figure.subplots(len(symbols), len(shown), squeeze=False, width_ratios=ratios)
    for row, symbol in zip(grid, symbols):
        values = [recorded[symbol][-STEPS:, u].T for u, (_, recorded, _) in zip(busiest, shown)]
        lowest, highest = _scale(symbol, values)
        for axes, each in zip(row, values):
            image = axes.imshow(
                each,
                cmap="Blues" if symbol in GATES else "RdBu",
                vmin=lowest,
                vmax=highest,
                aspect="auto",
                interpolation="nearest",
            )
            axes.spines[:].set_visible(False)
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel(titles[symbol], fontsize=9)
        bar = figure.colorbar(image, ax=row[-1], pad=0.01, aspect=12, ticks=[lowest, highest])
        bar.ax.set_yticklabels([f"{lowest:.2g}", f"{highest:.2g}"], fontsize=8)
        bar.outline.set_visible(False)
    for top, bottom, (name, recorded, read) in zip(grid[0], grid[-1], shown):
        top.set_title(_title(name, recorded, read), fontsize=9)
        labels = [_visible(label) for label in read[-STEPS:]]
        rotation = 0 if all(len(label) <= 1 for label in labels) else 90
        bottom.set_xticks(
            range(len(labels)), labels, rotation=rotation, fontsize=8, parse_math=False
        )
        bottom.tick_params(length=0)
    # Matplotlib's default font has no Han, Thai and more; it draws such characters as boxes.
    with atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(temporary, dpi=133)


def _scale(symbol, values):
    """Limits of the colour scale, the same for all layers."""
    if symbol in GATES:
        return 0.0, 1.0
    # A cell's C is unbounded: one unit may exceed all others many times.
    largest = max(float(np.quantile(np.abs(each), 0.99)) for each in values)
    return -max(largest, SMALLEST), max(largest, SMALLEST)


def _title(name, recorded, read):
    units = recorded["H"].shape[1]
    parts = [f"{min(units, UNITS)} of {units} units"] if units > UNITS else [f"{units} units"]
    if len(read) > STEPS:
        parts.append(f"the last {STEPS} of {len(read)} steps")
    return "\n".join([name.replace(": ", ":\n"), *parts])


def _visible(label):
    return label.replace("\n", "⏎").replace(" ", "␣")
