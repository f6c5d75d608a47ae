"""The training of the sentiment classifier, compared with `keras.layers` and padded batches."""

from dataclasses import replace

import keras
import numpy as np

from apps.sentiment.config import PRESETS, SentimentConfig
from apps.sentiment.task import TASK
from benchmarks.cases.training import equal_models, sample_epoch, steps
from benchmarks.measure.timing import Contest


def configure(cell: str, data: str) -> SentimentConfig:
    """The preset `base` with a given cell, without n-grams, pretraining or adversarial steps."""
    base = PRESETS["base"][1]
    return replace(base, data=data, cell=cell, ngrams=0, adversarial=0.0, pretraining=0)


def contest(config: SentimentConfig, count: int) -> Contest:
    """Ours and Keras's model on batches of similar lengths, and on batches of the longest.

    A call is `count` training steps as `Model.fit` runs them: forward, loss, backward, clipping,
    AdamW, the average of the weights.

    Raises:
        ValueError: the results of the two models differ.
    """
    data = TASK.load_data(config, None)
    bucketed = sample_epoch(TASK.batches(config, data, 0), count)
    length = config.train_length
    kinds = {"bucketed": bucketed, f"padded to {length}": shuffle_and_pad(bucketed, length)}
    calls = {}
    models = equal_models(TASK, config, data, bucketed[0][0], kinds)
    for (side, kind), model in models.items():
        TASK.compile(model, config, count)
        calls[f"{side}, {kind}"] = steps(model, kinds[kind])
    ours, *_, theirs = calls  # by default
    reviews = sum(len(labels) for _, labels in bucketed)
    return Contest(calls, {"ours": ours, "Keras": theirs}, reviews)


def shuffle_and_pad(batches: list, length: int) -> list:
    """The same reviews in random batches, all padded to `length`."""
    cut = {"maxlen": length, "padding": "post", "truncating": "post"}  # cuts padding only
    ids = np.concatenate([keras.utils.pad_sequences(ids, **cut) for ids, _ in batches])
    labels = np.concatenate([labels for _, labels in batches])
    order = np.random.default_rng(0).permutation(len(ids))
    return [(ids[rows], labels[rows]) for rows in np.array_split(order, len(batches))]
