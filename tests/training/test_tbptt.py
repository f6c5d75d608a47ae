"""Truncated BPTT: the state is carried, its gradient is not."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.data import contiguous_streams
from rnn_keras.layers import GRU, LSTM, DeepRNN
from rnn_keras.training import ResetStates, reset_states

BATCH, STEPS = 2, 4


def make(stateful):
    inputs = keras.Input((None, 3), batch_size=BATCH if stateful else None)
    deep = DeepRNN([GRU(5), LSTM(4)], return_sequences=True, stateful=stateful)
    return keras.Model(inputs, deep(inputs))


def test_state_is_carried_and_gradient_stops():
    keras.utils.set_random_seed(0)
    carried, whole = make(True), make(False)
    whole.set_weights(carried.get_weights())
    X = tf.constant(np.random.default_rng(0).normal(size=(BATCH, 2 * STEPS, 3)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(X)
        first, second = carried(X[:, :STEPS]), carried(X[:, STEPS:])
        second_loss, whole_loss = tf.reduce_sum(second**2), tf.reduce_sum(whole(X)[:, STEPS:] ** 2)
    np.testing.assert_allclose(tf.concat([first, second], 1), whole(X), atol=1e-6)
    truncated, full = tape.gradient(second_loss, X), tape.gradient(whole_loss, X)
    assert np.all(truncated[:, :STEPS] == 0)
    assert np.any(full[:, :STEPS] != 0)
    # Within the last chunk the two agree: only the path through its initial state is cut.
    np.testing.assert_allclose(truncated[:, STEPS:], full[:, STEPS:], atol=1e-6)


def test_reset_finds_layers_inside_layers():
    model = make(True)
    X = np.ones((BATCH, STEPS, 3), "float32")
    first, second = model.predict(X, verbose=0), model.predict(X, verbose=0)
    reset_states(model)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(model.predict(X, verbose=0), first)


def test_callback_starts_each_pass_from_zero():
    model = make(True)
    model.compile(keras.optimizers.SGD(0.0), "mse")  # weights stay, so equal losses mean reset
    X, Y = contiguous_streams(np.arange(60.0), BATCH, STEPS)
    data = tf.data.Dataset.from_tensor_slices(
        (np.repeat(X[..., None] / 60, 3, -1), np.repeat(Y[..., None] / 60, 4, -1))
    )
    history = model.fit(
        data,
        validation_data=data,
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=[ResetStates()],
    ).history
    assert history["loss"][0] == history["loss"][1]
    assert history["val_loss"] == pytest.approx(history["loss"])
