"""Layers on top of one another, and both directions: the textbook composition."""

import json

import keras
import numpy as np
import pytest

from rnn_keras.layers import GRU, LSTM, Bidirectional, DeepRNN, VanillaRNN, use_plan
from tests.layers.cases import ALL, normal, parametrise, randomise
from tests.variants import variants

BATCH, TIME, INPUTS, UNITS = 3, 5, 4, 6
X = normal(1, BATCH, TIME, INPUTS).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]], bool)


def assert_close(actual, expected, atol=1e-6):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


def deep(layers, **options):
    options = {"return_sequences": True, "return_state": True, **options}
    return randomise(DeepRNN(layers, **options), INPUTS)


@parametrise(ALL)
def test_each_layer_reads_the_one_below(case):
    """Outputs of the top layer; final states of every layer, from the bottom up."""
    model = deep([case.layer(UNITS, dtype="float64") for _ in range(2)], dtype="float64")
    weights = model.get_weights()
    half = len(weights) // 2
    outputs, *states = model(X.astype("float64"))
    below, states_below = case.oracle(weights[:half], X.astype("float64"))
    above, states_above = case.oracle(weights[half:], below)
    assert_close(outputs, above, 1e-10)
    assert_close(states, [*states_below, *states_above], 1e-10)


def mixed(**options):
    return deep([LSTM(UNITS), GRU(5), Bidirectional(VanillaRNN(4)), GRU(UNITS)], **options)


def test_streaming_in_pieces_equals_one_call():
    model = deep([LSTM(UNITS), GRU(5), VanillaRNN(UNITS)])
    whole, *final = model(X)
    first, *states = model(X[:, :2])
    second, *states = model(X[:, 2:], initial_state=states)
    assert_close(np.concatenate([first, second], axis=1), whole)
    for a, b in zip(states, final, strict=True):
        assert_close(a, b)


@pytest.mark.slow
def test_masked_batch_equals_the_unpadded_sequences():
    model = mixed()
    outputs, *states = model(X, mask=MASK)
    for i, n in enumerate([5, 3]):
        alone, *alone_states = model(X[i : i + 1, :n])
        assert_close(outputs[i, :n], alone[0])
        for a, b in zip(states, alone_states, strict=True):
            assert_close(a[i], b[0])
    assert all(np.all(np.asarray(s)[2] == 0) for s in states)


def test_stateful_carries_and_resets():
    layers = [LSTM(UNITS), GRU(5)]
    plain = deep(layers, return_state=False)
    model = DeepRNN(layers, stateful=True, return_sequences=True)
    model.build((BATCH, 1, INPUTS))
    model.set_weights(plain.get_weights())
    pieces = [model(X[:, t : t + 1]) for t in range(TIME)]
    assert_close(np.concatenate(pieces, axis=1), plain(X))
    model.reset_state()
    assert_close(model(X[:, :1]), pieces[0])


@pytest.mark.slow
def test_backwards_is_forwards_over_the_reversed_sequence():
    """In one direction, and as the second one of `Bidirectional`; masks are reversed too."""
    forwards, backwards = mixed(), mixed(go_backwards=True)
    for a, b in zip(backwards(X, mask=MASK), forwards(X[:, ::-1], mask=MASK[:, ::-1]), strict=True):
        assert_close(a, b)
    both = randomise(Bidirectional(DeepRNN([LSTM(UNITS), GRU(5)])), INPUTS)
    ways = [
        deep([LSTM(UNITS), GRU(5)], return_state=False, return_sequences=False, go_backwards=b)
        for b in (False, True)
    ]
    half = len(both.get_weights()) // 2
    for way, weights in zip(ways, (both.get_weights()[:half], both.get_weights()[half:])):
        way.set_weights(weights)
    expected = np.concatenate([way(X, mask=MASK) for way in ways], axis=-1)
    assert_close(both(X, mask=MASK), expected)


