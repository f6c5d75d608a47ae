"""The functions that a Keras model becomes: over the whole sequence, and streaming."""

import re
from itertools import chain, count

import keras
import tensorflow as tf

from rnn_keras.layers import carried_states, use_plan


def serving_default(exported, model):
    """The function of the whole sequence: a model's inputs to its outputs, by their names.

    Args:
        exported: the model that computes, of `for_inference`.
        model: the one whose input shapes and names the function has, but for an open batch.

    Returns:
        A `tf.function` with an `input_signature`.
    """
    specs = _specs(model, model.inputs)
    return tf.function(
        lambda *inputs: named_outputs(exported, inputs), input_signature=specs, autograph=False
    )


def step(exported, model):
    """The streaming function: the next time steps and the states, to the outputs and the states.

    Args:
        exported: the model that computes, of `for_inference`, with open time.
        model: the one whose input names the function has.

    Returns:
        A `tf.function` with an `input_signature`: the inputs of the model, then the states of its
        recurrent layers `(batch, units)`, named as by `carried_states`. It returns the outputs of
        the model and the new states, under the names that they came with.

    Raises:
        ValueError: no recurrent layer has a state, or a name is that of two things.
    """
    specs = _specs(model, exported.inputs)
    zeros = [tf.zeros([n or 1 for n in spec.shape], spec.dtype) for spec in specs]
    with use_plan("reference"), carried_states() as states:
        outputs = named_outputs(exported, zeros)
    if not states:
        raise ValueError(f"`{exported.name}` has no recurrent layer with a state to carry.")
    if clash := sorted(states.keys() & {*outputs, *(spec.name for spec in specs)}):
        raise ValueError(
            f"`{exported.name}` has a state and an input or output of the same name, "
            f"{', '.join(clash)}: rename the layer."
        )
    state_specs = [
        tf.TensorSpec([None, *state.shape[1:]], state.dtype, name) for name, state in states.items()
    ]

    def run(*arguments):
        inputs, given = arguments[: len(specs)], arguments[len(specs) :]
        with carried_states(dict(zip(states, given))) as new_states:
            outputs = named_outputs(exported, inputs)
        return {**outputs, **new_states}

    return tf.function(run, input_signature=specs + state_specs, autograph=False)


def named_outputs(model, inputs):
    """Runs a functional model.

    Args:
        model: the model.
        inputs: its inputs, in the order of `model.inputs`.

    Returns:
        The outputs by name: the keys of a dictionary, or the names of the layers they come from.
    """
    structured = keras.tree.pack_sequence_as(model.input, list(inputs))
    outputs = keras.tree.flatten(model(structured, training=False))
    return dict(zip(_names(model.output), outputs))


def _specs(model, inputs):
    return [
        tf.TensorSpec([None, *x.shape[1:]], x.dtype, name)
        for x, name in zip(inputs, _names(model.input))
    ]


def _names(structure):
    """Of each tensor the key in a dictionary, or the name of the layer that makes it."""
    names = []
    for path, tensor in keras.tree.flatten_with_path(structure):
        key = path[-1] if path and isinstance(path[-1], str) else None
        name = re.sub(r"\W", "_", key or tensor._keras_history.operation.name)
        candidates = chain([name], (f"{name}_{i}" for i in count(2)))
        names.append(next(unique for unique in candidates if unique not in names))
    return names
