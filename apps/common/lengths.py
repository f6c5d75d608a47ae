"""Groups of texts by their length."""

import numpy as np


def length_groups(lengths: np.ndarray, parts: int) -> dict[str, np.ndarray]:
    """Split texts into groups of about equal size, the shortest first.

    Texts of one length are in one group, so there may be fewer groups than `parts`.

    Args:
        lengths: `(n,)` integers, at least one.
        parts: number of groups wanted.

    Returns:
        The rows of each group, by its range of lengths, such as `6–10`, or `6`.
    """
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, parts + 1)[1:], method="inverted_cdf"))
    group = np.searchsorted(edges, lengths)
    groups = {}
    for rows in (np.flatnonzero(group == i) for i in np.unique(group)):
        low, high = lengths[rows].min(), lengths[rows].max()
        groups[f"{low}" if low == high else f"{low}–{high}"] = rows
    return groups
