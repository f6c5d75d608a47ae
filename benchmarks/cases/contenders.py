"""The compared layers, each as a function that runs one forward or training step."""

import functools
import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.cases.layers import CASES, FULL, KERAS, TAU, TRUNCATED, Case, Shape
from benchmarks.measure.runtime import has_torch
from benchmarks.measure.timing import Call, Contest
from rnn_keras import layers

MODES = {"graph": None, "jit": True}  # by name, `jit_compile` of the function around the step
MATMUL_SIZE = 1024
TOLERANCE = 1e-4


def contest(name: str, shape: Shape, training: bool) -> Contest:
    """The contenders of one row: ours and Keras's in both modes, with equal weights, PyTorch's.

    A training step is the forward pass, the loss (the sum of squares of all outputs) and the
    gradient of every weight. It returns loss and gradients, a forward step the output.

    Args:
        name: one of `CASES`.
        shape: the sizes.
        training: a training step, or a forward step in inference mode.
    """
    case = CASES[name]
    X = np.random.default_rng(0).standard_normal(shape[:3], np.float32)
    models = {side: build(side, case, shape) for side in ("ours", "Keras")}
    models["ours"].set_weights(models["Keras"].get_weights())
    calls = {
        f"{side} {mode}": tensorflow_call(model, X, training, jit_compile)
        for side, model in models.items()
        for mode, jit_compile in MODES.items()
        if not jit_compile or supports_jit(model)
    }
    if has_torch():
        calls["PyTorch"] = torch_call(case, shape, X, training)
    return Contest(calls, {side: f"{side} {fit_mode(model)}" for side, model in models.items()})


def bptt_contest(shape: Shape, truncated: bool) -> Contest:
    """Training steps of an LSTM over the whole sequence, each compiled as `Model.fit` would.

    Args:
        shape: the sizes.
        truncated: whether one contender runs truncated BPTT, in chunks of `TAU` steps.
    """
    X = np.random.default_rng(0).standard_normal(shape[:3], np.float32)
    calls = {}
    for side in FULL, KERAS:
        model = build(side, CASES["LSTM"], shape)
        calls[side] = tensorflow_call(model, X, True, MODES[fit_mode(model)])
    if truncated:
        calls[TRUNCATED] = truncated_call(X, shape.units)
    return Contest(calls)


def build(side: str, case: Case, shape: Shape) -> keras.Model:
    """The network of `rnn_keras.layers` ("ours") or of `keras.layers` ("Keras"), sequences out."""
    library, name = {"ours": (layers, case.ours), "Keras": (keras.layers, case.keras)}[side]
    options = {"return_sequences": True, **case.options}
    stack = [getattr(library, name)(shape.units, **options) for _ in range(case.depth)]
    if case.bidirectional:
        stack = [library.Bidirectional(layer) for layer in stack]
    if side == "ours" and case.depth > 1:
        stack = [layers.DeepRNN(stack, return_sequences=True)]
    return keras.Sequential([keras.Input(shape[1:3], shape.batch), *stack])


def supports_jit(model: keras.Model) -> bool:
    """Whether Keras would compile the model by XLA on request."""
    return all(layer.supports_jit for layer in model._flatten_layers())


def fit_mode(model: keras.Model) -> str:
    """The mode in which `Model.fit` runs the model by default (`jit_compile="auto"`)."""
    model.compile(jit_compile="auto")
    return "jit" if model.jit_compile else "graph"


def tensorflow_call(model: keras.Model, X: np.ndarray, training: bool, jit_compile) -> Call:
    """One step of a Keras model."""

    def train(X):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(model(X, training=True)))
        return [loss, *tape.gradient(loss, model.trainable_variables)]

    def forward(X):
        return [model(X, training=False)]

    step = tf.function(train if training else forward, jit_compile=jit_compile, autograph=False)
    return synchronous(functools.partial(step, tf.constant(X)))


