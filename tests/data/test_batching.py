import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_keras.data import bucketed_batches

LENGTHS = st.lists(st.integers(0, 50), max_size=60)
SIZES = st.integers(1, 9)


def batches_of(lengths, *options):
    """By batch: its row numbers, and the padded ids, which are the row number + 1, of each side."""
    lengths = np.reshape(lengths, (len(lengths), -1)).astype(int)
    sides = [
        [np.full(length, row + 1, np.int32) for row, length in enumerate(side)]
        for side in lengths.T
    ]
    rows = np.arange(len(lengths))
    batches = bucketed_batches(sides, *options, arrays=(rows,)).as_numpy_iterator()
    return [(rows, *padded) for *padded, rows in batches]


def rows_of(lengths, *options):
    return [rows.tolist() for rows, *_ in batches_of(lengths, *options)]


@settings(max_examples=50)
@given(LENGTHS.filter(len), SIZES, SIZES, st.none() | st.integers(0, 9))
def test_every_row_once_in_few_shapes(lengths, batch_size, multiple, seed):
    batches = batches_of(lengths, batch_size, multiple, seed)
    assert sorted(row for rows, _ in batches for row in rows) == list(range(len(lengths)))
    for rows, padded in batches:
        longest = max(lengths[row] for row in rows)
        assert padded.dtype == np.int32
        assert padded.shape == (len(rows), max(-(-longest // multiple), 1) * multiple)
        for row, ids in zip(rows, padded):
            assert ids.tolist() == [row + 1] * lengths[row] + [0] * (len(ids) - lengths[row])
    incomplete = [rows for rows, _ in batches if len(rows) < batch_size]
    assert len(incomplete) == (len(lengths) % batch_size > 0)
    assert len({padded.shape for _, padded in batches}) <= max(lengths) // multiple + 2


def test_batches_of_sorted_rows_overlap_in_no_length():
    lengths = np.random.default_rng(0).integers(0, 400, 1000)
    spans = sorted(
        (lengths[rows].min(), lengths[rows].max()) for rows in rows_of(lengths, 32, 1, 1)
    )
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:]))


def test_rows_of_two_sides_are_alike_in_both():
    lengths = np.random.default_rng(0).integers(1, 40, (20_000, 2))
    batches = rows_of(lengths, 32, 10, 1)
    assert sorted(row for rows in batches for row in rows) == list(range(20_000))
    shapes = [{tuple(-(-lengths[row] // 10)) for row in rows} for rows in batches]
    assert all(len({first for first, _ in shape}) <= 2 for shape in shapes)
    assert np.mean([len(shape) == 1 for shape in shapes]) > 0.9


def test_the_order_is_that_of_the_seed_alone():
    lengths = np.random.default_rng(0).integers(0, 40, 100)
    first, again, other = (rows_of(lengths, 7, 10, (0, epoch)) for epoch in (1, 1, 2))
    assert first == again != other
    assert rows_of([3, 1, 2, 1], 2) == [[1, 3], [2, 0]]


def test_cardinality_and_shapes_are_known():
    ids = [np.ones(n, np.int32) for n in range(5)]
    dataset = bucketed_batches((ids,), 2, arrays=(np.zeros((5, 1), "float32"),))
    assert dataset.cardinality() == 3
    assert dataset.element_spec == (
        tf.TensorSpec((None, None), tf.int32),
        tf.TensorSpec((None, 1), tf.float32),
    )
    assert list(bucketed_batches(([],), 2)) == []


@pytest.mark.parametrize(
    "sides, sizes, words",
    [
        ([[]], (0, 1), "batch_size must be positive, got 0"),
        ([[]], (1, 0), "multiple must be positive, got 0"),
        ([[], [np.ones(1)]], (1, 1), r"same number of rows, got \[0, 1\]"),
    ],
)
def test_refused(sides, sizes, words):
    with pytest.raises(ValueError, match=words):
        bucketed_batches(sides, *sizes)
