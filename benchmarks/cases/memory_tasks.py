"""The copying and the adding problem, their networks, and what `rnn_keras.inspect` says of them."""

import time
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from rnn_keras import inspect, layers

SYMBOLS, COPIED = 8, 10  # of the copying problem
HELD_OUT, CURVE, EVERY = 1000, 40, 100  # examples; points of a curve; training steps between tests


@dataclass(frozen=True)
class Task:
    """A problem of `length` steps.

    Attributes:
        name: "adding" or "copying".
        length: time steps of the adding problem; blanks between the symbols and their copy.
    """

    name: str
    length: int

    @property
    def steps(self) -> int:
        """Time steps of a sequence."""
        return self.length + (2 * COPIED if self.name == "copying" else 0)

    @property
    def features(self) -> int:
        """Features of a time step."""
        return SYMBOLS + 2 if self.name == "copying" else 2

    @property
    def baseline(self) -> float:
        """The loss of a network that remembers nothing: variance of the sum, ln of the symbols."""
        return float(np.log(SYMBOLS)) if self.name == "copying" else 1 / 6

    @property
    def solved(self) -> float:
        """The loss below which the task counts as learned."""
        return 0.01 if self.name == "adding" else 0.1

    def sample(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Sequences `(count, steps, features)`, and targets `(count, 1)` or `(count, COPIED)`.

        Adding: uniform numbers, and a mark at one of each half; the target is the sum of the two
        that are marked (Hochreiter & Schmidhuber 1997). Copying: symbols, blanks, a sign to begin;
        the targets of the last steps are the symbols (Le et al. 2015).
        """
        if self.name == "adding":
            X = np.zeros((count, self.length, 2), "float32")
            X[..., 0] = rng.uniform(size=X.shape[:2])
            half, rows = self.length // 2, np.arange(count)
            X[rows, rng.integers(0, half, count), 1] = 1
            X[rows, rng.integers(half, self.length, count), 1] = 1
            return X, X.prod(-1).sum(1, keepdims=True)
        symbols = rng.integers(0, SYMBOLS, (count, COPIED))
        tokens = np.full((count, self.steps), SYMBOLS)
        tokens[:, :COPIED], tokens[:, -COPIED - 1] = symbols, SYMBOLS + 1
        return np.eye(SYMBOLS + 2, dtype="float32")[tokens], symbols


def build(task: Task, options, dtype: str = "float32") -> keras.Model:
    """One recurrent layer, named `rnn`, and a dense one.

    Args:
        task: the problem.
        options: of the command: `cell`, `units`, `initialisation`, `activation`, `forget_bias`.
        dtype: of all layers.
    """
    copying = task.name == "copying"
    cell = getattr(layers, options.cell)
    arguments = {"size": options.units} if options.cell == "ProjectedLSTM" else {}
    if options.activation:
        arguments["activation"] = options.activation
    if not options.cell.startswith("Min"):
        arguments["recurrent_initializer"] = options.initialisation
    rnn = cell(options.units, return_sequences=copying, dtype=dtype, name="rnn", **arguments)
    inputs = keras.Input((task.steps, task.features), dtype=dtype)
    states = rnn(inputs)
    states = states[:, -COPIED:] if copying else states
    outputs = keras.layers.Dense(SYMBOLS if copying else 1, dtype=dtype)(states)
    if "F" in rnn.cell.gate_names and options.forget_bias is not None:
        bias, first = rnn.cell.bias.numpy(), rnn.cell.gate_names.index("F") * options.units
        bias[first : first + options.units] = options.forget_bias
        rnn.cell.bias.assign(bias)
    return keras.Model(inputs, outputs)


def inspected(task: Task, options, model: keras.Model) -> dict:
    """What `rnn_keras.inspect` says of a network: gradients through time, and its memory.

    In float64, as float32 ends at 1e-38; what is below 1e-308 counts as that.

    Returns:
        `log10_gradients`: of the loss of the last step with respect to the state of some steps,
        the mean over sequences; `ratio`: that of the first step less that of the last; `horizon`:
        a row of `memory_table`.
    """
    double = build(task, options, "float64")
    double.set_weights(model.get_weights())
    X, y = task.sample(16, np.random.default_rng(1))
    loss = keras.losses.get("mse" if task.name == "adding" else "sparse_categorical_crossentropy")
    settings = {} if task.name == "adding" else {"from_logits": True}

    def of_last_step(outputs):
        last = (y, outputs) if task.name == "adding" else (y[:, -1], outputs[:, -1])
        return loss(*last, **settings)

    norms = inspect.gradient_norms(double, X, of_last_step)["rnn"]
    joint = np.hypot.reduce(list(norms.values()))  # its squares are no zeros
    logs = np.log10(np.maximum(joint.mean(0), np.finfo("float64").tiny))
    shown = np.unique(np.linspace(0, task.steps - 1, CURVE).astype(int))
    (horizon,) = inspect.memory_table(double, X)
    return {
        "log10_gradients": {int(k): _finite(logs[k]) for k in shown},
        "ratio": _finite(logs[0] - logs[-1]),
        "horizon": horizon,
    }


def train(task: Task, options, model: keras.Model) -> dict:
    """Trains until the task is solved or the time is over.

    Args:
        task: the problem.
        options: of the command: `rate`, `clip`, `batch`, `seconds`, `seed`.
        model: of `build`.

    Returns:
        `loss` on held-out sequences, `curve` of it by training step, `steps`, `train_seconds`,
        `share_clipped`.
    """
    loss = "mse"
    if task.name == "copying":
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(options.rate, global_clipnorm=options.clip or None)
    model.compile(optimizer, loss)
    rng, log = np.random.default_rng(options.seed), inspect.ClippingLog()
    held_out = task.sample(HELD_OUT, np.random.default_rng(10**6))
    signature = [tf.TensorSpec((options.batch, *a.shape[1:]), a.dtype) for a in held_out]

    def batches():
        while True:
            yield task.sample(options.batch, rng)

    data = tf.data.Dataset.from_generator(batches, output_signature=tuple(signature)).prefetch(8)
    curve = {}

    class Stop(keras.callbacks.Callback):
        """Ends the training."""

        def on_epoch_end(self, epoch, logs=None):
            value = model.evaluate(*held_out, batch_size=250, verbose=0)
            curve[(epoch + 1) * EVERY] = value
            late = time.perf_counter() - began > options.seconds
            if late or not np.isfinite(value) or value < task.solved / 2:
                model.stop_training = True

    began = time.perf_counter()
    model.fit(
        data, epochs=10**6, steps_per_epoch=EVERY, shuffle=False, verbose=0, callbacks=[log, Stop()]
    )
    return {
        "loss": _finite(curve[max(curve)]),
        "curve": {step: _finite(value) for step, value in curve.items()},
        "steps": max(curve),
        "train_seconds": time.perf_counter() - began,
        "share_clipped": log.share_clipped,
    }


def _finite(value):
    """A float for JSON; None for what is not finite."""
    return float(value) if np.isfinite(value) else None
