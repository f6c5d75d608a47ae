"""Derivatives of derivatives, and forward mode, equal those through Keras's own loop."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.layers import LSTM, Bidirectional, DeepRNN, VanillaRNN, halves, loops, use_plan
from tests.layers.cases import ALL, normal, parametrise, randomise

BATCH, TIME, INPUTS, UNITS = 3, 4, 2, 3
X = tf.constant(normal(1, BATCH, TIME, INPUTS))
MASK = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 1]], bool)
MODES = {
    "eager": lambda f: f,
    "graph": tf.function,
    "xla": lambda f: tf.function(f, jit_compile=True),
}


def scalar(layer, x, training=True):
    """A number that every result enters."""
    results = keras.tree.flatten(layer(x, mask=tf.constant(MASK), training=training))
    return tf.add_n([tf.reduce_sum(tf.sin(result)) for result in results])


def penalty(layer, training=True):
    """The gradient penalty of WGAN-GP, differentiated by the inputs and every weight."""
    weights = [weight.value for weight in layer.trainable_weights]

    def gradients(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = scalar(layer, x, training)
            norms = tf.norm(tf.reshape(inner.gradient(y, x), (BATCH, -1)), axis=1)
            loss = tf.reduce_sum((norms - 1) ** 2)
        return outer.gradient(loss, [x, *weights])

    return gradients


def third(layer):
    def gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = sum(tf.reduce_sum(g**2) for g in penalty(layer)(x))
        return tape.gradient(loss, [x, *(weight.value for weight in layer.trainable_weights)])

    return gradients


def hessian(layer):
    def derivatives(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = scalar(layer, x)
            gradient = inner.gradient(y, x)
        return outer.jacobian(gradient, x)

    return derivatives


def forward(layer):
    """Forward mode, of the results and of their gradient, along the inputs and a weight."""
    weight = layer.trainable_weights[1].value

    def derivatives(x):
        primals, tangents = [x, weight], [tf.cos(x), tf.sin(weight)]
        with tf.autodiff.ForwardAccumulator(primals, tangents) as accumulator:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = scalar(layer, x)
            gradients = tape.gradient(y, [x, weight])
        return [accumulator.jvp(y), *(accumulator.jvp(g) for g in gradients)]

    return derivatives


def assert_equals_the_reference(derivatives, wrap=lambda f: f):
    with use_plan("reference"):
        expected = tf.nest.flatten(derivatives(X))
    assert all(np.abs(e).max() > 1e-3 for e in expected)
    actual = tf.nest.flatten(wrap(derivatives)(X))
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)


def layer_of(case, **options):
    return randomise(case.layer(UNITS, dtype="float64", **options), INPUTS)


@pytest.mark.parametrize(
    "mode", ["eager", *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("graph", "xla"))]
)
@parametrise(ALL, quick=ALL[1:2])
def test_gradient_penalty(case, mode):
    layer = layer_of(case, return_sequences=True, return_state=True)
    assert_equals_the_reference(penalty(layer), MODES[mode])


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False])
def test_gradient_penalty_of_stacks_and_both_directions(training):
    options = {"dtype": "float64", "return_sequences": True}
    stack = DeepRNN([LSTM(UNITS), Bidirectional(VanillaRNN(UNITS))], **options)
    assert_equals_the_reference(penalty(randomise(stack, INPUTS), training), tf.function)


@pytest.mark.slow
def test_gradient_penalty_in_two_halves(monkeypatch):
    monkeypatch.setattr(halves, "WORTHWHILE", 0)
    monkeypatch.setattr(halves, "_cores", lambda: 2)
    split, run = [], halves.run_split
    monkeypatch.setattr(loops, "run_split", lambda *a: split.append(a) or run(*a))
    assert_equals_the_reference(penalty(layer_of(ALL[-1], return_sequences=True)), tf.function)
    assert split


@pytest.mark.slow
@parametrise([ALL[1], ALL[3]])
def test_forward_mode(case):
    assert_equals_the_reference(forward(layer_of(case, return_state=True)))


def test_forward_mode_inside_a_function_is_refused():
    """There TensorFlow would pass over our gradient, and answer zero."""
    with pytest.raises(NotImplementedError, match="outside.*unroll=True"):
        tf.function(forward(layer_of(ALL[0])))(X)


@pytest.mark.slow
def test_hessian():
    """By a vectorised Jacobian of an eager tape, and by `tf.hessians` in a graph."""
    layer = layer_of(ALL[0])
    assert_equals_the_reference(hessian(layer))
    in_graph = tf.function(lambda x: tf.hessians(scalar(layer, x), x)[0])
    np.testing.assert_allclose(in_graph(X), hessian(layer)(X), atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_third_derivative(mode):
    assert_equals_the_reference(third(layer_of(ALL[0])), MODES[mode])


@pytest.mark.slow
def test_a_layer_within_a_function_and_the_tapes_outside():
    layer = layer_of(ALL[1], return_sequences=True)
    function = tf.function(lambda x, **options: layer(x, **options))
    function.trainable_weights = layer.trainable_weights
    for derivatives in (penalty, forward):
        with use_plan("reference"):
            expected = derivatives(layer)(X)
        for a, b in zip(derivatives(function)(X), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_mixed_precision():
    exact, half = (
        randomise(LSTM(UNITS, dtype=dtype), INPUTS) for dtype in ("float32", "mixed_bfloat16")
    )
    x = tf.cast(X, "float32")
    for a, b in zip(penalty(half)(x), penalty(exact)(x), strict=True):
        assert a.dtype == b.dtype == "float32"
        np.testing.assert_allclose(a, b, atol=0.1 * np.abs(b).max())
