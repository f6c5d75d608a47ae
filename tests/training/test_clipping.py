"""Global-norm clipping against its formula, and against Keras where both mean the same."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.training import clip_by_global_norm


@pytest.mark.parametrize("theta", [0.5, 5.0, 1e6])
def test_formula(theta):
    random = np.random.default_rng(0)
    gradients = [random.normal(size=shape) for shape in [(3, 4), (4,), (2, 2, 2)]]
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    clipped, reported = clip_by_global_norm([*map(tf.constant, gradients), None], theta)
    assert float(reported) == pytest.approx(norm)
    assert clipped[-1] is None
    for g, c in zip(gradients, clipped):
        np.testing.assert_allclose(c, min(1, theta / norm) * g)


def test_equals_global_clipnorm_of_keras():
    random = np.random.default_rng(1)
    gradients = [tf.constant(random.normal(size=s), tf.float32) for s in [(3, 4), (4,)]]
    weights = [keras.Variable(np.zeros(g.shape)) for g in gradients]
    keras.optimizers.SGD(1.0, global_clipnorm=0.7).apply(gradients, weights)
    for c, w in zip(clip_by_global_norm(gradients, 0.7)[0], weights):
        np.testing.assert_allclose(c, -w.numpy(), rtol=1e-6)


def test_repeated_embedding_rows_are_summed_first():
    table = tf.Variable(np.zeros((5, 1), "float32"))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, [2, 2, 2, 2]))
    _, norm = clip_by_global_norm(tape.gradient(loss, [table]), 1.0)
    assert float(norm) == pytest.approx(4)
    # Keras takes the four rows one by one, finds sqrt(4 * 1) = 2, and leaves a norm above 1.
    keras_table = keras.Variable(np.zeros((5, 1), "float32"))
    keras.optimizers.SGD(1.0, global_clipnorm=1.0).apply(
        [tf.IndexedSlices(tf.ones((4, 1)), tf.constant([2, 2, 2, 2]), (5, 1))], [keras_table]
    )
    assert np.linalg.norm(keras_table) == pytest.approx(2)


@pytest.mark.parametrize("theta", [0, -1.0, float("nan")])
def test_theta_must_be_positive(theta):
    with pytest.raises(ValueError, match="`theta` must be positive"):
        clip_by_global_norm([tf.ones(2)], theta)
