"""The layers are good Keras citizens: saving, wrappers, precision, sizes, clear errors."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras import layers
from rnn_keras.layers import Bidirectional, DeepRNN
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

BATCH, TIME, INPUTS, UNITS = 3, 5, 4, 6
X = normal(1, BATCH, TIME, INPUTS).astype("float32")
OPTIONS = {
    "use_bias": False,
    "kernel_initializer": "he_normal",
    "recurrent_initializer": "glorot_normal",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "recurrent_regularizer": "l1",
    "bias_regularizer": "l1",
    "activity_regularizer": "l2",
    "kernel_constraint": "non_neg",
    "recurrent_constraint": "unit_norm",
    "bias_constraint": "max_norm",
    "dropout": 0.1,
    "recurrent_dropout": 0.2,
    "seed": 5,
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "zero_output_for_mask": True,
    "name": "mine",
    "dtype": "mixed_bfloat16",
}


def assert_close(actual, expected, atol=1e-6):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


@parametrise(ALL + VARIANTS)
@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["defaults", "everything"])
def test_config_round_trip(case, options):
    layer = case.layer(UNITS, **options)
    config = layer.get_config()
    copy = type(layer).from_config(config)
    assert copy.get_config() == config
    builtin = case.builtin(UNITS, **options).get_config()
    elsewhere = {"use_cudnn", "implementation"}  # how Keras computes, not what
    forgotten = {"activity_regularizer", "seed"} if case.keras is keras.layers.SimpleRNN else set()
    compared = set(builtin) - elsewhere - forgotten - {"name"}
    assert {k: config[k] for k in compared} == {k: builtin[k] for k in compared}


@parametrise(ALL + VARIANTS + CELLS, quick=[LSTM, *CELLS[:1]])
def test_keras_file_round_trip(case, tmp_path):
    """Through a file, with no `custom_objects`; wrapped in Keras's classes and in ours."""
    model = keras.Sequential(
        [
            keras.Input((None, INPUTS)),
            keras.layers.Bidirectional(case.layer(UNITS, return_sequences=True)),
            keras.layers.RNN(case.cell(UNITS), return_sequences=True),
            DeepRNN([Bidirectional(case.layer(UNITS)), case.layer(UNITS)]),
        ]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(X), model(X))


@parametrise(ALL)
def test_inside_keras_bidirectional(case):
    """Both directions, with a mask and initial states, equal the wrapped built-in."""
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], bool)
    state = [*case.state(BATCH, UNITS), *case.state(BATCH, UNITS, scale=-0.5)]
    wrapped = []
    for make in (case.layer, case.builtin):
        layer = keras.layers.Bidirectional(make(UNITS, return_sequences=True, return_state=True))
        layer.build((BATCH, TIME, INPUTS))
        layer.set_weights([0.5 * normal(i, *w.shape) for i, w in enumerate(layer.weights)])
        wrapped.append(layer(X, mask=mask, initial_state=state))
    for ours, builtin in zip(*wrapped, strict=True):
        assert_close(ours, builtin, 1e-5)


@parametrise(ALL)
def test_inside_keras_rnn_and_stacked_cells(case):
    layers = [
        randomise(case.layer(UNITS, return_sequences=True), INPUTS),
        randomise(case.layer(UNITS, return_sequences=True), UNITS),
    ]
    cells = [case.cell(UNITS), case.cell(UNITS)]
    stacked = keras.layers.RNN(keras.layers.StackedRNNCells(cells), return_sequences=True)
    stacked.build(X.shape)
    for cell, layer in zip(cells, layers, strict=True):
        cell.set_weights(layer.get_weights())
    single = keras.layers.RNN(cells[0], return_sequences=True)
    assert_close(single(X), layers[0](X))
    assert_close(stacked(X), layers[1](layers[0](X)))


