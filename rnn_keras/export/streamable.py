"""Whether a model goes on where it stopped: in pieces it answers what it answers in one."""

import keras
import numpy as np
import tensorflow as tf

from rnn_keras.export.signatures import named_outputs
from rnn_keras.layers import carried_states, use_plan

LENGTH, PIECES = 6, (1, 2, 3)


def check_streamable(model, below=2):
    """Refuses a model that cannot stream.

    It is run on a random sequence in pieces and in one, rather than looked through for layers
    that are known to need all of it, so that a layer of any kind is found out.

    Args:
        model: a model of `for_inference`, with open time.
        below: integer inputs are below it.

    Raises:
        ValueError: the answers differ; the message names the first layer of which they do.
    """
    inputs = _random_inputs(model, below)
    if _goes_on(model, inputs):
        return
    for layer in model.layers:
        if not _goes_on(keras.Model(model.input, layer.output), inputs):
            raise ValueError(
                f"`{model.name}` cannot stream, because the layer `{layer.name}` "
                f"({type(layer).__name__}) needs the whole sequence: its output piece by piece "
                "is another."
            )
    raise ValueError(f"`{model.name}` cannot stream: its output piece by piece is another.")


def _goes_on(model, inputs):
    with use_plan("reference"), carried_states():
        whole = named_outputs(model, inputs)
    pieces, states, start = [], {}, 0
    for length in PIECES:
        stop = start + length
        given = [x[:, start:stop] if _has_time(of) else x for x, of in zip(inputs, model.inputs)]
        with use_plan("reference"), carried_states(states) as states:
            try:
                pieces.append(named_outputs(model, given))
            except (ValueError, tf.errors.InvalidArgumentError):  # it takes no such length
                return False
        start = stop
    return all(
        _same(value.numpy(), [piece[name].numpy() for piece in pieces])
        for name, value in whole.items()
    )


def _same(whole, pieces):
    """Whether the pieces, joined if they are sequences, are the whole; else the last one."""
    lengths = [piece.shape[1] if piece.ndim > 1 else None for piece in pieces]
    joined = np.concatenate(pieces, axis=1) if lengths == list(PIECES) else pieces[-1]
    return joined.shape == whole.shape and np.allclose(joined, whole, rtol=1e-3, atol=1e-4)


def _has_time(tensor):
    return tensor.shape[1:2] == (None,)


def _random_inputs(model, below):
    """Without zeros and False: what is masked at the start of a piece has no output before it."""
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
