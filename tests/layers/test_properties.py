"""What must hold for every sequence. Shapes are fixed, for each new one is compiled anew."""

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.layers.cases import ALL, CELLS, GRU, LSTM, normal, parametrise, randomise

BATCH, TIME, INPUTS, UNITS = 4, 6, 3, 5
CUTS = [c for n in range(2, 7) for c in product((1, 2, 3), repeat=n) if sum(c) == TIME]

sequences = arrays(np.float64, (BATCH, TIME, INPUTS), elements=st.floats(-5, 5))
masks = arrays(np.bool_, (BATCH, TIME)) | st.lists(
    st.integers(0, TIME), min_size=BATCH, max_size=BATCH
).map(lambda lengths: np.arange(TIME) < np.array(lengths)[:, None])


_built = {}


def built(case, **options):
    """One layer per case and options: compiled once, not once per example."""
    key = (case.name, *options.items())
    if key not in _built:
        options = {"return_sequences": True, "return_state": True, "dtype": "float64", **options}
        _built[key] = randomise(case.layer(UNITS, **options), INPUTS)
    return _built[key]


def row(states, i):
    """Row i of all states, side by side."""
    return np.concatenate([state[i] for state in states])


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-10)


@parametrise(ALL + CELLS, quick=[GRU, LSTM])
@given(x=sequences, mask=masks, padding=st.floats(-1e6, 1e6))
def test_masked_batch_equals_the_unpadded_sequences_one_by_one(case, x, mask, padding):
    layer, state = built(case), case.state(BATCH, UNITS)
    padded = np.where(mask[..., None], x, padding)
    outputs, *final = layer(padded, initial_state=state, mask=mask)
    for i in range(BATCH):
        alone, start = x[i : i + 1, mask[i]], [s[i : i + 1] for s in state]
        if not mask[i].any():  # nothing happened to an all-masked row
            assert_close(row(final, i), row(start, 0))
            continue
        expected, expected_final = case.oracle(layer.get_weights(), alone, start)
        assert_close(np.asarray(outputs)[i, mask[i]], expected[0])
        assert_close(row(final, i), row(expected_final, 0))


@parametrise(ALL, quick=[GRU, LSTM])
@given(x=sequences, cuts=st.sampled_from(CUTS))
def test_streaming_in_pieces_equals_one_call(case, x, cuts):
    layer, state = built(case), case.state(BATCH, UNITS)
    whole, *final = layer(x, initial_state=state)
    pieces = []
    for piece in np.split(x, np.cumsum(cuts)[:-1], axis=1):
        outputs, *state = layer(piece, initial_state=state)
        pieces.append(outputs)
    assert_close(np.concatenate(pieces, axis=1), whole)
    assert_close(state, final)


@parametrise(ALL, quick=[GRU, LSTM])
@given(x=sequences, mask=masks | st.none())
def test_reversing_twice_is_the_identity(case, x, mask):
    """A layer that goes backwards over the reversed sequence is the layer."""
    flipped = None if mask is None else mask[:, ::-1]
    forwards = built(case)(x, mask=mask)
    backwards = built(case, go_backwards=True)(x[:, ::-1], mask=flipped)
    for a, b in zip(forwards, backwards, strict=True):
        assert_close(a, b)


@parametrise(ALL, quick=[GRU, LSTM])
@given(x=sequences, mask=masks | st.none(), order=st.permutations(range(BATCH)))
def test_batch_order_does_not_matter(case, x, mask, order):
    state = case.state(BATCH, UNITS)
    shuffled_state = [s[order] for s in state]
    shuffled_mask = None if mask is None else mask[order]
    results = built(case)(x, initial_state=state, mask=mask)
    shuffled = built(case)(x[order], initial_state=shuffled_state, mask=shuffled_mask)
    for a, b in zip(results, shuffled, strict=True):
        assert_close(np.asarray(a)[order], b)


@parametrise(ALL, quick=[GRU, LSTM])
@given(x=sequences, later=st.integers(1, TIME - 1))
def test_the_future_does_not_change_the_past(case, x, later):
    changed = np.concatenate([x[:, :later], normal(9, BATCH, TIME - later, INPUTS)], axis=1)
    past, past_of_changed = (np.asarray(built(case)(v)[0])[:, :later] for v in (x, changed))
    np.testing.assert_array_equal(past, past_of_changed)
