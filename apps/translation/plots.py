"""Pictures: what the decoder looked at, and BLEU by the length of the source."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from apps.common.files import replacing
from apps.translation.attention import Attention
from apps.translation.text import without_joiners

COLUMNS = 2  # of heat maps in a picture


def attention_maps(path: Path, maps: Sequence[Attention]) -> None:
    """Draw a heat map of each translation: a row per token, a column per token of its source.

    Args:
        path: the PNG file.
        maps: at least one; a few short ones are legible.
    """
    columns = min(COLUMNS, len(maps))
    rows = -(-len(maps) // columns)
    width = max(2 + 0.3 * len(each.source) for each in maps)
    height = max(1.5 + 0.25 * len(each.target) for each in maps)
    figure = _figure((columns * width, rows * height))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, each in zip(axes, maps):
        axis.imshow(each.weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        source, target = without_joiners(each.source), without_joiners(each.target)
        # A token is text, also "$", which would begin a formula.
        axis.set_xticks(range(len(source)), source, rotation=60, ha="right", parse_math=False)
        axis.set_yticks(range(len(target)), target, parse_math=False)
    for axis in axes[len(maps) :]:
        axis.remove()
    _save(figure, path)


def bleu_by_length(path: Path, rows: Sequence[Mapping]) -> None:
    """Draw BLEU over the length of the source.

    Args:
        path: the PNG file.
        rows: one per group of sentences: their mean number of `words`, how many `sentences`,
            and by name of what translates them, BLEU.
    """
    figure = _figure((6, 3.5))
    axes = figure.subplots()
    for name in rows[0]:
        if name not in ("words", "sentences"):
            axes.plot([row["words"] for row in rows], [row[name] for row in rows], "o-", label=name)
    axes.set(xlabel="words of the source", ylabel="BLEU")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    _save(figure, path)


def _figure(size):
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def _save(figure, path):
    # Matplotlib's own font lacks Han, Thai and more, which it then draws as boxes.
    with replacing(path) as beside, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(beside, dpi=120)
