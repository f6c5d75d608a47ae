"""The attention of each token of a translation, as a record and as lines for a terminal."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SHADES = " ░▒▓█"
WIDEST = 60  # source tokens in a strip
NAMED, LEAST = 3, 0.1  # most source tokens named per line, and their least weight


class Attention(NamedTuple):
    """The attention of each token of a translation.

    Attributes:
        source: the tokens of the source, the end token included.
        target: the tokens of the translation.
        weights: `(target, source)`, rows that sum to 1.
    """

    source: Sequence[str]
    target: Sequence[str]
    weights: np.ndarray


def describe(attention: Attention) -> str:
    """A line per token: a strip with a cell per source token, and the tokens of most weight."""
    width = max((len(token) for token in attention.target), default=0)
    return "\n".join(
        f"  {token:{width}}  {_strip(row)}{_top_sources(attention.source, row)}"
        for token, row in zip(attention.target, attention.weights)
    )


def _strip(row):
    if len(row) > WIDEST:
        return ""
    shades = np.minimum((row * len(SHADES)).astype(int), len(SHADES) - 1)
    return f"|{''.join(SHADES[shade] for shade in shades)}|  "


def _top_sources(source, row):
    order = np.argsort(-row, kind="stable")[:NAMED]
    return ", ".join(f"{source[i]} {row[i]:.2f}" for i in order if row[i] >= LEAST)