@pytest.mark.slow
def test_dropout_is_between_the_layers_only():
    """A single layer has no place for it."""
    single = deep([GRU(UNITS)], dropout=0.5)
    np.testing.assert_array_equal(single(X, training=True)[0], single(X)[0])
    two, twin = (deep([GRU(UNITS), GRU(UNITS)], dropout=0.5, seed=1) for _ in range(2))
    (outputs, bottom, top), (_, plain_bottom, plain_top) = two(X, training=True), two(X)
    np.testing.assert_array_equal(bottom, plain_bottom)
    assert np.abs(top - plain_top).max() > 1e-3
    np.testing.assert_array_equal(outputs[:, -1], top)
    np.testing.assert_array_equal(outputs, twin(X, training=True)[0])


@pytest.mark.parametrize(
    "sequences",
    [pytest.param(False, id="last", marks=pytest.mark.slow), pytest.param(True, id="sequences")],
)
@pytest.mark.parametrize("state", [pytest.param(False, marks=pytest.mark.slow), True])
def test_symbolic_shapes_and_keras_file_round_trip(sequences, state, tmp_path):
    layer = mixed(return_sequences=sequences, return_state=state, dropout=0.1, seed=2)
    inputs = keras.Input((None, INPUTS))
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert json.dumps(loaded.layers[-1].get_config()) == json.dumps(layer.get_config())
    for symbol, a, b in zip(
        keras.tree.flatten(model.output),
        keras.tree.flatten(model(X)),
        keras.tree.flatten(loaded(X)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
        assert symbol.shape[-1] == a.shape[-1] and len(symbol.shape) == len(a.shape)


@pytest.mark.slow
def test_depth_8_learns():
    model = keras.Sequential([DeepRNN([GRU(8) for _ in range(8)]), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=False)
    y = X[:, :1, 0]
    with use_plan("graph"):  # compiling eight layers takes longer
        losses = model.fit(X, y, batch_size=BATCH, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    "merge_mode",
    variants(["concat", "sum", "mul", "ave", None], ["concat", None]),
)
def test_bidirectional_is_a_second_pass_over_the_reversed_sequence(merge_mode):
    layer = Bidirectional(GRU(UNITS, return_sequences=True), merge_mode=merge_mode)
    randomise(layer, INPUTS)
    forward, backward = (GRU(UNITS, return_sequences=True) for _ in range(2))
    for one, weights in [(forward, layer.get_weights()[:3]), (backward, layer.get_weights()[3:])]:
        one.build(X.shape)
        one.set_weights(weights)
    both = forward(X), backward(X[:, ::-1])[:, ::-1]
    merged = {
        "concat": lambda: np.concatenate(both, axis=-1),
        "sum": lambda: both[0] + both[1],
        "mul": lambda: both[0] * both[1],
        "ave": lambda: (both[0] + both[1]) / 2,
        None: lambda: both,
    }
    assert_close(layer(X), merged[merge_mode]())


@pytest.mark.parametrize(
    "layers, options, name",
    [
        ([], {}, "layers"),
        (None, {}, "layers"),
        ([keras.layers.Dense(3)], {}, "layers"),
        ([GRU(3, go_backwards=True)], {}, "go_backwards"),
        ([GRU(3)], {"dropout": 1.0}, "dropout"),
        ([GRU(3)], {"dropout": "much"}, "dropout"),
        ([GRU(3)], {"dropuot": 0.1}, "dropuot"),
    ],
)
def test_a_wrong_argument_is_named(layers, options, name):
    with pytest.raises((ValueError, TypeError), match=name):
        DeepRNN(layers, **options)


def test_a_wrong_number_of_states_is_named():
    with pytest.raises(ValueError, match="initial_state.*3 tensors.*got 1"):
        deep([LSTM(UNITS), GRU(UNITS)])(X, initial_state=[np.zeros((BATCH, UNITS))])


def test_dtype_is_that_of_all_layers_and_one_state_may_be_bare():
    deep = DeepRNN([GRU(4)], dtype="mixed_bfloat16", return_state=True)
    X, state = np.ones((2, 3, 5), "float32"), np.full((2, 4), 0.5, "float32")
    output, _ = deep(X, initial_state=state)
    assert output.dtype == deep.layers[0].compute_dtype == "bfloat16"
    np.testing.assert_array_equal(output, deep(X, initial_state=[state])[0])
