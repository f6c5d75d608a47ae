"""Explains a probability by occlusion: how it changes when a word is left out."""

from collections.abc import Sequence

import numpy as np

from apps.sentiment.exported import Classifier, Reading
from apps.sentiment.text import PAD_ID

MOST = 128  # parts of a text that are left out, one at a time

Part = tuple[str, float]
"""Some words of a text, and by how much they raise the log-odds."""


def occlusion(classifier: Classifier, reading: Reading) -> list[Part]:
    """The text in parts of a word, or of a few words where there are more than `MOST`.

    Args:
        classifier: the exported classifier.
        reading: its result for the text.

    Returns:
        The parts in their order. The effect of a part is the log-odds of the whole text less
        those without it (Li et al. 2016, "Understanding Neural Networks through Representation
        Erasure").
    """
    count = len(reading.tokens)
    if not count:
        return []
    size = -(-count // MOST)
    starts = range(0, count, size)
    without = np.repeat(reading.ids[None], len(starts), axis=0)
    for row, start in zip(without, starts):
        row[start : start + size] = PAD_ID
    effects = reading.logit - classifier.logits(without)
    return [
        (" ".join(reading.tokens[start : start + size]), float(effect))
        for start, effect in zip(starts, effects)
    ]


def strongest(parts: Sequence[Part], count: int) -> list[Part]:
    """The parts with the largest effects, in either direction."""
    return sorted(parts, key=lambda part: -abs(part[1]))[:count]


def verdict(reading: Reading) -> str:
    """`positive` or `negative`."""
    return "positive" if reading.probability > 0.5 else "negative"


def describe(reading: Reading, parts: Sequence[Part], count: int, color: bool) -> str:
    """The result for a text in lines; there is no prediction for a text without tokens.

    Args:
        reading: the classifier's result for the text.
        parts: the result of `occlusion`, or none.
        count: the number of parts to name.
        color: whether to print the text with the words in the colours of a terminal.
    """
    if not reading.tokens:
        return "no prediction: there is no word in this text"
    lines = [f"{reading.probability:.3f}  {verdict(reading)}{_remark(reading)}"]
    if color and parts:
        lines.append("  " + _highlight(parts))
    if parts:
        named = ", ".join(f"{text} {effect:+.2f}" for text, effect in strongest(parts, count))
        lines.append(f"  moved by: {named}")
    return "\n".join(lines)


def _remark(reading):
    count = len(reading.tokens)
    if reading.unknown == count:
        return "  (all words are unknown, so this means little)"
    remarks = []
    if reading.length > count:
        remarks.append(f"read the first and the last {count // 2} of {reading.length:,} tokens")
    if reading.unknown:
        remarks.append(f"{reading.unknown} of {count} tokens unknown")
    return f"  ({'; '.join(remarks)})" if remarks else ""


def _highlight(parts):
    """Backgrounds of the 256-colour palette: the stronger the effect, the deeper."""
    greens, reds = (None, 194, 157, 120), (None, 224, 217, 210)
    largest = max(abs(effect) for _, effect in parts) or 1.0
    pieces = []
    for text, effect in parts:
        shade = (greens if effect > 0 else reds)[round(3 * abs(effect) / largest)]
        pieces.append(text if shade is None else f"\x1b[30;48;5;{shade}m{text}\x1b[0m")
    return " ".join(pieces)
