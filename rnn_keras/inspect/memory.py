"""How long a state keeps an input."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from rnn_keras.inspect.calls import Steps, affine, call_layers, graph
from rnn_keras.inspect.jacobians import pull_back


def retention(model: keras.Layer, inputs: Any) -> dict[str, dict[str, np.ndarray]]:
    r"""The part of each state that a step keeps without any weight: F of an LSTM, Z of a GRU.

    It is the derivative of the new state with respect to the old one, with everything that passed
    through a product with a weight matrix held fixed. So it needs no list of cells.

    Args:
        model: a Keras model or layer that calls layers of `rnn_keras.layers`, at any depth.
        inputs: its inputs, a batch.

    Returns:
        By the name of the layer and the symbol of the state an array `(batch, time, units)`.
        `VanillaRNN` has 0, and so has the H of an LSTM, whose C is what it keeps. Masked steps
        have 1.

    Raises:
        ValueError: the model calls no layer of `rnn_keras.layers`.
    """
    _, calls = call_layers(model, inputs)
    kept = {}
    for name, call in calls.items():
        steps = Steps(call)
        symbols = call.layer.cell.state_names
        values = _retention(steps)
        kept[name] = dict(zip(symbols, map(steps.batch_first, values)))
    return kept


def horizon(curve: np.ndarray, threshold: float = np.exp(-1)) -> int:
    """How many steps a memory lasts.

    Args:
        curve: what is left after 0, 1, 2, ... steps, `(steps,)`.
        threshold: a fraction of the largest value so far, as a memory may first grow.

    Returns:
        The first number of steps after which less than that is left; the length of `curve` if there
        is none.
    """
    curve = np.asarray(curve)
    below = np.flatnonzero(curve < threshold * np.maximum.accumulate(curve))
    return int(below[0]) if below.size else len(curve)


def memory_table(model: keras.Layer, inputs: Any) -> list[dict[str, Any]]:
    r"""How many steps each recurrent layer keeps an input, in three ways.

    All count the steps until a curve falls below 1/e of its largest value so far (`horizon`).

    - `gates`: the product of the retention (forget gates of an LSTM, update gates of a GRU) of the
      last n steps, mean over the batch, in the unit that keeps most; None for a cell without such
      gates, whose retention is 0;
    - `gradient`: $\lVert (\partial S_t / \partial S_{t-n})^\top v \rVert$ from the last step t, for
      a random v, root mean square over the batch;
    - `measured`: the first input of each sequence (the last one for a layer that runs backwards) is
      replaced by that of the next sequence in the batch: the norm of the change of the state after
      n steps, root mean square over the batch; None if no input differs.

    Args:
        model: a Keras model or layer that calls layers of `rnn_keras.layers`, at any depth.
        inputs: one array `(batch, time, ...)`, of sequences of the same length, at least two.

    Returns:
        A row per layer: `layer`, `cell`, `units`, `gates`, `gradient`, `measured`.

    Raises:
        ValueError: the model calls no layer of `rnn_keras.layers`; there is only one sequence.
    """
    inputs = np.asarray(inputs)
    if inputs.ndim < 2 or len(inputs) < 2:
        raise ValueError(
            f"`inputs` must be (batch, time, ...) with at least 2 sequences, got {inputs.shape}."
        )
    _, calls = call_layers(model, inputs)
    changed = {}
    for backwards, time in ((False, 0), (True, -1)):
        other = inputs.copy()
        other[:, time] = np.roll(inputs[:, time], 1, axis=0)
        changed[backwards] = call_layers(model, other)[1]
    rows = []
    for name, call in calls.items():
        steps, others = Steps(call), Steps(changed[call.layer.go_backwards][name])
        kept = [np.asarray(values) for values in _retention(steps)]
        products = [np.cumprod(values[::-1], axis=0) for values in kept if values.any()]
        by_gates = np.concatenate(products, -1).mean(1).max(-1) if products else None
        difference = np.linalg.norm(others.states[1:] - steps.states[1:], axis=-1)
        measured = np.sqrt((difference.astype("float64") ** 2).mean(-1))
        rows.append(
            {
                "layer": name,
                "cell": type(call.layer.cell).__name__.removesuffix("Cell"),
                "units": call.layer.cell.units,
                "gates": None if by_gates is None else horizon([1.0, *by_gates]),
                "gradient": horizon(_gradient_curve(steps)),
                "measured": horizon(measured) if measured.any() else None,
            }
        )
    return rows


def _retention(steps):
    """Of each state `(time, batch, units)`, in the order of the steps."""
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        pieces = tf.split(steps.states[:-1], steps.sizes, axis=-1)
        tape.watch(pieces)
        new_state = steps.advance(steps.x, steps.mask, tf.concat(pieces, -1), _constant_sums)
        new_pieces = tf.split(new_state, steps.sizes, axis=-1)
    return [
        tape.gradient(new, old, unconnected_gradients="zero")
        for new, old in zip(new_pieces, pieces)
    ]


def _constant_sums(addend, operand, W):
    return tf.stop_gradient(affine(addend, operand, W))


def _gradient_curve(steps):
    """Of n = 0, 1, ... the root mean square over the batch of the gradient n steps back."""
    time, batch, size = steps.states[1:].shape
    signs = np.sign(np.random.default_rng(0).normal(size=(batch, size)))
    v = tf.convert_to_tensor(signs / np.sqrt(size), steps.states.dtype)

    def back(now, j):
        return pull_back(steps, j, now[0])

    @graph
    def run(v):
        return tf.scan(back, tf.range(time - 1, 0, -1), (v, tf.zeros(batch, "float64")))[1]

    logs = np.cumsum(np.concatenate([np.zeros((1, batch)), run(v)]), axis=0)
    return np.sqrt(np.exp(2 * logs).mean(-1))
