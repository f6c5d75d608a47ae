"""The layers against the textbook equations: values, gradients and limits."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.cases import (
    ALL,
    CELLS,
    GRU,
    LSTM,
    VANILLA,
    VARIANTS,
    normal,
    parametrise,
    randomise,
)
from tests.layers.cases import values_and_gradients as differentiate
from tests.variants import variants

BATCH, TIME, INPUTS, UNITS = 3, 5, 4, 6
MODES = {
    "eager": lambda f: f,
    "graph": tf.function,
    "xla": lambda f: tf.function(f, jit_compile=True),
}


@pytest.mark.parametrize("mode", variants(MODES.keys(), ["eager", "graph"]))
@pytest.mark.parametrize(
    "dtype, tolerance",
    [("float64", 1e-10), pytest.param("float32", 1e-5, marks=pytest.mark.slow)],
)
@parametrise(ALL + VARIANTS + CELLS)
def test_values_equal_the_oracle(case, dtype, tolerance, mode):
    layer = case.layer(UNITS, return_sequences=True, return_state=True, dtype=dtype)
    randomise(layer, INPUTS)
    X, state = normal(1, BATCH, TIME, INPUTS), case.state(BATCH, UNITS)
    call = MODES[mode](lambda x, s: layer(x, initial_state=s))
    outputs, *final = call(tf.cast(X, dtype), [tf.cast(s, dtype) for s in state])
    expected, expected_final = case.oracle(layer.get_weights(), X, state)
    assert outputs.dtype == dtype and len(final) == case.states
    for a, b in zip([outputs, *final], [expected, *expected_final], strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("training", [pytest.param(False, marks=pytest.mark.slow), True])
@parametrise(ALL + VARIANTS + CELLS, quick=ALL)
def test_gradients_equal_finite_differences(case, training):
    """Of the oracle: with respect to the inputs, the initial state and each weight."""
    layer = case.layer(3, return_sequences=True, return_state=True, dtype="float64")
    randomise(layer, 2)
    point = [normal(1, 2, 4, 2), *case.state(2, 3), *layer.get_weights()]
    _, gradients = differentiate(layer, point[0], point[1 : 1 + case.states], training=training)

    def loss(arrays):
        X, *rest = arrays
        outputs, final = case.oracle(rest[case.states :], X, rest[: case.states])
        return sum(np.sum(r * normal(7 + i, *r.shape)) for i, r in enumerate([outputs, *final]))

    for array, gradient in zip(point, gradients, strict=True):
        np.testing.assert_allclose(
            gradient, central_differences(loss, point, array), rtol=1e-6, atol=1e-8
        )


def central_differences(loss, point, array, step=1e-5):
    """d loss(point) / d `array`, which is an element of the list `point`."""
    gradient = np.empty_like(array)
    for i in np.ndindex(array.shape):
        kept = array[i]
        array[i] = kept + step
        above = loss(point)
        array[i] = kept - step
        gradient[i] = (above - loss(point)) / (2 * step)
        array[i] = kept
    return gradient


ON, OFF = 1e3, -1e3  # a gate's bias: its sigmoid is then exactly 1 or 0


def gated(case, **bias):
    """A float64 layer whose named gates have a constant bias; `z r h` or `i f c o`."""
    layer = case.layer(UNITS, return_sequences=True, return_state=True, dtype="float64")
    *kernels, b = randomise(layer, INPUTS).get_weights()
    for gate, value in bias.items():
        k = {"gru": "zrh", "lstm": "ifco"}[case.name].index(gate)
        b[k * UNITS : (k + 1) * UNITS] = value
    layer.set_weights([*kernels, b])
    return layer


X = normal(1, BATCH, TIME, INPUTS)


def test_gru_keeps_the_state_at_Z_1():
    (H,) = GRU.state(BATCH, UNITS)
    outputs, final = gated(GRU, z=ON)(X, initial_state=[H])
    np.testing.assert_array_equal(final, H)
    np.testing.assert_array_equal(outputs, np.repeat(H[:, None], TIME, axis=1))


def test_gru_is_the_vanilla_rnn_at_Z_0_R_1():
    (H,) = GRU.state(BATCH, UNITS)
    layer = gated(GRU, z=OFF, r=ON)
    vanilla = VANILLA.layer(UNITS, return_sequences=True, dtype="float64")
    vanilla.build(X.shape)
    vanilla.set_weights([w[..., 2 * UNITS :] for w in layer.get_weights()])
    expected = vanilla(X, initial_state=H)
    np.testing.assert_allclose(layer(X, initial_state=H)[0], expected, rtol=0, atol=1e-12)


def test_gru_is_an_mlp_of_the_input_at_Z_0_R_0():
    layer = gated(GRU, z=OFF, r=OFF)
    kernel, _, bias = (w[..., 2 * UNITS :] for w in layer.get_weights())
    np.testing.assert_allclose(layer(X)[0], np.tanh(X @ kernel + bias), rtol=0, atol=1e-12)


def test_lstm_keeps_the_cell_at_F_1_I_0():
    H, C = LSTM.state(BATCH, UNITS)
    _, _, final_C = gated(LSTM, f=ON, i=OFF)(X, initial_state=[H, C])
    np.testing.assert_array_equal(final_C, C)


@parametrise([GRU, LSTM])
def test_hidden_state_stays_inside_minus_one_and_one(case):
    layer = randomise(case.layer(UNITS, return_sequences=True, dtype="float64"), INPUTS, scale=2)
    H = np.abs(layer(normal(2, BATCH, 60, INPUTS)))
    assert 0.9 < H.max() < 1


@parametrise(ALL)
def test_initial_state_is_zero_by_default(case):
    layer = randomise(case.layer(UNITS, return_sequences=True, dtype="float64"), INPUTS)
    zeros = [np.zeros((BATCH, UNITS))] * case.states
    np.testing.assert_array_equal(layer(X), layer(X, initial_state=zeros))
