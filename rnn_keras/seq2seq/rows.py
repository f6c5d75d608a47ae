"""Rows of a search and sentences of a batch, and the layers that all decoders use.

A search has k rows of each sentence, one after the other, which share one copy of its memory.
"""

import keras
import tensorflow as tf
from keras import ops


def by_sentence(rows, memory):
    """`(rows, time, n)` as `(batch, rows / batch * time, n)`, batch being that of `memory`."""
    # By a concatenation, whose shape LiteRT infers statically; it does not for a stack.
    shape = tf.concat([tf.shape(memory)[:1], [-1, rows.shape[-1] or tf.shape(rows)[-1]]], axis=0)
    return tf.reshape(rows, shape)


def by_row(values, time):
    """The inverse of `by_sentence`, for values of `time` steps: `(rows, time, n)`."""
    return ops.reshape(values, (-1, time, ops.shape(values)[-1]))


def over_rows(function, X):
    """A function of the last axis, applied to `(rows, time, n)`.

    With a static time axis, as in a step of a search, it is called with a matrix: LiteRT then has
    static shapes, which it needs (docs/export.md).
    """
    time = X.shape[1]
    if time is None:
        return function(X)
    Y = function(ops.reshape(X, (-1, X.shape[-1])))
    return ops.reshape(Y, (-1, time, Y.shape[-1]))


def dense(units, inputs, dtype, **options):
    """A dense layer that is built already."""
    layer = keras.layers.Dense(units, dtype=dtype, **options)
    layer.build((None, None, inputs))
    return layer


def sentence_dropout(rate, dtype):
    """Dropout with one mask for all time steps of a sentence (Gal & Ghahramani 2016)."""
    return keras.layers.Dropout(rate, noise_shape=(None, 1, None), dtype=dtype)
