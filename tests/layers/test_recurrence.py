"""The loop's own gradient for steps of any form, beside that of a plain loop."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.layers import GRU
from rnn_keras.layers.gru import GRUCell, gru_step
from rnn_keras.layers.recurrence import Recurrence, affine
from tests.layers.cases import randomise
from tests.variants import variants

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


@pytest.mark.parametrize("masked", variants([False, True], [True]))
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


class OwnGRUCell(GRUCell):
    """Its step reads an attribute that is not an argument."""

    def step(self, x, state, weights, affine):
        return tuple(H * self.factor for H in gru_step(x, state, weights, affine))


class OwnGRU(GRU):
    cell_class = OwnGRUCell


def test_equal_layers_share_a_loop_and_nothing_else():
    def called(layer, factor=1.0):
        layer.cell.factor = factor
        return layer(tf.ones((2, 3, 4))).numpy(), next(iter(layer._recurrences.values()))

    (a, loop), (b, same) = called(GRU(5)), called(GRU(5, name="b"))
    assert loop is same and np.abs(a - b).max() > 1e-3
    others = [GRU(6), GRU(5, activation="relu"), GRU(5, dtype="float64"), GRU(5, reset_after=True)]
    assert len({id(called(other)[1]) for other in others} - {id(loop)}) == len(others)
    keras.utils.set_random_seed(1)
    first, loop = called(OwnGRU(5))
    keras.utils.set_random_seed(1)
    double, other = called(OwnGRU(5), 2.0)
    assert loop is not other and np.abs(first - double).max() > 1e-3


def test_a_shared_loop_draws_no_seed_and_takes_no_name():
    def drawn_after_a_call(units):
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        GRU(units)(tf.ones((1, 2, 1)))
        layer = GRU(2)
        layer.build((1, 2, 1))
        return layer.cell.name, layer.get_weights()[0]

    (name, weights), (again, same) = drawn_after_a_call(3), drawn_after_a_call(3)
    assert name == again
    np.testing.assert_array_equal(weights, same)


@pytest.mark.parametrize("time", [1, 3])
def test_few_steps_in_a_graph_are_those_of_the_compiled_loop(time):
    layer = randomise(GRU(4, return_sequences=True, return_state=True, dtype="float64"), 3)
    random = np.random.default_rng(0)
    X, mask = tf.constant(random.normal(size=(2, time, 3))), np.ones((2, time), bool)
    mask[1, -1] = False

    def differentiate(X):
        with tf.GradientTape() as tape:
            tape.watch(X)
            results = layer(X, mask=mask)
            loss = tf.add_n([tf.reduce_sum(tf.sin(each)) for each in results])
        return [*results, *tape.gradient(loss, [X, *layer.trainable_variables])]

    graph = tf.function(differentiate, autograph=False)
    for few, compiled in zip(graph(X), differentiate(X), strict=True):
        np.testing.assert_allclose(few, compiled, rtol=0, atol=1e-12)
    names = {node.name for node in graph.get_concrete_function(X).graph.as_graph_def().node}
    assert not [name for name in names if "while" in name.lower()]
