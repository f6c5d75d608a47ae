"""Gradients through time, against brute force in float64."""

from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras import inspect
from rnn_keras.layers import (
    GRU,
    LSTM,
    MGU,
    Bidirectional,
    LayerNormGRU,
    ProjectedLSTM,
    VanillaRNN,
    rnn_step,
    use_plan,
)
from tests.variants import variants

BATCH, TIME, FEATURES, UNITS = 2, 6, 3, 4
X = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES))
Y = np.random.default_rng(1).normal(size=(BATCH, TIME, 1))
MASK = np.array([[True] * TIME, [True, True, False, True, False, False]])
LAYERS = {
    "vanilla": lambda **o: VanillaRNN(UNITS, **o),
    "gru": lambda **o: GRU(UNITS, **o),
    "zoneout": lambda **o: LSTM(UNITS, zoneout=0.2, **o),
    "projected": lambda **o: ProjectedLSTM(UNITS, size=2, **o),
    "reset after": lambda **o: GRU(UNITS, reset_after=True, **o),
    "lstm": lambda **o: LSTM(UNITS, **o),
    "mgu": lambda **o: MGU(UNITS, **o),
    "layer norm": lambda **o: LayerNormGRU(UNITS, **o),
}


@pytest.fixture
def uncompiled():
    """Compilation would take most of the time of a test."""
    with use_plan("graph"):
        yield


def layer(name, **options):
    made = LAYERS[name](name="layer", dtype="float64", **options)
    made.build((BATCH, TIME, FEATURES))
    rng = np.random.default_rng(2)
    made.set_weights([rng.normal(size=w.shape) * 0.7 for w in made.get_weights()])
    return made


def unrolled(layer, mask=None):
    """The states of every step as tensors on which later ones depend, by the cell's own call."""
    cell, state, states = layer.cell, None, {}
    times = range(TIME - 1, -1, -1) if layer.go_backwards else range(TIME)
    state = [tf.zeros((BATCH, size), "float64") for size in keras.tree.flatten(cell.state_size)]
    for t in times:
        joined = tf.concat(cell.call(tf.constant(X[:, t]), state, training=False)[1], -1)
        if mask is not None:
            joined = tf.where(mask[:, t, None], joined, tf.concat(state, -1))
        joined = tf.identity(joined)
        states[t] = joined
        state = tf.split(joined, [s.shape[-1] for s in state], axis=-1)
    return [states[t] for t in range(TIME)]


@pytest.mark.parametrize("name", variants(LAYERS.keys(), ["gru"]))
def test_jacobian_norms_are_those_of_brute_force(name, uncompiled):
    backwards = name in ("gru", "zoneout")
    made = layer(name, go_backwards=backwards)
    t = 1 if backwards else -2
    with tf.GradientTape(persistent=True) as tape:
        states = unrolled(made)
        target = states[t]
    norms = inspect.jacobian_norms(made, X, t, iterations=3000, tolerance=1e-13)["layer"]
    later = range(t) if backwards else range(TIME + t + 1, TIME)
    for k in range(TIME):
        brute = tape.batch_jacobian(target, states[k], experimental_use_pfor=False)
        expected = np.linalg.norm(brute, 2, axis=(1, 2)) * (k not in later)
        np.testing.assert_allclose(norms[:, k], expected, rtol=1e-8, atol=1e-8, err_msg=str(k))
    np.testing.assert_allclose(norms[:, t], 1, rtol=1e-12)


@pytest.mark.parametrize("name, backwards", [("vanilla", True), ("zoneout", False)])
def test_gradients_of_a_loss_are_those_of_brute_force(name, backwards):
    """Also where a mask keeps the state, which then has no gradient of its own."""
    made = layer(name, go_backwards=backwards, return_sequences=True)
    for mask in (None, MASK):
        with tf.GradientTape() as tape:
            states = unrolled(made, mask)
            H = tf.stack([s[:, : made.compute_output_shape(X.shape)[-1]] for s in states], 1)
            H = H[:, ::-1] if backwards else H
            loss = tf.reduce_sum(H[:, 3] ** 2, -1)
        expected = tape.gradient(loss, states, unconnected_gradients="zero")
        expected = np.linalg.norm(np.stack(expected, 1), axis=-1) * (1 if mask is None else mask)
        inputs = keras.Input((TIME, FEATURES), dtype="float64")
        valid = keras.Input((TIME,), dtype="bool")
        model = keras.Model([inputs, valid], made(inputs, mask=valid))
        given = [X, np.ones_like(MASK) if mask is None else mask]
        found = inspect.gradient_norms(model, given, lambda H: tf.reduce_sum(H[:, 3] ** 2, -1))
        found = found["layer"]
        found = np.sqrt(sum(norms**2 for norms in found.values()))
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("backwards", [False, True])
def test_weight_gradients_of_a_step_are_those_of_a_copy_of_the_weights(backwards, uncompiled):
    made = layer("vanilla", go_backwards=backwards)
    kernels = [[tf.Variable(w) for w in made.get_weights()] for _ in range(TIME)]
    with tf.GradientTape() as tape:
        H = tf.zeros((BATCH, UNITS), "float64")
        for t in reversed(range(TIME)) if backwards else range(TIME):
            W_xh, W_hh, b = kernels[t]
            (H,) = rnn_step((X[:, t] @ W_xh + b,), (H,), (W_hh,), lambda a, h, W: a + h @ W)
        loss = tf.reduce_sum(H**2)
    expected = np.array([[np.linalg.norm(d) for d in ds] for ds in tape.gradient(loss, kernels)])
    found = inspect.weight_gradient_norms(made, X, lambda H: tf.reduce_sum(H**2, -1))["layer"]
    assert list(found) == ["kernel", "recurrent_kernel", "bias"]
    for norms, column in zip(found.values(), expected.T):
        np.testing.assert_allclose(norms, column, rtol=1e-8, atol=1e-12)


