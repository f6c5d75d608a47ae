"""Plots: reliability diagram, and the words with the largest effect on a probability."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from apps.common.plots import MARKERS, legend_below, new_figure, save_figure
from apps.sentiment.scores import BINS, calibration


def reliability(path: Path, labels: np.ndarray, probabilities: Mapping[str, np.ndarray]) -> None:
    """Draw the fraction of positive reviews over the probability, above how often it was given.

    Args:
        path: the PNG file.
        labels: `(n,)`, 0 or 1.
        probabilities: `(n,)` by name of the classifier.
    """
    figure = new_figure(6, 6.5)
    top, bottom = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    top.plot([0, 1], [0, 1], ":", color="black", label="perfect calibration")
    for (name, probability), marker in zip(probabilities.items(), MARKERS):
        bins = calibration(labels, probability)
        means = [row["mean probability"] for row in bins]
        top.plot(means, [row["part positive"] for row in bins], f"{marker}-", label=name)
        bottom.plot(means, [row["reviews"] for row in bins], f"{marker}-")
    top.set_title("Reliability diagram of the test reviews", fontsize=11)
    top.set_ylabel("fraction of positive reviews")
    bottom.set(
        xlabel="predicted probability of positive", ylabel=f"reviews\nin each of {BINS} bins"
    )
    bottom.set_ylim(0)
    for axes in (top, bottom):
        axes.grid(alpha=0.3)
    legend_below(figure, top, 1)
    save_figure(figure, path)


def effects(path: Path, title: str, parts: Sequence[tuple[str, float]]) -> None:
    """Draw the strongest parts of a text as bars: green for praise, red for blame.

    Args:
        path: the PNG file.
        title: the heading.
        parts: texts and their effects on the log-odds, the strongest first.
    """
    figure = new_figure(6, 1.2 + 0.3 * len(parts))
    axes = figure.subplots()
    values = [value for _, value in parts]
    colors = ["tab:green" if value > 0 else "tab:red" for value in values]
    # By position, since a word may occur twice; "$" would begin a formula.
    axes.barh(range(len(parts)), values, color=colors)
    axes.set_yticks(range(len(parts)), [text for text, _ in parts], parse_math=False)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("effect of a word on the log-odds of positive")
    axes.set_title(title, fontsize=11)
    save_figure(figure, path)
