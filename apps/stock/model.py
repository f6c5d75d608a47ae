"""The forecaster: raw window, scaling, recurrent network, quantiles in raw units."""

from collections.abc import Mapping

import keras
import tensorflow as tf
from keras import ops

from apps.common.errors import InputError
from apps.common.run import Run
from apps.common.trained import load_best
from apps.stock.config import StockConfig
from apps.stock.decoders import Autoregressive, Direct, MonotonicQuantiles, Segments
from apps.stock.scaling import Scaling
from apps.task import Trained


def build(
    config: StockConfig,
    columns: int,
    targets: int,
    statistics: Mapping,
    initial_quantiles: list[list[float]] | None = None,
    dtype: str | None = None,
    minimum: list[float | None] | None = None,
) -> keras.Model:
    """The model that is trained, from raw windows to quantiles in network units.

    Args:
        config: the configuration.
        columns: number of columns of a window; those to forecast come first.
        targets: number of columns to forecast.
        statistics: of the training rows (`apps.stock.data.statistics`).
        initial_quantiles: of the training windows' changes, see `batches.initial_quantiles`.
        dtype: precision of the network; None is the policy that `environment.prepare` set. Raw
            values are float32 in any case.
        minimum: lower bounds of the forecasts (`apps.stock.data.minimum`); None for no limit.

    Returns:
        A model from `(batch, lookback, columns)`, raw values, to `(batch, horizon, targets,
        len(config.levels))`, in the units of its layer `scaling`.
    """
    window = keras.Input((config.lookback, columns), name="window")
    x = Scaling.of(config, targets, statistics, minimum)(window)
    outputs = _network(config, targets, dtype)(x)
    quantiles = MonotonicQuantiles(config.point, initial_quantiles, name="quantiles")(outputs)
    return keras.Model(window, quantiles, name="stock")


class Pinball(keras.losses.Loss):
    r"""The pinball loss, $\max(\tau (y - q), (\tau - 1)(y - q))$, mean over everything.

    The expected loss is lowest where `q` is the `τ`-quantile of `y`; at 0.5 it is half the
    absolute error.

    Args:
        levels: the `τ` of each output.
    """

    def __init__(self, levels, **options):
        super().__init__(**options)
        self.levels = tuple(levels)

    def call(self, y_true, y_pred):
        error = ops.expand_dims(y_true, -1) - y_pred
        levels = ops.convert_to_tensor(self.levels, y_pred.dtype)
        return ops.mean(ops.maximum(levels * error, (levels - 1) * error), axis=-1)


class MeanSquared(keras.losses.Loss):
    """The squared error of the single output, which estimates the mean."""

    def call(self, y_true, y_pred):
        return ops.square(ops.expand_dims(y_true, -1) - y_pred)[..., 0]


def build_loss(config: StockConfig) -> keras.losses.Loss:
    """The loss of `config.loss`."""
    return Pinball(config.levels) if config.loss == "pinball" else MeanSquared()


class ForecasterGraph:
    """A trained model as the function that is exported: raw window to raw quantiles.

    Attributes:
        trained: the model.
        forecast: a `tf.function` from `window`, `(batch, lookback, columns)` float32, to
            `{"quantiles": (batch, horizon, n)}`, rising along the last axis, in the units of the
            data; `(batch, horizon, targets, n)` if there are several targets.
        minimum: by target, the lower bound of its forecasts; None for no limit.
    """

    def __init__(self, config: StockConfig, trained: keras.Model):
        self.trained = trained
        self._scaling = trained.get_layer("scaling")
        self.minimum = self._scaling.minimum
        columns = trained.input_shape[-1]
        spec = tf.TensorSpec([None, config.lookback, columns], tf.float32, "window")
        self.forecast = tf.function(self._forecast, input_signature=[spec], autograph=False)

    def network(self) -> keras.Model:
        """`forecast` as a functional model."""
        window = keras.Input(self.trained.input_shape[1:], name="window")
        return keras.Model(window, self._forecast(window), name="stock")

    def _forecast(self, window):
        z = self.trained(window, training=False)
        quantiles = self._scaling.unscale(window, z)
        if self._scaling.targets == 1:
            quantiles = ops.squeeze(quantiles, 2)
        return {"quantiles": quantiles}


def load(run: Run) -> Trained:
    """A run; the model computes in float32.

    Raises:
        InputError: a file is damaged, or they do not fit together.
    """
    config, trained = run.read_config(StockConfig), load_best(run)
    wanted = config.lookback, config.horizon, len(config.levels)
    found = trained.input_shape[1], trained.output_shape[1], trained.output_shape[-1]
    if wanted != found:
        raise InputError(f"{run.config_file} is not of the model in {run.best}: {wanted} {found}")
    return Trained(run, config, _in_float32(config, trained))


def _in_float32(config: StockConfig, trained: keras.Model) -> keras.Model:
    if config.dtype_policy == "float32":
        return trained
    scaling, quantiles = trained.get_layer("scaling"), trained.get_layer("quantiles")
    columns = trained.input_shape[-1]
    model = build(
        config,
        columns,
        scaling.targets,
        scaling.statistics,
        quantiles.initial_quantiles,
        "float32",
        scaling.minimum,
    )
    model.set_weights(trained.get_weights())
    return model


def _network(config: StockConfig, targets: int, dtype: str | None) -> keras.layers.Layer:
    outputs = len(config.levels)
    if config.model == "segment":
        return Segments(
            config.segment,
            config.units,
            config.dropout,
            config.horizon,
            outputs,
            config.column_embedding,
            config.linear_penalty,
            name="network",
            dtype=dtype,
        )
    options = dict(
        cell=config.cell,
        layers=config.layers,
        units=config.units,
        dropout=config.dropout,
        horizon=config.horizon,
        targets=targets,
        outputs=outputs,
        name="network",
        dtype=dtype,
    )
    if config.model == "autoregressive":
        return Autoregressive(point=config.point, **options)
    return Direct(**options)
