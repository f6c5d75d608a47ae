"""Buffers of a loop: one value per time step."""

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla  # the only access to DynamicUpdateSlice


class InPlace:
    """Buffers as one tensor, written one entry at a time: in place under XLA and in LiteRT.

    In a plain graph each write copies the whole buffer, quadratic in the number of time steps.
    """

    @staticmethod
    def allocate(length, like):
        return tf.zeros(tf.concat([[length], tf.shape(like)], 0), like.dtype)

    @staticmethod
    def write(buffer, t, value):
        start = tf.concat([[t], tf.zeros([value.shape.rank], tf.int32)], 0)
        return xla.dynamic_update_slice(buffer, tf.expand_dims(value, 0), start)

    @staticmethod
    def read(buffer):
        return buffer


class Arrays:
    """Buffers as `tf.TensorArray`: for plain graphs, where its writes cost no copy."""

    @staticmethod
    def allocate(length, like):
        return tf.TensorArray(like.dtype, length, element_shape=like.shape)

    @staticmethod
    def write(buffer, t, value):
        return buffer.write(t, value)

    @staticmethod
    def read(buffer):
        return buffer.stack()
