"""What the comparisons of the applications' training share."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any
from unittest import mock

import keras
import tensorflow as tf

from apps.common import recurrent
from apps.common.config import TrainingConfig
from apps.task import Task
from benchmarks.cases.contenders import TOLERANCE, disagreement, synchronous
from benchmarks.measure.timing import Call

# The GRU has our equation.
KERAS_LAYERS = {
    "vanilla": keras.layers.SimpleRNN,
    "gru": partial(keras.layers.GRU, reset_after=False),
    "lstm": keras.layers.LSTM,
}


@contextmanager
def keras_layers(layers=KERAS_LAYERS) -> Iterator[None]:
    """The models of the applications are built with the recurrent layers of `keras.layers`."""
    with (
        mock.patch.dict(recurrent.LAYERS, layers),
        mock.patch.object(recurrent, "Bidirectional", keras.layers.Bidirectional),
    ):
        yield


def equal_models(
    task: Task, config: TrainingConfig, data, inputs, variants: Iterable = [""]
) -> dict[tuple[str, Any], keras.Model]:
    """The model of an application with our and with Keras's recurrent layers, and equal weights.

    Args:
        task: the application.
        config: the configuration.
        data: the data.
        inputs: a batch.
        variants: a model of each side for each of these.

    Returns:
        The models by side ("ours", "Keras") and variant.

    Raises:
        ValueError: the logits of two models differ.
    """
    models, weights, expected = {}, None, None
    for side in "ours", "Keras":
        for variant in variants:
            with keras_layers() if side == "Keras" else nullcontext():
                model = models[side, variant] = task.build(config, data)
            weights = weights or model.get_weights()
            model.set_weights(weights)
            logits = model(inputs, training=False)
            expected = logits if expected is None else expected
            if (difference := disagreement([logits], [expected])) > TOLERANCE:
                raise ValueError(f"{side}'s logits differ by {difference:.1e} (relative)")
    return models


def sample_epoch(epoch: tf.data.Dataset, count: int) -> list:
    """`count` batches, arrays, from the shortest to the longest, to represent the whole epoch."""
    batches = sorted(
        epoch.as_numpy_iterator(),
        key=lambda batch: sum(ids.shape[1] for ids in keras.tree.flatten(batch)),
    )
    return [batches[int((i + 0.5) * len(batches) / count)] for i in range(count)]


def steps(model: keras.Model, batches: list) -> Call:
    """A training step on each batch, as `Model.fit` runs it."""

    def call():
        for batch in batches:
            model.train_on_batch(*batch)

    return synchronous(call)
