"""Truncated back-propagation through time.

A long sequence is cut into chunks of τ steps that are trained on in order. The state at the end of
a chunk is the initial state of the next one, without its gradient: the layers' `stateful=True`
does this, as the carried state is a variable. Source: Dive into Deep Learning, section 9.7
(regular truncation); Williams & Peng 1990.

The other parts are the layout of the data (`rnn_keras.data.contiguous_streams`) and the reset of
the state at the start of a new sequence, which this module does.
"""

from typing import Any

import keras


def reset_states(model: keras.Layer) -> None:
    """Sets the carried state of every stateful recurrent layer of `model` to zero.

    Args:
        model: a Keras model or layer; nested layers are included.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.RNN) and layer.stateful:
            layer.reset_state()


class ResetStates(keras.callbacks.Callback):
    """For `Model.fit` on contiguous streams: each pass over the data starts from zero states."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """A new pass over the training streams."""
        reset_states(self.model)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """A pass over the validation streams."""
        reset_states(self.model)
