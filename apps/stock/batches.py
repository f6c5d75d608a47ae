"""The batches: windows gathered from the series on demand."""

import numpy as np
import tensorflow as tf

from apps.stock.config import StockConfig
from apps.stock.data import Data
from apps.stock.scaling import Scaling

INITIAL_WINDOWS = 10_000  # evenly spaced windows for initial_quantiles, about


def train(config: StockConfig, data: Data, epoch: int) -> tf.data.Dataset:
    """The training batches of an epoch: raw windows and their futures in network units.

    The windows are shuffled anew in each epoch; an incomplete last batch is dropped.
    """
    starts = data.windows["train"]
    starts = starts[np.random.default_rng((config.seed, epoch)).permutation(len(starts))]
    batch = min(config.batch_size, len(starts))
    scaling = build_scaling(config, data)
    return dataset(config, data, starts, batch, drop_remainder=True).map(
        lambda window, future: (window, scaling.scale(window, future)), tf.data.AUTOTUNE
    )


def validation(config: StockConfig, data: Data) -> tf.data.Dataset:
    """The validation batches of an epoch: all validation windows."""
    scaling = build_scaling(config, data)
    return dataset(config, data, data.windows["validation"], config.batch_size).map(
        lambda window, future: (window, scaling.scale(window, future)), tf.data.AUTOTUNE
    )


def initial_quantiles(config: StockConfig, data: Data) -> list[list[float]] | None:
    """Quantiles of the training windows' futures in network units, `(horizon, levels)`.

    They are pooled over all targets. None for a model with a single output, and for one that does
    not forecast changes.
    """
    if len(config.levels) == 1 or not config.residual:
        return None
    scaling = build_scaling(config, data)
    starts = data.windows["train"]
    starts = starts[:: max(1, len(starts) // INITIAL_WINDOWS)]
    futures = [
        scaling.scale(window, future).numpy()
        for window, future in dataset(config, data, starts, INITIAL_WINDOWS)
    ]
    return np.quantile(np.concatenate(futures), config.levels, axis=(0, 2)).T.tolist()


def dataset(
    config: StockConfig,
    data: Data,
    starts: np.ndarray,
    batch_size: int,
    *,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Raw windows `(batch, lookback, columns)` and futures `(batch, horizon, targets)`, float32.

    The series is held once; a batch gathers its rows by their numbers.

    Args:
        config: the configuration.
        data: the data.
        starts: the first row of each window, in the order wanted.
        batch_size: windows per batch.
        drop_remainder: whether to drop an incomplete last batch.
    """
    values = data.values
    rows = tf.range(config.lookback + config.horizon, dtype=tf.int64)

    def gather(starts):
        windows = tf.gather(values, tf.expand_dims(tf.cast(starts, tf.int64), 1) + rows)
        return (
            windows[:, : config.lookback],
            windows[:, config.lookback :, : data.panel.targets],
        )

    batches = tf.data.Dataset.from_tensor_slices(starts).batch(
        batch_size, drop_remainder=drop_remainder
    )
    return batches.map(gather, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def build_scaling(config: StockConfig, data: Data) -> Scaling:
    """The scaling of these data, without a model."""
    return Scaling.of(config, data.panel.targets, data.statistics)
