"""A wrapper over time that converts to LiteRT."""

import keras
from keras import ops

from rnn_keras.layers import carried_states


@keras.saving.register_keras_serializable(package="rnn_keras")
class FoldedTime(keras.layers.TimeDistributed):
    """`keras.layers.TimeDistributed` with the time steps as further rows of the batch.

    Keras's wrapper makes one copy of its layer per time step, or a loop over them that does not
    convert. Folding gives the same result for a layer that computes each row alone, as layers do
    outside of training. Recurrent layers inside read a separate sequence at each time step: they
    start from zeros there, also while states are carried over the outer time.
    """

    def call(self, inputs, training=None, mask=None):
        batch, time = ops.shape(inputs)[:2]

        def fold(x):
            return ops.reshape(x, (batch * time, *ops.shape(x)[2:]))

        options = {}
        if self.layer._call_has_mask_arg and mask is not None:
            options["mask"] = fold(mask)
        if self.layer._call_has_training_arg:
            options["training"] = training
        with carried_states():
            outputs = self.layer.call(fold(inputs), **options)
        return ops.reshape(outputs, (batch, time, *ops.shape(outputs)[1:]))
