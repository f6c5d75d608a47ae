"""The training of the char LM, compared with the same model with layers of `keras.layers`."""

from dataclasses import replace

import keras
import tensorflow as tf

from apps.char_lm.config import PRESETS, CharLMConfig
from apps.char_lm.task import TASK
from benchmarks.cases.contenders import MODES, fit_mode, supports_jit, synchronous
from benchmarks.cases.training import equal_models
from benchmarks.measure.timing import Call, Contest
from rnn_keras.training import reset_states


def configure(preset: str, data: str | None) -> CharLMConfig:
    """A preset, with other data if given."""
    config = PRESETS[preset][1]
    return replace(config, data=data) if data else config


def contest(config: CharLMConfig, count: int) -> Contest:
    """Ours and Keras's model, equal weights, each in graph mode and compiled by XLA.

    A call is `count` training steps as `Model.fit` runs them: the next batch, forward, loss,
    backward, clipping, AdamW, the average of the weights where the preset has one, the carried
    state.

    Raises:
        ValueError: the results of the two models differ.
    """
    corpus = TASK.load_data(config, None)
    data = TASK.batches(config, corpus, 0)
    ids, _ = next(iter(data))
    calls, fit = {}, {}
    models = equal_models(TASK, config, corpus, ids, MODES)
    for (side, mode), model in models.items():
        fit[side] = f"{side} {fit_mode(model)}"
        if MODES[mode] and not supports_jit(model):
            continue
        reset_states(model)
        TASK.compile(model, config, len(data))
        model.jit_compile = bool(MODES[mode])
        calls[f"{side} {mode}"] = training_call(model, data, count)
    return Contest(calls, fit, count * ids.shape[0] * ids.shape[1])


def training_call(model: keras.Model, data: tf.data.Dataset, count: int) -> Call:
    """`count` training steps of a compiled model per call; `Model.fit` itself runs the first."""
    iterator = None

    def call():
        nonlocal iterator
        if iterator is None:
            iterator = iter(data.repeat())
            model.fit(data.take(count), shuffle=False, verbose=0)
        else:
            for _ in range(count):
                model.train_function(iterator)

    return synchronous(call)
