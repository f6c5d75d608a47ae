"""Rows of different lengths, one after the other in one array."""

from collections.abc import Sequence

import numpy as np


class RaggedRows(Sequence):
    """Vectors of any length, which are views of one array, such as a memory-mapped file.

    A list of as many arrays takes 100 bytes for each, and a pass over all to count their lengths.

    Args:
        values: the rows one after the other, `(n, ...)`.
        lengths: integers, the length of each row; they sum to n.
        longest: rows are cut to this length, and keep `longest / 2` values at each end; None cuts
            none.

    Attributes:
        lengths: int64, the length of each row as it is cut.

    Raises:
        ValueError: the lengths do not sum to n.

    Example:
        >>> rows = RaggedRows(np.arange(5), [2, 0, 3])
        >>> rows[2]
        array([2, 3, 4])
    """

    def __init__(self, values: np.ndarray, lengths: np.ndarray, longest: int | None = None):
        self._values, self._longest = values, longest
        full = np.asarray(lengths, np.int64)
        self._starts = np.concatenate([[0], np.cumsum(full)])
        if self._starts[-1] != len(values):
            raise ValueError(f"lengths of {self._starts[-1]:,} values, got {len(values):,} values")
        self.lengths = full if longest is None else np.minimum(full, longest)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> np.ndarray:
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        row %= len(self)
        values = self._values[self._starts[row] : self._starts[row + 1]]
        if self._longest is None or len(values) <= self._longest:
            return values
        tail = self._longest // 2
        return np.concatenate([values[: self._longest - tail], values[len(values) - tail :]])

    def cut(self, longest: int) -> "RaggedRows":
        """These rows, cut to a length: a view."""
        return RaggedRows(self._values, np.diff(self._starts), longest)
