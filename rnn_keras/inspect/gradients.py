"""Gradients through time: how far back the gradient of a loss reaches."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from rnn_keras.inspect.calls import Steps, call_layers, graph

Loss = Callable[[Any], tf.Tensor]


def loss_at(step: int, targets: Any, loss: str | Callable = "mse") -> Loss:
    r"""The loss of one time step, $L_t$, for `gradient_norms`.

    Args:
        step: t, from 0; negative ones count from the end.
        targets: `(batch, time, ...)`, as for the loss.
        loss: a Keras loss, or its name.

    Returns:
        A function of outputs `(batch, time, ...)`, to one value per example, `(batch,)`.
    """
    function = keras.losses.get(loss)
    if isinstance(function, keras.losses.Loss):
        function = function.call  # without the mean over the batch
    targets = tf.convert_to_tensor(targets)
    return lambda outputs: function(targets[:, step], outputs[:, step])


def gradient_norms(model: keras.Layer, inputs: Any, loss: Loss) -> dict[str, dict[str, np.ndarray]]:
    r"""$\lVert \partial L / \partial H_k \rVert$ of all time steps k, in every recurrent layer.

    It costs about as much as a training step, as the loop of each layer computes these gradients
    with its others. The model runs in inference, and neither its weights nor its states change.
    In float32, norms below about 1e-38 are 0; a float64 model reaches 1e-308.

    Args:
        model: a Keras model or layer that calls layers of `rnn_keras.layers`, at any depth.
        inputs: its inputs, a batch.
        loss: from the outputs of the model to a loss per example, `(batch,)`; such as
            `loss_at(t, targets)`. One example must not depend on another, as the sum is
            differentiated.

    Returns:
        By the name of the layer (`LAYER_2` in a second call of it) and the symbol of the state
        (`H`; `H` and `C` of an LSTM) an array `(batch, time)`. The time is that of the input.
        Masked steps have 0.

    Raises:
        ValueError: the model calls no layer of `rnn_keras.layers`, or one in the reference plan.
    """
    _, gradients = _state_gradients(model, inputs, loss)
    return {
        name: {symbol: _norm(d, -1).numpy() for symbol, d in of_layer.items()}
        for name, of_layer in gradients.items()
    }


def weight_gradient_norms(
    model: keras.Layer, inputs: Any, loss: Loss
) -> dict[str, dict[str, np.ndarray]]:
    r"""The norm of each time step's part of the gradient of each weight of the recurrent layers.

    The gradient of a weight is a sum over the time steps that used it; its part of step k is
    $\frac{\partial L}{\partial H_k} \frac{\partial H_k}{\partial W}$ with the state before step k
    held fixed, summed over the batch.

    Args:
        model, inputs, loss: as in `gradient_norms`.

    Returns:
        By the name of the layer and of the weight (`kernel`, `recurrent_kernel`, `bias`) an array
        `(time,)`.

    Raises:
        ValueError: as in `gradient_norms`.
    """
    calls, gradients = _state_gradients(model, inputs, loss)
    norms = {}
    for name, call in calls.items():
        d_states = np.concatenate(list(gradients[name].values()), axis=-1)
        parts = _weight_gradient_norms(call, d_states)
        norms[name] = dict(zip([w.name for w in call.layer.cell.trainable_variables], parts.T))
    return norms


def _weight_gradient_norms(call, d_states):
    """`(time, weights)`, from the gradients of the states `(batch, time, size)`."""
    steps, cell = Steps(call), call.layer.cell
    weights = [w.value for w in cell.trainable_variables]

    def norms_of_step(now):
        X, state, d_state = now
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            pieces = tf.split(state, steps.sizes, axis=-1)
            new_state = tf.concat(cell.call(X, pieces, training=False)[1], -1)
        d_weights = tape.gradient(new_state, weights, d_state, unconnected_gradients="zero")
        return tf.stack([_norm(d) for d in d_weights])

    @graph
    def norms_over_time(*now):
        return tf.map_fn(norms_of_step, now, fn_output_signature=now[-1].dtype)

    X, d_states = map(steps.time_first, (call.sequences, d_states))
    parts = norms_over_time(X, steps.states[:-1], d_states).numpy()
    return parts[::-1] if steps.backwards else parts


def _norm(d, axis=None):
    """The Euclidean norm, also of values whose squares are below the smallest float."""
    scale = tf.reduce_max(tf.abs(d), axis, keepdims=True)
    norm = scale * tf.norm(tf.math.divide_no_nan(d, scale), axis=axis, keepdims=True)
    return tf.squeeze(norm, axis)


def _state_gradients(model, inputs, loss):
    """The calls of the layers, and by layer and symbol the gradients `(batch, time, units)`."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        outputs, calls = call_layers(model, inputs, tape.watch)
        value = loss(outputs)
    probes = {name: call.probes for name, call in calls.items()}
    gradients = tape.gradient(value, probes, unconnected_gradients="zero")
    return calls, tf.nest.map_structure(lambda d: d.numpy(), gradients)