def plan_call(name: str, options: dict, shape: Shape, plan: str) -> Call:
    """A training step of the layer `name` of `rnn_keras.layers` in the given plan."""
    layer = getattr(layers, name)(shape.units, return_sequences=True, **options)
    model = keras.Sequential([keras.Input((None, shape.inputs)), layer])
    X = np.random.default_rng(0).standard_normal(shape[:3], np.float32)
    call = tensorflow_call(model, X, True, None)
    with layers.use_plan(plan):
        call()  # traces it
    return call


def truncated_call(X: np.ndarray, units: int) -> Call:
    """Truncated BPTT over `X`: a gradient per chunk; the carried state cuts it off."""
    layer = layers.LSTM(units, return_sequences=True, return_state=True)
    chunks = [tf.constant(X[:, start : start + TAU]) for start in range(0, X.shape[1], TAU)]
    zeros = [tf.zeros((X.shape[0], units))] * 2
    layer(chunks[0][:, :1])  # builds the weights outside the step

    @tf.function(autograph=False)
    def step(chunk, state):
        with tf.GradientTape() as tape:
            H, *state = layer(chunk, initial_state=state, training=True)
            loss = tf.reduce_sum(tf.square(H))
        return state, tape.gradient(loss, layer.trainable_variables)

    def run():
        state = zeros
        for chunk in chunks:
            state, _ = step(chunk, state)
        return state

    return synchronous(run)


def torch_call(case: Case, shape: Shape, X: np.ndarray, training: bool) -> Call:
    """One step of PyTorch's layer, batch first as all others."""
    import torch

    layer = getattr(torch.nn, case.torch)(
        shape.inputs,
        shape.units,
        num_layers=case.depth,
        bidirectional=case.bidirectional,
        batch_first=True,
    )
    weights, X = list(layer.parameters()), torch.from_numpy(X)

    def train():
        loss = layer(X)[0].square().sum()
        return [loss, *torch.autograd.grad(loss, weights)]

    @torch.inference_mode()
    def forward():
        return [layer(X)[0]]

    return train if training else forward


def dropout_calls(batch: int, time: int, units: int) -> dict[str, Call]:
    """By name, forward passes of dropout and of an LSTM in training mode, in each mode."""
    X = tf.random.normal((batch, time, units))
    passes = {
        "mask per step": keras.layers.Dropout(0.5),
        "mask for all steps": keras.layers.Dropout(0.5, noise_shape=(None, 1, None)),
        "LSTM": layers.LSTM(units, return_sequences=True),
    }
    calls = {}
    for name, layer in passes.items():
        layer.build(X.shape)
        for mode, jit_compile in MODES.items():
            forward = tf.function(functools.partial(layer, training=True), jit_compile=jit_compile)
            calls[f"{name}, {mode}"] = synchronous(functools.partial(forward, X))
    return calls


def matmul() -> tuple[Call, int]:
    """A large matrix product, compiled by XLA, the fastest one here; and its operations."""
    A = tf.random.normal((MATMUL_SIZE, MATMUL_SIZE))
    product = tf.function(tf.matmul, jit_compile=True)
    return synchronous(lambda: product(A, A)), 2 * MATMUL_SIZE**3


def synchronous(call: Callable) -> Call:
    """The same call, which returns only when a GPU is done, too."""

    def waiting():
        result = call()
        tf.test.experimental.sync_devices()
        return result

    return waiting


def disagreement(actual, expected) -> float:
    """The largest difference between two lists of tensors.

    Each tensor counts relative to the largest absolute value expected in it.

    Raises:
        ValueError: the lists or the shapes differ.
    """
    worst = 0.0
    for a, b in zip(map(np.asarray, actual), map(np.asarray, expected), strict=True):
        if a.shape != b.shape:
            raise ValueError(f"shapes {a.shape} and {b.shape} differ")
        difference = np.abs(a - b).max() / max(np.abs(b).max(), np.finfo(b.dtype).tiny)
        # NaN compares as False with everything, and must not count as agreement.
        worst = max(worst, math.inf if np.isnan(difference) else float(difference))
    return worst
