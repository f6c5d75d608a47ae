"""Plots: the attention of translations."""

from collections.abc import Sequence
from pathlib import Path

from apps.common.plots import new_figure, save_figure
from apps.translation.attention import Attention
from apps.translation.text import without_joiners

LONGEST = 30  # tokens drawn along either axis


def attention_maps(path: Path, maps: Sequence[Attention]) -> None:
    """Draw a heat map of each translation: a row per token, a column per token of its source.

    Of a long sentence the first `LONGEST` tokens are drawn, and the title says so.

    Args:
        path: the PNG file.
        maps: at least one; they are drawn one above the other.
    """
    sizes = [(min(len(m.target), LONGEST), min(len(m.source), LONGEST)) for m in maps]
    heights = [1.6 + 0.25 * rows for rows, _ in sizes]
    width = 3 + 0.25 * max(max(columns for _, columns in sizes), 8)
    figure = new_figure(width, sum(heights) + 0.3)
    grid = figure.subplots(len(maps), squeeze=False, height_ratios=heights).ravel()
    for axes, each, (rows, columns) in zip(grid, maps, sizes):
        weights = each.weights[:rows, :columns]
        image = axes.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        # A token may contain "$", which would begin a formula.
        axes.set_xticks(
            range(columns), without_joiners(each.source[:columns]), rotation=90, parse_math=False
        )
        axes.set_yticks(range(rows), without_joiners(each.target[:rows]), parse_math=False)
        axes.set(xlabel="source token", ylabel="target token")
        if (rows, columns) != each.weights.shape:
            of = " x ".join(str(length) for length in each.weights.shape)
            axes.set_title(f"the first {rows} x {columns} of {of} tokens", fontsize=9)
    figure.suptitle("Attention of each target token to the source", fontsize=11)
    figure.colorbar(image, ax=list(grid), label="attention weight", aspect=40, fraction=0.05)
    save_figure(figure, path)
