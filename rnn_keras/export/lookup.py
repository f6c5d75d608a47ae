"""An embedding without Keras's correction of negative ids."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="rnn_keras")
class Lookup(keras.layers.Embedding):
    """`keras.layers.Embedding` for ids in `[0, input_dim)`.

    Keras lets negative ids count from the end, by a selection among integers, which TFLite Micro
    does not have.
    """

    def call(self, ids):
        rows = tf.gather(self.embeddings, tf.cast(ids, "int32"))
        return tf.cast(rows, self.compute_dtype)
