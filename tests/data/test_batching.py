import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from rnn_keras.data import bucket_by_length, bucketed_batches, pad

LENGTHS = st.lists(st.integers(0, 50), max_size=60)
SIZES = st.integers(1, 9)


@given(LENGTHS, SIZES, SIZES, st.none() | st.integers(0, 9))
def test_every_row_once_in_few_shapes(lengths, batch_size, multiple, seed):
    random = None if seed is None else np.random.default_rng(seed)
    batches = bucket_by_length(lengths, batch_size, multiple, random)
    rows = [row for batch in batches for row in batch]
    assert sorted(rows) == list(range(len(lengths)))

    padded = [
        pad([np.ones(lengths[row], np.int32) for row in batch], multiple) for batch in batches
    ]
    assert len([p for p in padded if len(p) < batch_size]) == (len(lengths) % batch_size > 0)
    widths = {p.shape[1] for p in padded}
    assert all(width % multiple == 0 for width in widths)
    assert len({p.shape for p in padded}) <= max(lengths, default=0) // multiple + 2


def test_batches_of_sorted_rows_overlap_in_no_length():
    lengths = np.random.default_rng(0).integers(0, 400, 1000)
    batches = bucket_by_length(lengths, 32, 1, np.random.default_rng(1))
    spans = sorted((lengths[batch].min(), lengths[batch].max()) for batch in batches)
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:]))


def test_rows_of_two_sides_are_alike_in_both():
    lengths = np.random.default_rng(0).integers(1, 40, (20_000, 2))
    batches = bucket_by_length(lengths, 32, 10, np.random.default_rng(1))
    assert sorted(np.concatenate(batches)) == list(range(20_000))
    shapes = [{tuple(-(-lengths[row] // 10)) for row in batch} for batch in batches]
    assert all(len({first for first, _ in shape}) <= 2 for shape in shapes)
    assert np.mean([len(shape) == 1 for shape in shapes]) > 0.9


def test_randomness_is_that_of_the_generator_alone():
    lengths = np.random.default_rng(0).integers(0, 40, 100)
    first, again, other = (
        np.concatenate(bucket_by_length(lengths, 7, 10, np.random.default_rng(seed))).tolist()
        for seed in (1, 1, 2)
    )
    assert first == again != other
    in_order = bucket_by_length([3, 1, 2, 1], 2)
    assert [batch.tolist() for batch in in_order] == [[1, 3], [2, 0]]


def test_pad():
    rows = [np.array([5, 6, 7]), np.array([], np.int64), np.array([8])]
    np.testing.assert_array_equal(pad(rows, 2, -1), [[5, 6, 7, -1], [-1] * 4, [8, -1, -1, -1]])
    assert pad([np.array([], np.int32)], 3).shape == (1, 3)  # no batch without a time step


@pytest.mark.parametrize("seed", [None, 3, (0, 3)])
def test_bucketed_batches_are_the_padded_buckets(seed):
    rng = np.random.default_rng(0)
    first, second = ([np.full(n, n, np.int32) for n in rng.integers(1, 9, 23)] for _ in "ab")
    labels = rng.normal(size=(23, 1)).astype("float32")
    dataset = bucketed_batches((first, second), 4, 3, seed, (labels,))
    lengths = np.array([list(map(len, side)) for side in (first, second)]).T
    random = None if seed is None else np.random.default_rng(seed)
    rows = bucket_by_length(lengths, 4, 3, random)
    assert dataset.cardinality() == len(rows) == 6
    ids = tf.TensorSpec((None, None), tf.int32)
    assert dataset.element_spec == (ids, ids, tf.TensorSpec((None, 1), tf.float32))
    for batch, of_batch in zip(dataset.as_numpy_iterator(), rows):
        for padded, side in zip(batch, (first, second)):
            np.testing.assert_array_equal(padded, pad([side[row] for row in of_batch], 3))
        np.testing.assert_array_equal(batch[2], labels[of_batch])


def test_no_rows_are_no_batches():
    assert list(bucketed_batches(([],), 4, arrays=(np.zeros((0, 1)),))) == []


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: bucket_by_length([1], 0), "batch_size must be positive, got 0"),
        (lambda: bucket_by_length([1], 1, 0), "multiple must be positive, got 0"),
        (lambda: bucket_by_length([[[1]]], 1), r"or \(n, sides\), got \(1, 1, 1\)"),
        (lambda: bucketed_batches(([], [np.ones(1)]), 1), r"as many rows, got \[0, 1\]"),
        (lambda: pad([], 0), "multiple must be positive, got 0"),
    ],
)
def test_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
