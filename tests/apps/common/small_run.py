"""A training small enough for tests, with everything that a resumed run must restore.

`python -m tests.apps.common.small_run RUN mid-epoch|mid-save` continues the run and kills its own
process, in the middle of its next epoch but one or just before the state of that is in place.
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.common import files
from apps.common.config import TrainingConfig
from apps.common.fit import fit
from apps.common.optimizer import AveragingAdamW
from apps.common.run import Run

BATCHES = 6


@dataclass(frozen=True, kw_only=True)
class SmallConfig(TrainingConfig):
    units: int = 8


CONFIG = SmallConfig(epochs=6, batch_size=8, learning_rate=0.05, seed=3, ema=0.9, patience=4)


def build(config: SmallConfig, layer=None) -> keras.Model:
    keras.utils.set_random_seed(config.seed)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layer or keras.layers.Dense(config.units, "tanh"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1),
        ]
    )
    # Not `adamw`, whose rate depends on the number of epochs: some tests change it on the way.
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, 60)
    average = {} if config.ema is None else {"use_ema": True, "ema_momentum": config.ema}
    model.compile(AveragingAdamW(rate, global_clipnorm=config.clip_norm, **average), "mse")
    return model


def data(seed: int, batch_size: int, kill_at: int | None = None) -> tf.data.Dataset:
    """A linear target with noise; shuffled by `seed`."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCHES * batch_size, 4)).astype("float32")
    y = (x.sum(1, keepdims=True) + rng.normal(size=(len(x), 1))).astype("float32")
    order = np.random.default_rng(seed).permutation(len(x))

    def batches():
        for i, rows in enumerate(np.split(order, BATCHES)):
            if i == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            yield x[rows], y[rows]

    spec = tuple(tf.TensorSpec((batch_size, n), tf.float32) for n in (4, 1))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=spec)
    return dataset.apply(tf.data.experimental.assert_cardinality(BATCHES))


def train(run: Run, config: SmallConfig, *, model=None, kill_epoch=None, **options):
    """Train to the end, or to the middle of `kill_epoch`. Returns the model and its history."""
    model = model or build(config)
    history = fit(
        model,
        train=lambda epoch: data(
            100 + epoch, config.batch_size, kill_at=4 if epoch == kill_epoch else None
        ),
        validation=data(1, config.batch_size),
        config=config,
        run=run,
        **options,
    )
    return model, history


def main(path: str, moment: str) -> None:
    run = Run("small", Path(path))
    rows = run.history.read_text(encoding="utf-8").count("\n") - 1 if run.history.exists() else 0
    config = run.read_config(SmallConfig)
    if moment == "mid-epoch":
        train(run, config, kill_epoch=rows + 1)
    saves = 0
    replace = os.replace

    def killing_replace(source, target):
        nonlocal saves
        saves += Path(target).name == "state.npz"
        if saves == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    files.os.replace = killing_replace
    train(run, config)


if __name__ == "__main__":
    main(*sys.argv[1:])
