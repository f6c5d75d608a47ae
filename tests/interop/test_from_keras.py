"""Models rebuilt on the layers of this package, and back: the same in everything but the layers."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import rnn_keras
from rnn_keras.interop import from_keras, to_keras
from rnn_keras.layers import GRU, LSTM, Bidirectional, DeepRNN, RecurrentLayer, VanillaRNN
from tests.interop.models import (
    IDS,
    INPUTS,
    MODELS,
    TIME,
    X,
    masked,
    randomised,
    stacked_cells,
)
from tests.variants import variants


def outputs(model, inputs):
    """Arrays, by Keras's own loop: that the plans agree is tested with the layers."""
    with rnn_keras.use_plan("reference"):
        return [np.asarray(y) for y in keras.tree.flatten(model(inputs))]


def assert_same(model, other, inputs, atol=1e-5):
    for a, b in zip(outputs(model, inputs), outputs(other, inputs), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


def recurrent(model):
    """By kind, the recurrent layers however deep they lie."""
    found = [x for x in model._flatten_layers() if isinstance(x, layers.RNN)]
    ours = [x for x in found if isinstance(x, RecurrentLayer)]
    return ours, [x for x in found if x not in ours]


@pytest.mark.parametrize("build", variants(MODELS, ["every_layer"]))
def test_same_model_on_other_layers_and_back(build):
    model, inputs = build()
    randomised(model)
    config, weights = model.get_config(), model.get_weights()
    ours = from_keras(model)
    back = to_keras(ours)
    assert model.get_config() == config
    for a, b in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert recurrent(model)[0] == recurrent(ours)[1] == recurrent(back)[0] == []
    tolerance = 2e-3 if "half" in build.__name__ else 1e-5
    for other in (ours, back):
        assert [x.name for x in other.layers] == [x.name for x in model.layers]
        assert [w.trainable for w in other.weights] == [w.trainable for w in model.weights]
        assert [w.shape for w in other.weights] == [w.shape for w in model.weights]
        assert_same(model, other, inputs, tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["every_layer", "encoder_decoder", "half_precision"])
def test_the_result_is_a_file_that_loads_in_safe_mode(name, tmp_path):
    model, inputs = MODELS[name]()
    ours = from_keras(randomised(model))
    ours.save(tmp_path / "model.keras")
    assert_same(ours, keras.saving.load_model(tmp_path / "model.keras"), inputs, 0)


KINDS = [layers.SimpleRNN, layers.GRU, layers.LSTM]


@st.composite
def recurrent_layers(draw):
    """The class and options of one of Keras's layers, and how to merge two directions, if so."""
    kind = draw(st.sampled_from(KINDS))
    flags = ["go_backwards", "use_bias", "unroll", "return_sequences", "zero_output_for_mask"]
    options = {name: draw(st.booleans()) for name in flags}
    options["units"] = draw(st.integers(1, 4))
    options["activation"] = draw(st.sampled_from(["tanh", "relu", "softsign"]))
    if kind is not layers.SimpleRNN:
        options["recurrent_activation"] = draw(st.sampled_from(["sigmoid", "softmax"]))
    if kind is layers.GRU:
        options["reset_after"] = draw(st.booleans())
    return kind, options, draw(st.sampled_from(["one way", "concat", "sum", "mul", "ave"]))


@pytest.mark.slow
@given(recurrent_layers(), st.booleans())
@settings(max_examples=15)
def test_any_options(described, mask):
    kind, options, merge_mode = described
    layer = kind(**options)
    if merge_mode != "one way":
        layer.go_backwards = False  # Bidirectional sees to it
        layer = layers.Bidirectional(layer, merge_mode=merge_mode)
    layer.build((None, TIME, INPUTS))
    randomised(layer)
    ours = from_keras(layer)
    assert (ours.name, ours.dtype) == (layer.name, layer.dtype)
    valid = IDS > 0 if mask else None
    with rnn_keras.use_plan("reference"):
        expected = layer(X, mask=valid)
        np.testing.assert_allclose(ours(X, mask=valid), expected, atol=1e-5)
        np.testing.assert_allclose(to_keras(ours)(X, mask=valid), expected, atol=1e-5)


def test_the_fast_loop_answers_the_same():
    model = randomised(masked(layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
                              layers.GRU(4)))  # fmt: skip
    embedding, both_ways, last = model.layers
    valid = embedding.compute_mask(IDS)  # given by hand: Keras 3.16 loses it (keras#23235)
    expected = last(both_ways(embedding(IDS), mask=valid), mask=valid)
    np.testing.assert_allclose(from_keras(model)(IDS), expected, atol=1e-5)


def test_carried_states_are_carried_over():
    model = keras.Sequential([
        keras.Input(batch_shape=X.shape),
        layers.Bidirectional(layers.LSTM(4, stateful=True, return_sequences=True)),
        layers.GRU(4, stateful=True, return_sequences=True),
        stacked_cells(stateful=True),
    ])  # fmt: skip
    randomised(model)(X)
    ours = from_keras(model)
    back = to_keras(ours)
    first = outputs(model, X)
    for other in (ours, back):
        np.testing.assert_allclose(outputs(other, X), first, atol=1e-5)
    assert np.abs(outputs(ours, X)[0] - first[0]).max() > 1e-3


def test_shared_layers_stay_shared():
    """Also those that two nested models share, which Keras's own files duplicate."""
    model, _ = MODELS["nested_and_shared"]()
    ours = from_keras(model)
    question, answer = ours.get_layer("question"), ours.get_layer("answer")
    assert question.get_layer("embedding") is answer.get_layer("embedding")
    assert not question.trainable and answer.trainable
    assert len(ours.get_layer("twice")._inbound_nodes) == 2


def test_what_belongs_to_training_is_kept_but_for_compile():
    def sine(x):  # no file could hold it
        return keras.ops.sin(x)

    layer = layers.GRU(
        4,
        kernel_regularizer="l2",
        recurrent_constraint="unit_norm",
        activity_regularizer="l1",
        dropout=0.2,
        seed=3,
        activation=sine,
    )
    model = keras.Sequential([keras.Input((TIME, INPUTS)), layer])
    model.compile("adam", loss=lambda y, y_pred: keras.ops.sum(y_pred))
    ours = from_keras(model)
    new = ours.layers[0]
    assert not ours.compiled
    assert (new.dropout, new.seed) == (0.2, 3)
    np.testing.assert_allclose(ours(X), model(X), atol=1e-6)
    assert len(ours.losses) == 2
    np.testing.assert_allclose(ours.losses, model.losses, rtol=1e-5)


def test_what_is_not_built_is_converted_too():
    ours = from_keras(keras.Sequential([layers.LSTM(4), layers.Dense(2)]))
    assert not ours.built and isinstance(ours.layers[0], LSTM)
    assert ours(X).shape == (3, 2)
    assert type(from_keras(layers.Bidirectional(layers.LSTM(4)))) is Bidirectional


def test_own_layers_pass():
    """Those of this package, and Keras's layers over its cells, which are slower."""
    deep = DeepRNN([Bidirectional(GRU(3)), layers.LSTM(4)], dropout=0.1)
    model = keras.Sequential([
        keras.Input((None, INPUTS)),
        layers.Bidirectional(VanillaRNN(3, return_sequences=True)),
        layers.RNN(rnn_keras.layers.LSTMCell(3), return_sequences=True),
        deep,
    ])  # fmt: skip
    ours = from_keras(randomised(model))
    kinds = [type(x) for x in ours.layers]
    assert kinds == [Bidirectional, LSTM, DeepRNN] and not recurrent(ours)[1]
    assert_same(model, ours, X)
    again = from_keras(ours)
    assert again is not ours and again.get_config() == ours.get_config()


def test_a_stack_becomes_one_layer_of_keras_or_a_model():
    """`RNN` over `StackedRNNCells`, with the dropout before the upper cells; or `Sequential`."""
    plain = DeepRNN([LSTM(4), GRU(3, dropout=0.5)], dropout=0.5, return_state=True, name="deep")
    both = DeepRNN([Bidirectional(LSTM(4)), GRU(3)], dropout=0.5, return_sequences=True)
    for deep, kind in ((plain, layers.RNN), (both, keras.Sequential)):
        deep.build((None, None, INPUTS))
        randomised(deep)
        builtin = to_keras(deep)
        assert type(builtin) is kind and builtin.name == deep.name
        assert_same(deep, builtin, X)
    assert [cell.dropout for cell in to_keras(plain).cell.cells] == [0.0, 0.75]
    assert type(from_keras(to_keras(plain))) is DeepRNN