@pytest.mark.slow
@parametrise(ALL)
def test_mixed_precision(case):
    """Half-precision results near the float32 ones; weights and their gradients in float32."""

    def results(dtype):
        layer = randomise(case.layer(UNITS, return_sequences=True, dtype=dtype), INPUTS)
        assert {w.dtype for w in layer.weights} == {"float32"}
        (outputs,), gradients = differentiate(layer, X, training=True)
        return outputs, gradients

    exact, exact_gradients = results("float32")
    for half, tolerance in [("float16", 5e-3), ("bfloat16", 5e-2)]:
        outputs, gradients = results(f"mixed_{half}")
        assert outputs.dtype == half
        assert {g.dtype for g in gradients[1:]} == {np.dtype("float32")}
        assert_close(outputs.astype("float32"), exact, tolerance)
        for g, expected in zip(gradients, exact_gradients, strict=True):
            assert_close(g.astype("float32"), expected, 20 * tolerance)


@parametrise(ALL, quick=[GRU, LSTM])
def test_dropout_acts_in_training_only_and_repeats_with_its_seed(case):
    def dropping():
        layer = case.layer(UNITS, dropout=0.5, recurrent_dropout=0.5, seed=3)
        return randomise(layer, INPUTS)

    plain = randomise(case.layer(UNITS), INPUTS)(X)
    assert_close(dropping()(X), plain)
    layer, twin = dropping(), dropping()
    first, second = layer(X, training=True), layer(X, training=True)
    assert np.abs(first - plain).max() > 1e-3 < np.abs(first - second).max()
    np.testing.assert_array_equal(first, twin(X, training=True))


@pytest.mark.parametrize(
    "jit_compile",
    [pytest.param(True, id="xla", marks=pytest.mark.slow), pytest.param(False, id="graph")],
)
@parametrise([VANILLA, LSTM], quick=[LSTM])
def test_fit_learns(case, jit_compile):
    """The sign of the first input: values, gradients and the graph of `fit` must agree."""
    x = normal(3, 64, TIME, 1).astype("float32")
    y = (x[:, 0] > 0).astype("float32")
    model = keras.Sequential([case.layer(12), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(0.05), "bce", jit_compile=jit_compile)
    history = model.fit(x, y, batch_size=16, epochs=8, verbose=0).history["loss"]
    assert history[-1] < 0.6 * history[0]


@pytest.mark.parametrize("units", [1, pytest.param(2048, marks=pytest.mark.slow)])
@parametrise(ALL)
def test_widths(case, units):
    outputs = case.layer(units, return_sequences=True)(X[:1, :2])
    assert outputs.shape == (1, 2, units)
    assert np.abs(outputs).max() > 0


@parametrise(ALL)
def test_one_graph_serves_every_batch_size_and_length(case):
    layer = randomise(case.layer(UNITS, return_state=True), INPUTS)
    traced = tf.function(layer, input_signature=[tf.TensorSpec((None, None, INPUTS))])
    for batch, time in [(1, 1), (3, 5)]:
        for a, b in zip(traced(X[:batch, :time]), layer(X[:batch, :time]), strict=True):
            assert_close(a, b)


@pytest.mark.parametrize(
    "argument, value",
    [
        ("units", 0),
        ("units", -3),
        ("units", 2.5),
        ("units", "8"),
        ("units", None),
        ("activation", "nope"),
        ("dropout", 1.5),
        ("dropout", -0.1),
        ("recurrent_dropout", 1.5),
        ("recurrent_dropout", "much"),
        ("kernel_initializer", "nope"),
        ("recurrent_initializer", "nope"),
        ("bias_initializer", "nope"),
        ("kernel_regularizer", "nope"),
        ("kernel_constraint", "nope"),
        ("unitz", 3),
        ("cell", None),
    ],
)
@parametrise([VANILLA, LSTM])
def test_a_wrong_constructor_argument_is_named(case, argument, value):
    name = argument.rpartition("_")[2] if value == "nope" else argument  # Keras: "initializer"
    with pytest.raises((ValueError, TypeError), match=name):
        case.layer(**{"units": UNITS, argument: value})


@pytest.mark.parametrize(
    "shape, arguments, message",
    [
        ((BATCH, INPUTS), {}, "ndim=3|3D|rank"),
        ((BATCH, TIME, INPUTS, 1), {}, "ndim=3|3D|rank"),
        ((BATCH, TIME, INPUTS + 1), {}, "shape|axis"),
        ((BATCH, TIME, INPUTS), {"initial_state": [X[:, 0]] * 3}, "state"),
        ((BATCH, TIME, INPUTS), {"initial_state": [np.zeros((BATCH, UNITS + 1))]}, "initial_state"),
        ((BATCH, TIME, INPUTS), {"initial_state": [np.zeros((BATCH + 1, UNITS))]}, "initial_state"),
        ((BATCH, TIME, INPUTS), {"mask": np.ones((BATCH, TIME + 1), bool)}, "mask"),
        ((BATCH, TIME, INPUTS), {"mask": np.ones((BATCH, TIME - 1), bool)}, "mask"),
    ],
    ids=[
        "matrix",
        "4d",
        "other_features",
        "states",
        "wide_state",
        "tall_state",
        "long_mask",
        "short_mask",
    ],
)
@parametrise(ALL)
def test_a_wrong_call_argument_is_named(case, shape, arguments, message):
    layer = randomise(case.layer(UNITS), INPUTS)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message):
        layer(np.zeros(shape, "float32"), **arguments)


