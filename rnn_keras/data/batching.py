"""Batches of sequences of many lengths, with little padding and few shapes."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from rnn_keras.data.ragged import RaggedRows


def bucketed_batches(
    sequences: Sequence[Sequence[np.ndarray]],
    batch_size: int,
    multiple: int = 1,
    seed: int | Sequence[int] | None = None,
    arrays: Sequence[np.ndarray] = (),
) -> tf.data.Dataset:
    """Batches of rows of similar length, padded with 0 at the end; every row is in one batch.

    There are few shapes, so XLA compiles a function at most once for each multiple up to the
    longest row, and once for the remainder: every batch has `batch_size` rows, except the first
    batch of the shortest rows.

    Args:
        sequences: the sequences of the rows, such as `(ids,)` or `(targets, sources)`; each has
            one int32 vector of any length per row, as a list or `RaggedRows`. Rows are sorted by
            the padded length of the first sequence, then by that of the next.
        batch_size: rows of a batch.
        multiple: divisor of the padded lengths. Rows of the same padded length count as equally
            long: a larger one gives more random batches and more padding.
        seed: shuffles equally long rows, and the batches, such as `(seed, epoch)`; None keeps the
            order of the rows, shortest first.
        arrays: further arrays with an entry per row, such as labels, of shape `(n, ...)`.

    Returns:
        Tuples: int32 `(rows, padded length)` per sequence, then `(rows, ...)` of each array. The
        padded length is positive, and the cardinality is known.

    Raises:
        ValueError: `batch_size` or `multiple` is not positive, or the numbers of rows differ.
    """
    for name, value in {"batch_size": batch_size, "multiple": multiple}.items():
        if value < 1:
            raise ValueError(f"{name} must be positive, got {value}")
    counts = {len(column) for column in (*sequences, *arrays)}
    if len(counts) != 1:
        raise ValueError(
            f"all sequences and arrays must have the same number of rows, got {sorted(counts)}"
        )
    lengths = np.array([_lengths(side) for side in sequences], np.int64)
    lengths = -(-lengths // multiple) * multiple
    random = None if seed is None else np.random.default_rng(seed)
    count = lengths.shape[1]
    ties = np.arange(count) if random is None else random.permutation(count)
    rows = np.lexsort((ties, *lengths[::-1]))  # the last key counts first
    left_over = count % batch_size
    batches = [rows[:left_over]] if left_over else []
    batches += list(rows[left_over:].reshape(-1, batch_size))
    if random is not None:
        random.shuffle(batches)

    def generate():
        for rows in batches:
            padded = (
                keras.utils.pad_sequences([side[row] for row in rows], width, padding="post")
                for side, width in zip(sequences, lengths[:, rows].max(axis=1).clip(multiple))
            )
            yield *padded, *(array[rows] for array in arrays)

    signature = (
        *(tf.TensorSpec((None, None), tf.int32) for _ in sequences),
        *(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in arrays),
    )
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(2)


def _lengths(rows):
    return rows.lengths if isinstance(rows, RaggedRows) else list(map(len, rows))