def test_the_textbook_scalar():
    """h_t = w h_{t-1} + x_t with w = 1/2 and x = 1: h = 1, 1.5, 1.75, 1.875.

    The loss is h_4, so dL/dh_k is w^(4-k), and the parts of dL/dw are w^(4-k) h_{k-1}, with the
    sum 2.75.
    """
    made = VanillaRNN(1, activation="linear", use_bias=False, name="scalar", dtype="float64")
    made.build((1, 4, 1))
    made.set_weights([np.ones((1, 1)), np.full((1, 1), 0.5)])
    x = np.ones((1, 4, 1))
    powers = [0.125, 0.25, 0.5, 1.0]
    loss = lambda h: h[:, 0]  # noqa: E731
    np.testing.assert_allclose(inspect.gradient_norms(made, x, loss)["scalar"]["H"], [powers])
    np.testing.assert_allclose(inspect.jacobian_norms(made, x)["scalar"], [powers])
    np.testing.assert_allclose(inspect.jacobian_bounds(made, x)["scalar"], [powers])
    parts = inspect.weight_gradient_norms(made, x, loss)["scalar"]["recurrent_kernel"]
    np.testing.assert_allclose(parts, [0, 0.25, 0.75, 1.75])


@pytest.mark.slow
def test_the_bound_is_one_and_the_norm_of_a_long_product_is_not_zero():
    made = layer("vanilla")
    norms, bounds = (f(made, X)["layer"] for f in (inspect.jacobian_norms, inspect.jacobian_bounds))
    assert (norms <= bounds * (1 + 1e-9)).all() and (norms < 0.99 * bounds).any()
    with pytest.raises(ValueError, match="holds for VanillaRNN, layer is another"):
        inspect.jacobian_bounds(layer("gru"), X)
    decaying = VanillaRNN(1, activation="linear", name="scalar")
    decaying.build((1, 200, 1))
    decaying.set_weights([np.ones((1, 1)), np.full((1, 1), 0.1), np.zeros(1)])
    norms = inspect.jacobian_norms(decaying, np.ones((1, 200, 1), "float32"))["scalar"]
    np.testing.assert_allclose(np.log10(norms[0, 0]), -199, rtol=1e-5)
    x, loss = np.ones((1, 30, 1), "float32"), lambda h: h[:, 0]  # squares end at 1e-45
    found = inspect.gradient_norms(decaying, x, loss)["scalar"]["H"]
    np.testing.assert_allclose(np.log10(found[0, 0]), -29, rtol=1e-5)
    parts = inspect.weight_gradient_norms(decaying, x, loss)["scalar"]["kernel"]
    np.testing.assert_allclose(np.log10(parts[0]), -29, rtol=1e-5)


def test_every_layer_of_a_model_is_inspected_and_nothing_changes(uncompiled):
    carrying = LSTM(UNITS, stateful=True, return_sequences=True, name="carrying")
    model = keras.Sequential(
        [
            keras.Input((TIME, FEATURES), batch_size=BATCH),
            Bidirectional(GRU(UNITS, name="gru", return_sequences=True)),
            carrying,
            keras.layers.Dense(1),
        ]
    )
    x = X.astype("float32")
    weights, states = model.get_weights(), [s.numpy() for s in carrying.states]
    with inspect.calls.keep_states(model):
        before = model(x).numpy()
    loss = inspect.loss_at(2, Y, "mse")
    norms = inspect.gradient_norms(model, x, loss)
    inspect.weight_gradient_norms(model, x, loss), inspect.memory_table(model, x)
    assert {name: set(found) for name, found in norms.items()} == {
        "forward_gru": {"H"}, "backward_gru": {"H"}, "carrying": {"H", "C"},
    }  # fmt: skip
    assert not norms["carrying"]["H"][:, 3:].any() and norms["carrying"]["H"][:, :3].all()
    assert norms["backward_gru"]["H"].all()
    for a, b in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(states, carrying.states, strict=True):
        np.testing.assert_array_equal(a, b.numpy())
    with inspect.calls.keep_states(model):
        np.testing.assert_array_equal(model(x), before)
    tape = tf.GradientTape()
    with tape:
        np.testing.assert_array_equal(inspect.calls.call_layers(model, x, tape.watch)[0], before)


def test_refusals():
    with pytest.raises(ValueError, match="no recurrent layer.*from_keras"):
        inspect.jacobian_norms(keras.layers.LSTM(2), X.astype("float32"))
    with pytest.raises(ValueError, match="`step` must be a time step of 6, got 6"):
        inspect.jacobian_norms(layer("gru"), X, 6)
    with (
        pytest.raises(NotImplementedError, match="runs on TensorFlow"),
        mock.patch("keras.backend.backend", return_value="jax"),
    ):
        inspect.memory_table(layer("gru"), X)
    with pytest.raises(ValueError, match="cannot be probed"), use_plan("reference"):
        inspect.jacobian_norms(layer("gru"), X)
