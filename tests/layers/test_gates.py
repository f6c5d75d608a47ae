"""The gates that `record_gates` records, against the textbook equations."""

import keras
import numpy as np
import pytest

from rnn_keras.layers import GRU, LSTM, Bidirectional, DeepRNN, VanillaRNN, record_gates, use_plan
from tests import oracle

UNITS = 3


def inputs(batch=2, time=5, features=4):
    return np.random.default_rng(0).normal(size=(batch, time, features)).astype("float32")


def watch(layer, X, **options):
    """The layer's output, and the record of its gates, with random weights and biases."""
    layer.build(X.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    with use_plan("graph"), record_gates() as seen:  # the fused one would be compiled
        output = layer(X, **options)
    return np.asarray(output), seen


def before(H):
    return np.pad(H[:, :-1], ((0, 0), (1, 0), (0, 0)))


def gate(X, H, weights, phi=oracle.sigmoid):
    W_x, W_h, b = weights
    return phi(X @ W_x + H @ W_h + b)


def test_gru():
    X, layer = inputs(), GRU(UNITS, return_sequences=True, name="layer")
    output, seen = watch(layer, X)
    assert list(seen["layer"]) == ["Z", "R", "H_tilde", "H"]
    update, reset, candidate = oracle.unpack(layer.get_weights(), 3)
    H, _ = oracle.gru(X, update, reset, candidate)
    R = gate(X, before(H), reset)
    expected = {
        "Z": gate(X, before(H), update),
        "R": R,
        "H_tilde": gate(X, R * before(H), candidate, np.tanh),
        "H": H,
    }
    for symbol, values in expected.items():
        np.testing.assert_allclose(seen["layer"][symbol], values, atol=1e-5, err_msg=symbol)
    np.testing.assert_allclose(output, H, atol=1e-5)


def test_lstm():
    X, layer = inputs(), LSTM(UNITS, name="layer")
    _, seen = watch(layer, X)
    I, F, C_tilde, O = weights = oracle.unpack(layer.get_weights(), 4)
    H, _ = oracle.lstm(X, *weights)
    expected = {
        "I": gate(X, before(H), I),
        "F": gate(X, before(H), F),
        "O": gate(X, before(H), O),
        "C_tilde": gate(X, before(H), C_tilde, np.tanh),
        "H": H,
    }
    assert set(seen["layer"]) == {*expected, "C"}
    for symbol, values in expected.items():
        np.testing.assert_allclose(seen["layer"][symbol], values, atol=1e-5, err_msg=symbol)
    C = seen["layer"]["C"]
    recurrence = expected["F"] * before(C) + expected["I"] * expected["C_tilde"]
    np.testing.assert_allclose(C, recurrence, atol=1e-5)


@pytest.mark.parametrize("layer", [GRU(UNITS, reset_after=True), LSTM(UNITS), VanillaRNN(UNITS)])
@pytest.mark.parametrize("backwards", [False, True])
def test_the_states_are_those_of_the_layer(layer, backwards):
    """Also with a mask, an initial state, and backwards, where the last step is the first one."""
    layer = type(layer).from_config({**layer.get_config(), "go_backwards": backwards})
    X, mask = inputs(), np.array([[True] * 5, [False, True, False, True, False]])
    state = [np.full((2, UNITS), 0.3, "float32") for _ in layer.state_size]
    output, seen = watch(layer, X, mask=mask, initial_state=state)
    (recorded,) = seen.values()
    np.testing.assert_allclose(recorded["H"][:, 0 if backwards else -1], output, atol=1e-5)
    assert {values.shape for values in recorded.values()} == {(2, 5, UNITS)}


def test_every_layer_of_a_model_and_every_call_is_recorded():
    X = inputs()
    deep = DeepRNN([Bidirectional(GRU(UNITS, name="gru")), LSTM(UNITS, name="lstm")])
    model = keras.Sequential([keras.Input((None, 4)), deep, keras.layers.Dense(1)])
    with use_plan("graph"), record_gates() as seen:
        outputs = model(X)
        model(X)
    assert list(seen)[:3] == ["forward_gru", "backward_gru", "lstm"]
    assert list(seen)[3:] == ["forward_gru_2", "backward_gru_2", "lstm_2"]
    with use_plan("graph"):
        np.testing.assert_array_equal(model(X), outputs)


def test_a_graph_has_nothing_to_tell():
    layer = GRU(UNITS)
    model = keras.Sequential([keras.Input((5, 4)), layer])
    with record_gates() as seen, pytest.raises(ValueError, match="called in a graph"):
        model.predict(inputs(), verbose=0)
    assert not seen
