"""The compared layers, each as a function that runs one forward or training step."""

import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

import rnn_keras.layers
from benchmarks.cases import CASES, Case, Shape
from benchmarks.runtime import has_torch
from benchmarks.timing import Call, Contest

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
    models = {"ours": build_ours(case, shape), "Keras": build_keras(case, shape)}
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


def build_ours(case: Case, shape: Shape) -> keras.Model:
    """The network of `rnn_keras.layers`, sequences out."""
    library = rnn_keras.layers
    cell = getattr(library, case.ours)
    if case.depth > 1:
        layers = [cell(shape.units, **case.options) for _ in range(case.depth)]
        layer = library.DeepRNN(layers, return_sequences=True)
    else:
        layer = cell(shape.units, return_sequences=True, **case.options)
    if case.bidirectional:
        layer = library.Bidirectional(layer)
    return keras.Sequential([keras.Input(shape[1:3], shape.batch), layer])


def build_keras(case: Case, shape: Shape) -> keras.Model:
    """The same network of `keras.layers`."""
    cell = getattr(keras.layers, case.keras)
    layers = [cell(shape.units, return_sequences=True, **case.options) for _ in range(case.depth)]
    if case.bidirectional:
        layers = [keras.layers.Bidirectional(layer) for layer in layers]
    return keras.Sequential([keras.Input(shape[1:3], shape.batch), *layers])


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


def matmul_call(size: int = MATMUL_SIZE) -> Call:
    """A product of two square matrices, compiled by XLA, the fastest one here; see the floor."""
    A = tf.random.normal((size, size))
    product = tf.function(tf.matmul, jit_compile=True)
    return synchronous(lambda: product(A, A))


def matmul_rate(seconds: float, size: int = MATMUL_SIZE) -> float:
    """Operations per second from the seconds of one `matmul_call`."""
    return 2 * size**3 / seconds


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
    for a, b in zip(actual, expected, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            raise ValueError(f"shapes {a.shape} and {b.shape} differ")
        difference = np.max(np.abs(a - b)) / max(np.max(np.abs(b)), np.finfo(b.dtype).tiny)
        # NaN compares as False with everything, and must not count as agreement.
        worst = max(worst, float("inf") if np.isnan(difference) else float(difference))
    return worst
