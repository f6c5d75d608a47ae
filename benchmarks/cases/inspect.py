"""A training step, and `gradient_norms` of the same model."""

import keras
import numpy as np

from benchmarks.cases.layers import Shape
from benchmarks.measure.timing import Call
from rnn_keras import inspect, layers


def inspection_calls(name: str, shape: Shape) -> dict[str, Call]:
    """`Model.train_on_batch` and `gradient_norms` of the last step's loss.

    Args:
        name: a layer.
        shape: the sizes.
    """
    rng = np.random.default_rng(0)
    X = rng.standard_normal(shape[:3], np.float32)
    y = rng.standard_normal((*shape[:2], 1), np.float32)
    layer = getattr(layers, name)(shape.units, return_sequences=True)
    model = keras.Sequential([keras.Input(X.shape[1:]), layer, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    loss = inspect.loss_at(-1, y)
    return {
        "training step": lambda: model.train_on_batch(X, y),
        "gradient_norms": lambda: inspect.gradient_norms(model, X, loss),
    }
