"""The first training step of a model with our or with Keras's recurrent layers."""

import time
from contextlib import nullcontext

import keras
import numpy as np

from apps.translation.config import PRESETS
from apps.translation.task import TASK
from benchmarks.cases.training import keras_layers, sample_epoch
from rnn_keras import layers

SIDES = {"ours": layers, "Keras": keras.layers}


def _gru(side):
    """The model of the README."""
    recurrent = [SIDES[side].GRU(32, reset_after=False)]
    return _sequential(recurrent, np.zeros((32, 20, 8), "float32"))


def _lstm(side):
    recurrent = [SIDES[side].LSTM(128, return_sequences=upper) for upper in (True, True, False)]
    return _sequential(recurrent, np.zeros((32, 50, 64), "float32"))


def _sequential(recurrent, X):
    model = keras.Sequential([keras.Input((None, X.shape[-1])), *recurrent, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model, (X, np.zeros((len(X), 1), "float32"))


def _translator(side):
    _, config = PRESETS["tiny"]
    data = TASK.load_data(config, None)
    batches = TASK.batches(config, data, 0)
    with keras_layers() if side == "Keras" else nullcontext():
        model = TASK.build(config, data)
    TASK.compile(model, config, len(batches))
    return model, sample_epoch(batches.take(1), 1)[0]


MODELS = {"GRU, 32 units": _gru, "LSTM, 3 x 128 units": _lstm, "translator, tiny": _translator}


def first_step(name: str, side: str) -> float:
    """The seconds of the first `train_on_batch`, without the imports and the building."""
    model, batch = MODELS[name](side)
    began = time.perf_counter()
    model.train_on_batch(*batch)
    return time.perf_counter() - began
