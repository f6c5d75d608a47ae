"""Plots that applications share: the loss of a run, a score by length, attention to images."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from apps.common.files import atomic_path
from apps.common.history import best_row, read_history
from apps.common.run import Run

MARKERS = "os^Dvp*X"  # distinguish lines without colour
PICTURES_PER_ROW = 8


def new_figure(width: float, height: float):
    """An empty Matplotlib figure with constrained layout; sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure, path: Path) -> None:
    """Write a figure as a PNG file, atomically."""
    # Matplotlib's default font has no Han, Thai and more; it draws such characters as boxes.
    with atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(temporary, dpi=120)


def legend_below(figure, axes, columns: int = 2) -> None:
    """Put the legend of `axes` below everything else, where it hides no data."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=9)


def plot_loss(
    run: Run,
    *,
    unit: str = "",
    monitor: str = "val_loss",
    mode: Literal["min", "max"] = "min",
) -> None:
    """Draw training and validation loss over the epochs of `history.csv` to `plots/loss.png`.

    Args:
        run: a run with at least one epoch.
        unit: unit of the loss, such as `nats per character`.
        monitor: the metric that selected the best epoch, which is marked.
        mode: whether the lowest or the highest is best.
    """
    rows = read_history(run.history)
    epochs = [row["epoch"] for row in rows]
    best = best_row(rows, monitor, mode)
    figure = new_figure(6, 4.5)
    axes = figure.subplots()
    for column, name, style in [("loss", "training", "o-"), ("val_loss", "validation", "s--")]:
        axes.plot(epochs, [row[column] for row in rows], style, markersize=4, label=name)
    axes.plot(
        best["epoch"],
        best["val_loss"],
        "o",
        markersize=12,
        fillstyle="none",
        color="black",
        label=f"best {monitor}: {best[monitor]:.4g} in epoch {best['epoch']}",
    )
    axes.set_title(f"Loss of {run.name}", fontsize=11, parse_math=False)
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"loss ({unit})" if unit else "loss")
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    legend_below(figure, axes, 3)
    save_figure(figure, run.plots / "loss.png")


def plot_by_length(path: Path, rows: Sequence[Mapping], count: str, what: str, score: str) -> None:
    """Draw a score of each model over groups of texts, from the shortest to the longest.

    Args:
        path: the PNG file.
        rows: one per group: its range of `words`, its number of texts, and the score by model.
        count: the key of the number of texts, such as `reviews`.
        what: name of one text, such as `review`.
        score: the label of the score.
    """
    label = f"words in the {what}"
    plot_by_group(path, rows, "words", count, f"{score} by length of the {what}", label, score)


def plot_by_group(
    path: Path, rows: Sequence[Mapping], group: str, count: str, title: str, label: str, score: str
) -> None:
    """Draw a score of each model over groups in their order.

    Args:
        path: the PNG file.
        rows: one per group: its name, its size, and the score by model.
        group, count: the keys of its name and its size.
        title, label, score: the title, and the labels of the groups and of the score.
    """
    figure = new_figure(6.5, 4.5)
    axes = figure.subplots()
    models = [name for name in rows[0] if name not in (group, count)]
    for name, marker in zip(models, MARKERS):
        axes.plot([row[name] for row in rows], f"{marker}-", label=name)
    axes.set_xticks(range(len(rows)), [f"{row[group]}\nn = {row[count]:,}" for row in rows])
    axes.set_title(title, fontsize=11)
    axes.set(xlabel=f"{label} (n: {count})", ylabel=score)
    axes.grid(alpha=0.3)
    legend_below(figure, axes, 1)
    save_figure(figure, path)


def attention_pictures(
    path: Path, maps: Sequence[tuple[np.ndarray, Sequence[str], np.ndarray]]
) -> None:
    """Draw each image, then once per word, lit where the word attends.

    Args:
        path: the PNG file.
        maps: for each image its pixels `(size, size, 3)`, the words of its caption, and the
            attention `(time, rows, columns)`.
    """
    lines = []
    for pixels, words, attention in maps:
        cells = [(pixels, "", None), *((pixels, word, a) for word, a in zip(words, attention))]
        lines += [cells[i : i + PICTURES_PER_ROW] for i in range(0, len(cells), PICTURES_PER_ROW)]
    columns = max(map(len, lines))
    figure = new_figure(1.5 * columns, 1.75 * len(lines))
    grid = figure.subplots(len(lines), columns, squeeze=False)
    for row, cells in zip(grid, lines):
        for axes in row:
            axes.axis("off")
        for axes, (pixels, word, attention) in zip(row, cells):
            side = pixels.shape[0]
            axes.imshow(pixels.astype("uint8"), extent=(0, side, side, 0))
            axes.set_title(word, fontsize=10, parse_math=False)
            if attention is not None:
                shade = 1 - attention / attention.max()
                axes.imshow(
                    np.zeros((*shade.shape, 3)), alpha=0.75 * shade, extent=(0, side, side, 0)
                )
    save_figure(figure, path)
