"""Batches of sequences of many lengths, with little padding and few shapes."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def bucket_by_length(
    lengths: Sequence[int] | np.ndarray,
    batch_size: int,
    multiple: int = 1,
    random: np.random.Generator | None = None,
) -> list[np.ndarray]:
    """Group rows of similar length; every row is in one batch.

    A batch is padded to its longest row's length, rounded up to a multiple of `multiple` (`pad`).
    A function compiled for each shape (XLA) is therefore compiled at most once per multiple up to
    the longest row, and once more: every batch has `batch_size` rows, except the first one of the
    shortest rows, which has the remainder.

    Args:
        lengths: `(n,)`, one per row, or `(n, sides)` for rows with several sequences, such as a
            sentence and its translation: rows go together by their first side, and among those
            of the same padded length by the next.
        batch_size: rows of a batch.
        multiple: divisor of the padded lengths. Rows of the same padded length count as equally
            long: a larger one gives more random batches and more padding.
        random: generator that shuffles equally long rows, and the batches; None keeps the order of
            the rows, shortest first.

    Returns:
        Arrays of row numbers, int64.

    Raises:
        ValueError: `batch_size` or `multiple` is not positive, or `lengths` has another shape.
    """
    lengths = np.asarray(lengths)
    if lengths.ndim not in (1, 2):
        raise ValueError(f"lengths must be of shape (n,) or (n, sides), got {lengths.shape}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be positive, got {batch_size}")
    ties = np.arange(len(lengths)) if random is None else random.permutation(len(lengths))
    sides = np.atleast_2d(_round_up(lengths, multiple).T)
    rows = np.lexsort((ties, *sides[::-1]))  # the last key counts first
    left_over = len(rows) % batch_size
    batches = [rows[:left_over]] if left_over else []
    batches += list(rows[left_over:].reshape(-1, batch_size))
    if random is not None:
        random.shuffle(batches)
    return batches


def bucketed_batches(
    sequences: Sequence[Sequence[np.ndarray]],
    batch_size: int,
    multiple: int = 1,
    seed: int | Sequence[int] | None = None,
    arrays: Sequence[np.ndarray] = (),
) -> tf.data.Dataset:
    """Padded batches of rows of similar length, by `bucket_by_length` and `pad`.

    Args:
        sequences: the sides of the rows, such as `(ids,)` or `(targets, sources)`: each has one
            vector of any length per row, and all of a side have one dtype.
        batch_size: rows of a batch.
        multiple: divisor of the padded lengths.
        seed: shuffles the rows and the batches, such as `(seed, epoch)`; None keeps the order,
            shortest first.
        arrays: what else the batches have of each row, such as labels, of shape `(n, ...)`.

    Returns:
        Tuples: of each side `(rows, padded length)`, of each array `(rows, ...)`. Their number is
        the cardinality.

    Raises:
        ValueError: `batch_size` or `multiple` is not positive, or the numbers of rows differ.
    """
    counts = {len(column) for column in (*sequences, *arrays)}
    if len(counts) != 1:
        raise ValueError(f"all sides and arrays must have as many rows, got {sorted(counts)}")
    lengths = np.array([list(map(len, side)) for side in sequences]).T
    random = None if seed is None else np.random.default_rng(seed)
    batches = bucket_by_length(lengths, batch_size, multiple, random)

    def generate():
        for rows in batches:
            padded = (pad([side[row] for row in rows], multiple) for side in sequences)
            yield *padded, *(array[rows] for array in arrays)

    signature = (
        *(tf.TensorSpec((None, None), pad(side[:1]).dtype) for side in sequences),
        *(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in arrays),
    )
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(2)


def pad(rows: Sequence[np.ndarray], multiple: int = 1, value: int = 0) -> np.ndarray:
    """One array of all rows, each padded at its end.

    Args:
        rows: vectors of any lengths and one dtype.
        multiple: the padded length is the smallest positive multiple of it that fits.
        value: the value after the end of a row.

    Returns:
        `(len(rows), padded length)` of the dtype of the rows; int32 if there is none.

    Raises:
        ValueError: `multiple` is not positive.

    Example:
        >>> pad([np.array([1, 2, 3]), np.array([4])], multiple=2)
        array([[1, 2, 3, 0],
               [4, 0, 0, 0]])
    """
    longest = max(map(len, rows), default=0)
    width = max(int(_round_up(longest, multiple)), multiple)
    padded = np.full((len(rows), width), value, rows[0].dtype if len(rows) else np.int32)
    for line, row in zip(padded, rows):
        line[: len(row)] = row
    return padded


def _round_up(lengths, multiple: int):
    if multiple < 1:
        raise ValueError(f"multiple must be positive, got {multiple}")
    return -(-lengths // multiple) * multiple
