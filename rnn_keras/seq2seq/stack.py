"""What decoders share: a stack of recurrent layers, its states, configuration and time step."""

from collections.abc import Sequence
from typing import Any

import keras


class VectorDecoder(keras.layers.Layer):
    """A decoder of token vectors: `start` makes the memory, `decode` runs some time steps."""

    def call(
        self,
        vectors: Any,
        values: Any,
        states: Sequence[Any],
        values_mask: Any = None,
        training: bool = False,
    ) -> tuple[Any, Any]:
        memory, states = self.start(values, states, values_mask, training)
        output, _, weights, _ = self.decode(vectors, states, memory, training)
        return output, weights


def state_sizes(layers):
    """The sizes of the states of recurrent layers, from the bottom up."""
    return [size for layer in layers for size in keras.tree.flatten(layer.state_size)]


def layers_config(layers):
    """The layers as Keras serializes them."""
    return [keras.saving.serialize_keras_object(layer) for layer in layers]


def layers_of(config):
    """The layers of `layers_config`."""
    return [keras.saving.deserialize_keras_object(layer) for layer in config]


def cell_step(layers, X, states, masks, training):
    """One time step of a stack, by the layers' cells: for a loop around it.

    Args:
        layers: recurrent layers.
        X: `(rows, inputs)`.
        states: the list of their states, each `(rows, units)`.
        masks: dropout masks between the layers, `(rows, units)` each; None for no dropout.
        training: whether the cells drop out.

    Returns:
        `(output, states)`.
    """
    states, new_states = list(states), []
    for i, layer in enumerate(layers):
        given, states = states[: (n := len(state_sizes([layer])))], states[n:]
        if i > 0 and masks is not None:
            X = X * masks[i - 1]
        X, state = layer.cell(X, given, training=training)
        new_states += state
    return X, new_states


def check_decoder_layers(layers, is_looped):
    """Refuses layers that a decoder cannot run.

    Raises:
        ValueError: a layer reads its sequence in both directions, or the decoder loops over the
            attention and a cell has a dropout of its own.
    """
    for layer in layers:
        if not hasattr(layer, "cell"):
            raise ValueError(f"`layers` of a decoder run forwards only, got {layer!r}.")
        rates = [getattr(layer.cell, name, 0.0) for name in ("dropout", "recurrent_dropout")]
        if is_looped and any(rates):
            raise ValueError(
                f"{layer.name} has dropout of its own, which a loop over the attention would "
                "redraw at each step; use the `dropout` of the decoder."
            )