def positional(keras_class):
    """The names and defaults of what Keras takes by position."""
    parameters = inspect.signature(keras_class).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}


@parametrise([VANILLA, GRU, LSTM])
@pytest.mark.parametrize("part", ["layer", "cell"])
def test_every_argument_by_position_as_in_keras(case, part):
    ours = getattr(layers, case.ours.__name__ + ("Cell" if part == "cell" else ""))
    keras_class = getattr(keras.layers, case.keras.__name__ + ("Cell" if part == "cell" else ""))
    values = {**positional(keras_class), "units": UNITS, "activation": "relu"}
    for name, value in OPTIONS.items():
        if name in values:
            values[name] = value
    config = ours(*values.values()).get_config()
    by_name = ours(**values).get_config()
    assert {**config, "name": ""} == {**by_name, "name": ""}
    assert {config[name] for name in ("use_bias", "dropout", "seed")} == {False, 0.1, 5}
    with pytest.raises(TypeError, match="multiple values.*activation"):
        ours(UNITS, "tanh", activation="tanh")
    with pytest.raises(TypeError, match="positional"):
        ours(*values.values(), None)


def test_defaults_are_those_of_keras_except_the_reset_gate():
    for case in (VANILLA, GRU, LSTM):
        config = case.ours(UNITS).get_config()
        known = {n: d for n, d in positional(case.keras).items() if n in config and n != "units"}
        expected = case.keras(UNITS, **{n: d for n, d in known.items() if n != "seed"}).get_config()
        changed = {n for n in known if config[n] != expected.get(n, config[n])}
        assert changed == ({"reset_after"} if case is GRU else set())


@parametrise([VANILLA, LSTM])
def test_a_misspelt_argument_names_the_layer_and_the_nearest(case):
    with pytest.raises(ValueError) as error:
        case.layer(UNITS, retrun_sequences=True)
    name = case.ours.__name__
    assert str(error.value) == (
        f"{name} has no argument `retrun_sequences`; did you mean `return_sequences`?"
    )
    with pytest.raises(ValueError, match=f"^{name} has no argument `xyz`.$"):
        case.layer(UNITS, xyz=True)


@pytest.mark.parametrize("name", ["input", "output", "nothing"])
def test_an_attribute_that_is_not_there_is_reported_like_keras(name):
    messages = []
    for layer in (layers.LSTM(UNITS, name="mine"), keras.layers.LSTM(UNITS, name="mine")):
        with pytest.raises(AttributeError) as error:
            getattr(layer, name)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_a_mask_passes_through_stacked_layers():
    """Keras 3.16 leaves it to each layer to say so."""
    for make in (
        lambda: layers.LSTM(UNITS, return_sequences=True),
        lambda: layers.Bidirectional(layers.GRU(UNITS, return_sequences=True)),
        lambda: layers.DeepRNN([layers.GRU(UNITS)], return_sequences=True),
    ):
        below, above = make(), make()
        model = keras.Sequential([keras.layers.Masking(), below, above])
        x = X.copy()
        x[0, 3:] = x[1, 1:] = 0
        outputs = model(x)
        mask = np.any(x != 0, axis=-1)
        assert below.supports_masking and above.supports_masking
        assert_close(outputs, above(below(x, mask=mask), mask=mask))
        assert_close(outputs[1:2, :1], above(below(x[1:2, :1])))
