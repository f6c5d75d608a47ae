"""The signatures of a Keras model: over the whole sequence, and streaming."""

import re
from itertools import chain, count

import keras
import numpy as np
import tensorflow as tf

from rnn_keras.layers import carried_states, use_plan


def serving_default(exported, model):
    """The function of the whole sequence: a model's inputs to its outputs, by their names.

    Args:
        exported: the model to run, from `for_inference`.
        model: the model whose input shapes (with an open batch) and names the function has.

    Returns:
        A `tf.function` with an `input_signature`.
    """
    specs = _specs(model, model.inputs)
    return tf.function(
        lambda *inputs: named_outputs(exported, inputs), input_signature=specs, autograph=False
    )


def step(exported, model):
    """The streaming function: from the next time steps and the states to outputs and new states.

    Args:
        exported: the model to run, from `for_inference`, with open time.
        model: the model whose input names the function has.

    Returns:
        A `tf.function` with an `input_signature`: the inputs of the model, then the states of its
        recurrent layers `(batch, units)`, named as by `carried_states`; an input that is such a
        state is not repeated. It returns the outputs of the model and the new states, under the
        same names.

    Raises:
        ValueError: no recurrent layer has a state, a name has two meanings, or an input is the
            initial state of several layers.
    """
    specs = _specs(model, exported.inputs)
    renamed = state_inputs(exported, [spec.name for spec in specs])
    with use_plan("reference"), carried_states() as new_states:
        outputs = named_outputs(exported, _small_inputs(exported))
    if not new_states:
        raise ValueError(f"`{exported.name}` has no recurrent layer with a state to carry.")
    states = {name: state for name, state in new_states.items() if name not in renamed}
    taken = {*outputs, *(spec.name for spec in specs)}
    clash = [name for name in states if name in taken]
    clash += [
        public
        for name, public in renamed.items()
        if public in outputs and not _equal(outputs[public], new_states[name])
    ]
    if clash:
        raise ValueError(
            f"`{exported.name}` has a state and an input or output of the same name, "
            f"{', '.join(sorted(clash))}: rename the layer."
        )
    state_specs = [
        tf.TensorSpec([None, *state.shape[1:]], state.dtype, name) for name, state in states.items()
    ]

    def run(*arguments):
        inputs, given = arguments[: len(specs)], arguments[len(specs) :]
        with carried_states(dict(zip(states, given))) as new_states:
            outputs = named_outputs(exported, inputs)
        return outputs | {renamed.get(name, name): state for name, state in new_states.items()}

    return tf.function(run, input_signature=specs + state_specs, autograph=False)


class InitialStates(dict):
    """An argument of `carried_states` that changes nothing and records the initial states."""

    def __bool__(self):
        return True

    def get(self, name, default=None):
        """Records the state that the layer starts from."""
        self[name] = default
        return default


def state_inputs(model, names):
    """The inputs of a model that are initial states of its recurrent layers, and nothing else.

    They are found by value, on random inputs, which also covers nested models and stacks.

    Args:
        model: a functional model of open time.
        names: names of its inputs.

    Returns:
        Names of inputs by name of the state, as in `carried_states`.

    Raises:
        ValueError: an input is the initial state of several layers.
    """
    inputs, initial = _small_inputs(model), InitialStates()
    with use_plan("reference"), carried_states(initial):
        outputs = named_outputs(model, inputs)
    found = {
        state: name
        for state, value in initial.items()
        for name, x in zip(names, inputs)
        if x.dtype.is_floating and _equal(value, x)
    }
    for i, name in enumerate(names):
        others = [tf.zeros_like(x) if k == i else x for k, x in enumerate(inputs)]
        with use_plan("reference"), carried_states(dict(initial)):
            again = named_outputs(model, others)
        if not all(_equal(again[key], outputs[key]) for key in outputs):  # read elsewhere too
            found = {state: other for state, other in found.items() if other != name}
    for name in set(found.values()):
        if len(same := [state for state in found if found[state] == name]) > 1:
            raise ValueError(
                f"`{model.name}` cannot stream: its input `{name}` is the initial state of "
                f"{', '.join(same)}, which go different ways; give each an input of its own."
            )
    return found


def _small_inputs(model):
    rng = np.random.default_rng(0)
    return [
        tf.cast(rng.normal(size=sizes) if "float" in x.dtype else np.zeros(sizes), x.dtype)
        for x in model.inputs
        for sizes in [[n or 1 for n in x.shape]]
    ]


def _equal(a, b):
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-6, atol=0)


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
    return dict(zip(tensor_names(model.output), outputs))


def _specs(model, inputs):
    return [
        tf.TensorSpec([None, *x.shape[1:]], x.dtype, name)
        for x, name in zip(inputs, tensor_names(model.input))
    ]


def tensor_names(structure):
    """For each tensor its key in a dictionary, or the name of the layer that makes it."""
    names = []
    for path, tensor in keras.tree.flatten_with_path(structure):
        key = path[-1] if path and isinstance(path[-1], str) else None
        name = re.sub(r"\W", "_", key or tensor._keras_history.operation.name)
        candidates = chain([name], (f"{name}_{i}" for i in count(2)))
        names.append(next(unique for unique in candidates if unique not in names))
    return names
