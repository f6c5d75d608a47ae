"""The calls of a model's recurrent layers, and their steps one by one."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from rnn_keras.layers import LayerCall, probe_states


def affine(addend, operand, W):
    """`addend + operand @ W`."""
    return addend + operand @ W


def graph(function: Callable) -> Callable:
    """`function` as a graph. A partial of it, as TensorFlow warns of many traces of one code."""
    return tf.function(functools.partial(function), autograph=False)


@contextlib.contextmanager
def keep_states(model: keras.Layer) -> Iterator[None]:
    """Context after which the carried states of stateful layers are what they were before."""
    layers = [part for part in model._flatten_layers() if isinstance(part, keras.layers.RNN)]
    carried = [v for layer in layers if layer.stateful for v in layer.states or ()]
    values = [tf.identity(v) for v in carried]
    try:
        yield
    finally:
        for variable, value in zip(carried, values):
            variable.assign(value)


def call_layers(model: keras.Layer, inputs: Any, watch=lambda probe: None):
    """The output of `model(inputs)` in inference, and the calls of its recurrent layers by name.

    Args:
        model: a Keras model or layer.
        inputs: its inputs.
        watch: see `probe_states`.

    Raises:
        ValueError: there is no recurrent layer of `rnn_keras` in it.
        NotImplementedError: the backend is not TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise NotImplementedError(
            "rnn_keras.inspect runs on TensorFlow; set KERAS_BACKEND=tensorflow."
        )
    with keep_states(model), probe_states(watch) as calls:
        outputs = model(inputs, training=False)
    if not calls:
        raise ValueError(
            f"`{model.name}` calls no recurrent layer of rnn_keras; a model of keras.layers can be "
            "converted by rnn_keras.interop.from_keras."
        )
    return outputs, calls


class Steps:
    """The steps of a layer's call in the order in which they run, each at the state before it.

    Several states of a step, such as H and C, are joined along the last axis.

    Attributes:
        states: `(time + 1, batch, size)`, the first one is the initial state.
        sums: the results of `affine` of each step, each `(time, batch, features)`.
        backwards: whether the first step is that of the last input.
    """

    def __init__(self, call: LayerCall):
        cell = call.layer.cell
        self.cell, self.backwards = cell, call.layer.go_backwards
        X = self.time_first(call.sequences)
        all_true = tf.ones_like(X[..., :1], bool)
        self.mask = all_true if call.mask is None else self.time_first(call.mask)
        self.x, self.weights = cell.project(X), cell.split_weights()
        self.sizes = [state.shape[-1] for state in call.initial_state]
        self._step = cell.loop_step()
        start = tf.concat(call.initial_state, -1)
        later = graph(self._scan)(start)
        self.states = tf.concat([start[None], later], 0)

    def _scan(self, start):
        now = (self.x, self.mask)
        return tf.scan(lambda state, now: self.advance(*now, state), now, start)

    def advance(self, x, mask, state, affine=affine):
        """The state after a step.

        Args:
            x: tuple of projected inputs of the step, each `(..., features)`.
            mask: boolean `(..., 1)`; a False step keeps the state.
            state: `(..., size)`.
            affine: see `rnn_keras.layers.gru_step`.
        """
        pieces = tuple(tf.split(state, self.sizes, axis=-1))
        return tf.where(mask, tf.concat(self._step(x, pieces, self.weights, affine), -1), state)

    def replay(self, affine):
        """All steps at once, each from the state before it, `(time, batch, size)`."""
        return self.advance(self.x, self.mask, self.states[:-1], affine)

    def index(self, time: int) -> int:
        """The number of the step that reads the input at `time`, which may be negative."""
        count = self.mask.shape[0]
        if not -count <= time < count:
            raise ValueError(f"`step` must be a time step of {count}, got {time}.")
        return count - 1 - time % count if self.backwards else time % count

    def time_first(self, values: Any) -> tf.Tensor:
        """`(batch, time, n)` of the inputs to `(time, batch, n)` in the order of the steps."""
        values = tf.transpose(values, (1, 0, 2))
        return tf.reverse(values, [0]) if self.backwards else values

    def batch_first(self, values: Any) -> np.ndarray:
        """`(time, batch, ...)` in the order of the steps to `(batch, time, ...)` of the inputs."""
        values = np.swapaxes(np.asarray(values), 0, 1)
        return values[:, ::-1] if self.backwards else values
