import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_keras.data import contiguous_streams, sliding_windows, window_starts


def test_contiguous_streams_small_example():
    X, Y = contiguous_streams(np.arange(14), batch_size=2, steps=3)
    assert X.tolist() == [[[0, 1, 2], [6, 7, 8]], [[3, 4, 5], [9, 10, 11]]]
    assert Y.tolist() == [[[1, 2, 3], [7, 8, 9]], [[4, 5, 6], [10, 11, 12]]]


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 9), st.integers(0, 200))
def test_contiguous_streams_who_sees_what(batch_size, steps, offset, extra):
    n = offset + batch_size * steps + 1 + extra
    ids = np.arange(n, dtype=np.int32)  # an id is its own position
    X, Y = contiguous_streams(ids, batch_size, steps, offset)
    n_chunks = X.shape[0]

    assert X.shape == Y.shape == (n_chunks, batch_size, steps) and X.dtype == np.int32
    np.testing.assert_array_equal(Y, X + 1)
    # every stream, read through all its chunks, is one uninterrupted piece of text
    streams = X.swapaxes(0, 1).reshape(batch_size, -1)
    np.testing.assert_array_equal(np.diff(streams, axis=1), 1)
    # every position is a target exactly once, from the first on, without a gap
    targets = np.sort(Y, axis=None)
    np.testing.assert_array_equal(targets, offset + 1 + np.arange(targets.size))
    assert 0 <= n - 1 - targets[-1] < batch_size * steps
    assert np.shares_memory(X, ids) and np.shares_memory(Y, ids)


@given(st.integers(1, 8), st.integers(1, 5), st.integers(0, 40))
def test_sliding_windows_who_sees_what(steps, stride, extra):
    ids = np.arange(steps + 1 + extra)
    X, Y = sliding_windows(ids, steps, stride)
    expected = [ids[i : i + steps + 1] for i in range(0, len(ids) - steps, stride)]
    np.testing.assert_array_equal(X, [w[:-1] for w in expected])
    np.testing.assert_array_equal(Y, [w[1:] for w in expected])
    assert np.shares_memory(X, ids) and np.shares_memory(Y, ids)


def test_sliding_windows_with_stride_of_the_steps_predict_every_position_once():
    _, Y = sliding_windows(np.arange(21), steps=5, stride=5)
    assert Y.ravel().tolist() == list(range(1, 21))


@given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 4), st.integers(0, 40))
def test_window_starts_are_all_that_fit(lookback, horizon, stride, extra):
    rows = lookback + horizon + extra
    starts = window_starts(rows, lookback, horizon, stride)
    fits = [i for i in range(0, rows, stride) if i + lookback + horizon <= rows]
    assert starts.tolist() == fits and starts.dtype == np.int64


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: contiguous_streams(np.arange(22), 4, 5, 2), "at least 23 ids, got 22"),
        (lambda: contiguous_streams([], 1, 1), "at least 2 ids, got 0"),
        (lambda: contiguous_streams(np.arange(9), 0, 5), "batch_size must be positive, got 0"),
        (lambda: contiguous_streams(np.arange(9), 1, -1), "steps must be positive, got -1"),
        (lambda: contiguous_streams(np.arange(9), 1, 1, -1), "offset must not be negative"),
        (lambda: contiguous_streams(np.zeros((3, 3)), 1, 1), r"shape \(n,\), got shape \(3, 3\)"),
        (lambda: sliding_windows(np.arange(32), 32), "at least 33 ids, got 32"),
        (lambda: sliding_windows(np.arange(32), 3, 0), "stride must be positive, got 0"),
        (lambda: window_starts(64, 60, 5), "60 \\+ 5 rows needs at least 65 rows, got 64"),
        (lambda: window_starts(64, 60, 0), "horizon must be positive, got 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_shortest_sequences_that_fit():
    assert contiguous_streams(np.arange(23), 4, 5, 2)[0].shape == (1, 4, 5)
    assert sliding_windows(np.arange(33), 32)[0].shape == (1, 32)
