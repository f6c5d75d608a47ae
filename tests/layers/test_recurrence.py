"""The loop's own gradient for steps of any form, beside that of a plain loop."""

import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.layers.recurrence import Recurrence, affine

TIME, BATCH, UNITS = 4, 3, 2


def peephole(x, state, weights, affine):
    """A weight that meets the state elementwise, and one that is an addend's factor."""
    (x,), (H, C), (W, p) = x, state, weights
    a_i, a_f, a_c, a_o = tf.split(affine(x, H, W), 4, axis=-1)
    C = tf.sigmoid(a_f + p * C) * C + tf.sigmoid(a_i + p * C) * tf.tanh(a_c)
    return tf.sigmoid(a_o + p * C) * tf.tanh(C), C


def entangled(x, state, weights, affine):
    """One input in two products and elsewhere, products of products, addends of every kind."""
    (x,), (H,), (W, p, V) = x, state, weights
    a = tf.tanh(affine(x + p * H, H, W))
    b = tf.tanh(affine(x, a, W) + x)
    return (tf.tanh(affine(x, b, V) + affine(2 * p, a * H, V) + affine(p, a, W)),)


STEPS = {
    "peephole": (peephole, 4, 2, [(UNITS, 4 * UNITS), (UNITS,)]),
    "entangled": (entangled, 1, 1, [(UNITS, UNITS), (UNITS,), (UNITS, UNITS)]),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("step, gates, states, weights", STEPS.values(), ids=STEPS)
def test_gradient_of_any_step(step, gates, states, weights, masked):
    random = np.random.default_rng(0)
    x = (tf.constant(random.normal(size=(TIME, BATCH, gates * UNITS))),)
    state = tuple(tf.constant(random.normal(size=(BATCH, UNITS))) for _ in range(states))
    weights = tuple(tf.constant(random.normal(size=shape)) for shape in weights)
    mask = tf.constant(random.random((BATCH, TIME, 1)) > 0.4) if masked else None

    def plain(x, state, weights):
        H = []
        for t in range(TIME):
            new = step((x[0][t],), state, weights, affine)
            if masked:
                new = tuple(tf.where(mask[:, t], n, o) for n, o in zip(new, state))
            state = new
            H.append(state[0])
        return tf.stack(H), state

    def fused(x, state, weights):
        return Recurrence(step)(x, state, weights, mask, sequences=True, record=True)

    results = []
    for run in (plain, fused):
        with tf.GradientTape() as tape:
            tape.watch((x, state, weights))
            H, final = run(x, state, weights)
            loss = tf.reduce_sum(tf.sin(H)) + sum(tf.reduce_sum(s**2) for s in final)
        results.append([loss, *tf.nest.flatten(tape.gradient(loss, (x, state, weights)))])
    for expected, actual in zip(*results):
        np.testing.assert_allclose(actual, expected, atol=1e-10)
