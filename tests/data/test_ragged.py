import numpy as np
import pytest

from rnn_keras.data import RaggedRows, bucketed_batches

ROWS = [[1, 2, 3, 4, 5], [], [6], [7, 8, 9, 10]]


def test_rows_are_views_of_one_array():
    values = np.concatenate([np.array(row, "int32") for row in ROWS])
    rows = RaggedRows(values, [len(row) for row in ROWS])
    assert [row.tolist() for row in rows] == ROWS and rows[-1].tolist() == ROWS[-1]
    assert rows.lengths.tolist() == [5, 0, 1, 4] and np.shares_memory(rows[0], values)
    short = rows.cut(3)
    assert [row.tolist() for row in short] == [[1, 2, 5], [], [6], [7, 8, 10]]
    assert short.lengths.tolist() == [3, 0, 1, 3] and short[2].dtype == "int32"
    assert [row.tolist() for row in rows.cut(1)] == [[1], [], [6], [7]]
    with pytest.raises(IndexError, match="row 4 of 4"):
        rows[4]
    with pytest.raises(ValueError, match="lengths of 3 values, got 10"):
        RaggedRows(values, [1, 2])


def test_batches_are_those_of_a_list():
    random = np.random.default_rng(0)
    lists = [random.integers(1, 9, n).astype("int32") for n in random.integers(0, 9, 50)]
    rows = RaggedRows(np.concatenate(lists), [len(row) for row in lists])
    for (ours,), (theirs,) in zip(
        *(bucketed_batches((side,), 4, 3, 1).as_numpy_iterator() for side in (rows, lists)),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs, strict=True)
