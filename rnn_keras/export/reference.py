"""Reference outputs of an unchanged model, for any batch size it was built for."""

import keras
import numpy as np
import tensorflow as tf

from rnn_keras.export.signatures import named_outputs
from rnn_keras.layers import use_plan


def original_outputs(model, inputs):
    """Runs a model from zero states, on Keras's own time loop; its own states do not change.

    Args:
        model: a functional model.
        inputs: arrays in the order of `model.inputs`. A model that was built for a batch size gets
            batches of that size.

    Returns:
        The outputs by name, arrays.
    """
    states = [
        state
        for layer in model._flatten_layers()
        if getattr(layer, "stateful", False)
        for state in keras.tree.flatten(getattr(layer, "states", None) or [])
    ]
    rows = len(inputs[0])
    size = model.inputs[0].shape[0] or rows
    pieces = []
    for start in range(0, rows, size):
        chosen = np.minimum(np.arange(start, start + size), rows - 1)
        zeros = [(state, tf.zeros(state.shape, state.dtype)) for state in states]
        with use_plan("reference"), keras.StatelessScope(zeros):
            outputs = named_outputs(model, [tf.convert_to_tensor(x[chosen]) for x in inputs])
        pieces.append({name: np.asarray(value) for name, value in outputs.items()})
    return {name: np.concatenate([piece[name] for piece in pieces])[:rows] for name in pieces[0]}
