"""The training of the translator, compared with the same model with layers of `keras.layers`."""

from dataclasses import replace

import keras

from apps.translation.config import PRESETS, TranslationConfig
from apps.translation.task import TASK
from apps.translation.text import PAD_ID
from benchmarks.cases.training import equal_models, keras_layers, sample_epoch, steps
from benchmarks.measure.timing import Contest


def configure(cell: str, data: str) -> TranslationConfig:
    """The preset `base` with a given cell."""
    return replace(PRESETS["base"][1], data=data, cell=cell)


def contest(config: TranslationConfig, count: int) -> Contest:
    """Our model, the one with Keras's layers, and for the GRU one with Keras's default equation.

    A call is `count` training steps as `Model.fit` runs them: forward, loss, backward, clipping,
    AdamW, the average of the weights.

    Raises:
        ValueError: the results of models of the same equation differ.
    """
    data = TASK.load_data(config, None)
    batches = sample_epoch(TASK.batches(config, data, 0), count)
    equal = equal_models(TASK, config, data, batches[0][0])
    models = {side: model for (side, _), model in equal.items()}
    if config.cell == "gru":
        with keras_layers({"gru": keras.layers.GRU}):
            models["Keras, its default GRU"] = TASK.build(config, data)
    for model in models.values():
        TASK.compile(model, config, count)
    calls = {name: steps(model, batches) for name, model in models.items()}
    tokens = sum(int((target != PAD_ID).sum()) for _, target in batches)
    return Contest(calls, {"ours": "ours", "Keras": "Keras"}, tokens)
