"""A whole application in one file: does a sequence of bits hold more ones than zeros?"""

import hashlib
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from apps.common.config import TrainingConfig, named
from apps.common.optimizer import adamw
from apps.common.plots import new_figure, save_figure
from apps.common.trained import load_best
from apps.task import Evaluation, Signatures, Task, Trained
from rnn_keras.layers import GRU

TIME = 9


@dataclass(frozen=True, kw_only=True)
class ToyConfig(TrainingConfig):
    """The flags."""

    units: int = 8
    """Size of the hidden state."""


@dataclass(frozen=True, eq=False)
class ToyData:
    """Bits `(n, TIME, 1)` and labels `(n, 1)` by split."""

    bits: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]

    @property
    def sha256(self) -> str:
        """A digest of the bits."""
        return hashlib.sha256(b"".join(each.tobytes() for each in self.bits.values())).hexdigest()


def load_data(config: ToyConfig, _) -> ToyData:
    """Random bits."""
    rng = np.random.default_rng(0)
    sizes = {"train": 256, "validation": 64, "test": 64}
    bits = {name: rng.integers(0, 2, (n, TIME, 1)).astype("float32") for name, n in sizes.items()}
    return ToyData(
        bits, {name: (x.mean(axis=1) > 0.5).astype("float32") for name, x in bits.items()}
    )


def build(config: ToyConfig, data: ToyData) -> keras.Model:
    """Bits to a logit."""
    return keras.Sequential(
        [keras.Input((TIME, 1), name="bits"), GRU(config.units), keras.layers.Dense(1)]
    )


def compile_model(model: keras.Model, config: ToyConfig, batches_per_epoch: int) -> None:
    """Cross-entropy."""
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(adamw(config, batches_per_epoch), loss=loss)


def batches(config: ToyConfig, data: ToyData, epoch: int | None) -> tf.data.Dataset:
    """Shuffled in training."""
    split = "validation" if epoch is None else "train"
    bits, labels = data.bits[split], data.labels[split]
    if epoch is not None:
        order = np.random.default_rng((config.seed, epoch)).permutation(len(bits))
        bits, labels = bits[order], labels[order]
    return tf.data.Dataset.from_tensor_slices((bits, labels)).batch(config.batch_size)


def evaluate(trained: Trained, data: ToyData) -> Evaluation:
    """Accuracy, compared with the most frequent class."""
    labels = data.labels["test"] > 0
    logits = trained.model.predict(data.bits["test"], verbose=0)
    accuracy = float(np.mean((logits > 0) == labels))
    majority = float(max(labels.mean(), 1 - labels.mean()))
    return Evaluation(
        headline=f"accuracy {accuracy:.1%}",
        scores=[
            {"model": "gru", "accuracy": accuracy},
            {"model": "most frequent class", "accuracy": majority},
        ],
        metrics={"accuracy": accuracy, "majority": majority},
        results={"accuracy": accuracy},
        title=f"Toy {trained.run.name}",
        what="Tells whether most bits are ones.",
        data="Random bits.",
        limits=f"Sequences of {TIME} bits.",
        plots={"logits": partial(_plot, logits=logits)},
    )


def _plot(path, logits) -> None:
    figure = new_figure(4, 3)
    figure.subplots().hist(logits)
    save_figure(figure, path)


def signatures(trained: Trained) -> Signatures:
    """Bits to probability."""

    @tf.function(
        input_signature=[tf.TensorSpec([None, TIME, 1], tf.float32, "bits")], autograph=False
    )
    def classify(bits):
        return {"probability": tf.sigmoid(trained.model(bits, training=False))}

    exported = {"functions": {"classify": classify}, "trackables": [trained.model]}
    return Signatures(saved_model=exported, litert=exported)


PRESETS = named(
    {"tiny": ("a GRU of 8 units", ToyConfig(epochs=4, batch_size=32, learning_rate=0.02))}
)
TASK = Task(
    name="toy",
    presets=PRESETS,
    loss_unit=lambda _: "nats",
    load_data=load_data,
    build=build,
    compile=compile_model,
    batches=batches,
    describe=lambda data: f"{len(data.bits['train'])} sequences to train on",
    save_assets=lambda *_: None,
    load=lambda run: Trained(run, run.read_config(ToyConfig), load_best(run)),
    evaluate=evaluate,
    signatures=signatures,
    next_command=lambda run: "nothing more to do",
)
