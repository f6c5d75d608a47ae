"""Jacobians between the states of a layer: the product that vanishes or explodes."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from rnn_keras.inspect.calls import Steps, affine, call_layers, graph
from rnn_keras.layers import VanillaRNNCell


def jacobian_norms(
    model: keras.Layer,
    inputs: Any,
    step: int = -1,
    *,
    iterations: int = 100,
    tolerance: float = 1e-4,
) -> dict[str, np.ndarray]:
    r"""The spectral norm $\lVert \partial S_t / \partial S_k \rVert_2$ of one t and all k.

    $S = H$, or all states of the cell together, $S = (H, C)$ of an LSTM. The norm is found by power
    iteration over products with the Jacobians of the steps and with their transposes; no Jacobian
    is formed, and a norm as small as 1e-300 is no zero, also in float32.

    Args:
        model: a Keras model or layer that calls layers of `rnn_keras.layers`, at any depth.
        inputs: its inputs, a batch. The work grows with the square of the number of steps.
        step: t, from 0; negative ones count from the end.
        iterations: the most iterations.
        tolerance: they end when no norm changes by more than this fraction.

    Returns:
        By the name of the layer an array `(batch, time)` in float64: 1 at k = t, and 0 for steps
        that come after t.

    Raises:
        ValueError: the model calls no layer of `rnn_keras.layers`; `step` is no time step.
    """
    _, calls = call_layers(model, inputs)
    norms = {}
    for name, call in calls.items():
        steps = Steps(call)
        last = steps.index(step)
        log_norms = _power_iteration(steps, last, iterations, tolerance)
        found = np.zeros(steps.mask.shape[:2])
        found[: last + 1] = np.exp(log_norms)
        norms[name] = steps.batch_first(found)
    return norms


def jacobian_bounds(model: keras.Layer, inputs: Any, step: int = -1) -> dict[str, np.ndarray]:
    r"""The textbook's bound of `jacobian_norms` for vanilla RNNs, from the weights.

    $$\left\| \frac{\partial H_t}{\partial H_k} \right\| \le
      \prod_{j=k+1}^t \lVert W_{hh} \rVert \max_i |\phi'(a_{j,i})|$$

    with $a_j = X_j W_{xh} + H_{j-1} W_{hh} + b_h$.

    Args:
        model, inputs, step: as in `jacobian_norms`.

    Returns:
        By the name of the layer an array `(batch, time)` in float64.

    Raises:
        ValueError: a layer is no `VanillaRNN`, for which alone the bound holds.
    """
    _, calls = call_layers(model, inputs)
    bounds = {}
    for name, call in calls.items():
        if not isinstance(call.layer.cell, VanillaRNNCell):
            raise ValueError(f"the bound holds for VanillaRNN, {name} is another layer.")
        steps, sums = Steps(call), []

        def keep(addend, operand, W, sums=sums):
            sums.append(affine(addend, operand, W))
            return sums[-1]

        steps.replay(keep)
        with tf.GradientTape() as tape:
            tape.watch(sums[0])
            slope = call.layer.cell.activation(sums[0])
        slope = tf.reduce_max(tf.abs(tape.gradient(slope, sums[0])), -1).numpy()
        factors = slope.astype("float64") * np.linalg.norm(np.asarray(steps.weights[0]), 2)
        factors[~steps.mask.numpy()[..., 0]] = 1.0
        last = steps.index(step)
        found = np.zeros_like(factors)
        found[last] = 1.0
        found[:last] = np.cumprod(factors[last:0:-1], axis=0)[::-1]
        bounds[name] = steps.batch_first(found)
    return bounds


def pull_back(steps: Steps, j: int | tf.Tensor, V: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    r"""The product of the transposed Jacobian of one step with vectors.

    Args:
        steps: the steps of a layer's call.
        j: the number of the step.
        V: vectors, `(..., batch, size)`.

    Returns:
        `(directions, logs)`: of length 1, in the shape of V; and the logarithms of the lengths,
        float64.
    """
    state = tf.broadcast_to(steps.states[j], tf.shape(V))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(state)
        new_state = _advance(steps, j, state)
    return _normalized(tape.gradient(new_state, state, V))


def _push(steps, j, V):
    """As `pull_back`, with the Jacobian itself."""
    state = tf.broadcast_to(steps.states[j], tf.shape(V))
    with tf.autodiff.ForwardAccumulator(state, V) as accumulator:
        new_state = _advance(steps, j, state)
    return _normalized(accumulator.jvp(new_state))


def _advance(steps, j, state):
    return steps.advance(tuple(x[j] for x in steps.x), steps.mask[j], state)


def _normalized(V):
    length = tf.norm(V, axis=-1, keepdims=True)
    directions = V / tf.maximum(length, np.finfo(V.dtype.as_numpy_dtype).tiny)
    return directions, tf.math.log(tf.cast(length[..., 0], "float64"))


def _products(product, steps, V, order):
    """Applies `product(steps, j, V)` for each j of `order` to the rows k of V with k < j."""
    rows = tf.range(tf.shape(V)[0])[:, None]

    def advance(now, j):
        V, logs = now
        product_j, logs_j = product(steps, j, V)
        return (
            tf.where((rows < j)[..., None], product_j, V),
            logs + tf.where(rows < j, logs_j, 0.0),
        )

    return tf.foldl(advance, order, (V, tf.zeros(tf.shape(V)[:2], "float64")))


def _power_iteration(steps, last, iterations, tolerance):
    """Logarithms of the norms, `(k, batch)` for k = 0 .. last."""
    _, batch, size = steps.states.shape
    V = tf.random.stateless_normal((last + 1, batch, size), (0, 1), dtype=steps.states.dtype)
    V = V / tf.norm(V, axis=-1, keepdims=True)

    @graph
    def iterate(V):
        V, logs = _products(_push, steps, V, tf.range(1, last + 1))
        V, _ = _products(pull_back, steps, V, tf.range(last, 0, -1))
        return V, logs

    before = np.full((last + 1, batch), np.inf)
    for _ in range(iterations):
        V, logs = iterate(V)
        logs = logs.numpy()
        if np.all((logs == before) | (np.abs(logs - before) < tolerance)):
            break
        before = logs
    return logs
