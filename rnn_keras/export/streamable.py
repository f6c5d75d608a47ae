"""Checks whether a model can stream: piece by piece it must give the same as in one run."""

from itertools import count

import keras
import numpy as np
import tensorflow as tf

from rnn_keras.export.signatures import InitialStates, named_outputs
from rnn_keras.layers import carried_states, use_plan

LENGTH = 6


def check_streamable(model, below=2):
    """Refuses a model that cannot stream.

    The model is run on a random sequence in pieces and in one, instead of searched for layers that
    are known to need the whole sequence, so that the check covers layers of any kind.

    Args:
        model: a model of `for_inference`, with open time.
        below: upper bound of integer inputs.

    Raises:
        ValueError: the outputs differ; the message names the first layer where they do.
    """
    inputs = _random_inputs(model, below)
    if _can_stream(model, inputs):
        return
    for layer in model.layers:
        if not _can_stream(keras.Model(model.input, layer.output), inputs):
            raise ValueError(
                f"`{model.name}` cannot stream, because the layer `{layer.name}` "
                f"({type(layer).__name__}) needs the whole sequence: its output differs "
                "when the sequence comes in pieces."
            )
    raise ValueError(
        f"`{model.name}` cannot stream: its output differs when the sequence comes in pieces."
    )


def stream(model, inputs, sizes=None):
    """Runs a model on pieces of a sequence, on Keras's loop.

    Args:
        model: a model of `for_inference`, with open time.
        inputs: tensors or arrays in the order of `model.inputs`. Those with a time dimension are
            cut, the others are passed with every piece.
        sizes: time steps of each piece; None is 1, 2, 3, ...

    Yields:
        The inputs of the piece, the states before it by name, and the outputs by name.
    """
    cut = [x.shape[1:2] == (None,) for x in model.inputs]
    length = next(x.shape[1] for x, is_cut in zip(inputs, cut) if is_cut)
    states, start = {}, 0
    for size in sizes or count(1):
        piece = [x[:, start : start + size] if is_cut else x for x, is_cut in zip(inputs, cut)]
        states = states or InitialStates()
        with use_plan("reference"), carried_states(states) as new_states:
            outputs = named_outputs(model, [tf.convert_to_tensor(x) for x in piece])
        yield piece, states, outputs
        states, start = new_states, start + size
        if start >= length:
            return


def _can_stream(model, inputs):
    try:
        with use_plan("reference"), carried_states():
            whole = named_outputs(model, inputs)
        pieces = [outputs for _, _, outputs in stream(model, inputs)]
    except (ValueError, tf.errors.OpError):  # unsupported length
        return False
    return all(
        _same(value.numpy(), [piece[name].numpy() for piece in pieces])
        for name, value in whole.items()
    )


def _same(whole, pieces):
    """Whether the pieces, joined if they are sequences, equal the whole; else the last piece."""
    lengths = [piece.shape[1] if piece.ndim > 1 else 0 for piece in pieces]
    is_sequence = lengths == list(range(1, len(pieces) + 1))
    joined = np.concatenate(pieces, axis=1) if is_sequence else pieces[-1]
    return joined.shape == whole.shape and np.allclose(joined, whole, rtol=1e-3, atol=1e-4)


def _random_inputs(model, below):
    """Random inputs without zeros and False: a piece that starts masked has no output before."""
    rng = np.random.default_rng(0)
    values = []
    for x in model.inputs:
        sizes = [n or LENGTH for n in (2, *x.shape[1:])]
        if x.dtype == "bool":
            value = np.ones(sizes)
        elif "int" in x.dtype:
            value = rng.integers(min(1, below - 1), below, sizes)
        else:
            value = rng.normal(size=sizes)
        values.append(tf.convert_to_tensor(value.astype(x.dtype)))
    return values
