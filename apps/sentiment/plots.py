"""Pictures: reliability, accuracy by length, and the words that moved a probability."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from apps.common.files import replacing
from apps.sentiment.scores import calibration


def reliability(path: Path, labels: np.ndarray, probabilities: Mapping[str, np.ndarray]) -> None:
    """Draw the part of positive reviews over the probability, above how often it was given.

    Args:
        path: the PNG file.
        labels: `(n,)`, 0 or 1.
        probabilities: `(n,)` by name of the classifier.
    """
    figure = _figure((5, 6))
    top, bottom = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    top.plot([0, 1], [0, 1], ":", color="black", label="perfect")
    for name, probability in probabilities.items():
        bins = calibration(labels, probability)
        top.plot(
            [row["mean probability"] for row in bins],
            [row["part positive"] for row in bins],
            ".-",
            label=name,
        )
        bottom.hist(probability, bins=20, range=(0, 1), histtype="step")
    top.set_ylabel("part that is positive")
    top.legend(fontsize=8)
    bottom.set(xlabel="probability of being positive", ylabel="reviews")
    _save(figure, path)


def accuracy_by_length(path: Path, rows: Sequence[Mapping]) -> None:
    """Draw what `scores.by_length` gives."""
    figure = _figure((6, 3.5))
    axes = figure.subplots()
    for name in rows[0]:
        if name not in ("words", "reviews"):
            axes.plot([row["words"] for row in rows], [row[name] for row in rows], "o-", label=name)
    axes.set(xlabel="words of the review", ylabel="accuracy")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    _save(figure, path)


def effects(path: Path, title: str, parts: Sequence[tuple[str, float]]) -> None:
    """Draw the strongest parts of a text as bars: green for praise, red for blame.

    Args:
        path: the PNG file.
        title: the heading.
        parts: texts and their effects on the log-odds, the strongest first.
    """
    figure = _figure((6, 1.2 + 0.3 * len(parts)))
    axes = figure.subplots()
    values = [value for _, value in parts]
    colors = ["tab:green" if value > 0 else "tab:red" for value in values]
    # By position, since a word may occur twice; "$" would begin a formula.
    axes.barh(range(len(parts)), values, color=colors)
    axes.set_yticks(range(len(parts)), [text.replace("$", r"\$") for text, _ in parts])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("effect on the log-odds of being positive")
    axes.set_title(title, fontsize=10)
    _save(figure, path)


def _figure(size):
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def _save(figure, path):
    with replacing(path) as beside:
        figure.savefig(beside, dpi=120)
