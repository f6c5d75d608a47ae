"""The normalisation inside the model: between raw values and network units."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import ops

from apps.stock.config import StockConfig

# In standard deviations of the training rows: limits the amplification of windows with almost
# no change.
SMALLEST_UNIT = 0.05
LOWEST = float(np.finfo("float32").min)


@keras.saving.register_keras_serializable(package="rnn_keras")
class Scaling(keras.layers.Layer):
    r"""Scales raw windows for the network, and forecasts between raw values and network units.

    A target $y$ becomes $z = (g(y) - c) / u$, where by `kind`

    - `returns`: $g = \log$, $c$ is the logarithm of the last value and $u_h = \sigma \sqrt h$ at
      step $h$, with $\sigma$ the root mean square of the window's own log returns: the scale on
      which a random walk of this volatility has variance 1 at every step;
    - `window`: $g$ is the identity and $u$ the standard deviation of the window;
    - `train`: $g$ is the identity and $u$ the standard deviation of the training rows.

    Raw values from `unscale` are at least `minimum`.

    In the last two, $c$ is the last value if `residual`, else the mean of the window or of the
    training rows. The network reads log returns over their deviation in the training rows
    (`returns`, one row less than the window has), or $(x - c) / u$.

    Args:
        kind: one of the three.
        residual: whether to forecast the change from the last value.
        targets: number of columns to forecast; they come first.
        statistics: of the training rows, `apps.stock.data.statistics`.
        minimum: by target, the lowest value of a forecast, in the units of the data; None for a
            target without a limit, or for all.

    Call arguments:
        window: raw values `(batch, lookback, columns)`.
    """

    def __init__(
        self,
        kind: str,
        residual: bool,
        targets: int,
        statistics: Mapping[str, Sequence[float]],
        minimum: Sequence[float | None] | None = None,
        **options,
    ):
        super().__init__(**{"dtype": "float32", **options})  # float16 cannot hold a price
        self.kind, self.residual, self.targets = kind, residual, targets
        self.statistics = {name: list(values) for name, values in statistics.items()}
        self.minimum = list(minimum or [None] * targets)

    @classmethod
    def of(
        cls, config: StockConfig, targets: int, statistics: Mapping, minimum: Sequence | None = None
    ) -> "Scaling":
        """The scaling of `config`."""
        return cls(config.scaling, config.residual, targets, statistics, minimum, name="scaling")

    def call(self, window):
        if self.kind == "returns":
            return self._changes(window) / self._statistic("change", window)
        centre, unit = self._frame(window)
        return (window - centre) / unit

    def scale(self, window, values):
        """Raw values `(batch, horizon, targets)` after `window`, in network units."""
        centre, unit = self._target_frame(window, values.shape[1])
        return (self._g(ops.cast(values, self.compute_dtype)) - centre) / unit

    def unscale(self, window, z):
        """Inverse of `scale`, also for a last axis of quantiles, `(batch, horizon, targets, n)`.

        The order of quantiles is kept. Values below the minimum become the minimum.
        """
        centre, unit = self._target_frame(window, z.shape[1])
        if len(z.shape) == 4:
            centre, unit = ops.expand_dims(centre, -1), ops.expand_dims(unit, -1)
        y = centre + unit * z
        return self.clip(ops.exp(y) if self.kind == "returns" else y)

    def clip(self, values):
        """Raw values of the targets, `(batch, horizon, targets, ...)`, not below the minimum."""
        if all(value is None for value in self.minimum):
            return values
        # Finite, because LiteRT's comparisons with minus infinity differ.
        lowest = np.array([LOWEST if value is None else value for value in self.minimum], "float32")
        return ops.maximum(values, lowest.reshape((1, 1, -1) + (1,) * (len(values.shape) - 3)))

    def get_config(self):
        return {
            **super().get_config(),
            "kind": self.kind,
            "residual": self.residual,
            "targets": self.targets,
            "statistics": self.statistics,
            "minimum": self.minimum,
        }

    def _target_frame(self, window, horizon):
        """`c` and `u` of the targets, `(batch, 1 or horizon, targets)`."""
        window = window[:, :, : self.targets]
        if self.kind != "returns":
            return self._frame(window)
        centre = self._g(window[:, -1:])
        squares = ops.mean(ops.square(self._changes(window)), axis=1, keepdims=True)
        smallest = SMALLEST_UNIT * self._statistic("change", window)
        volatility = ops.maximum(ops.sqrt(squares), smallest)
        root = np.sqrt(np.arange(1, horizon + 1, dtype="float32")).reshape(1, -1, 1)
        return centre, volatility * root

    def _frame(self, window):
        """`c` and `u` of the columns of `window`, the first ones, `(batch or 1, 1, columns)`."""
        std = self._statistic("std", window)
        if self.kind == "train":
            centre = window[:, -1:] if self.residual else self._statistic("mean", window)
            return centre, std
        mean = ops.mean(window, axis=1, keepdims=True)
        own = ops.sqrt(ops.mean(ops.square(window - mean), axis=1, keepdims=True))
        return window[:, -1:] if self.residual else mean, ops.maximum(own, SMALLEST_UNIT * std)

    def _changes(self, window):
        log = self._g(window)
        return log[:, 1:] - log[:, :-1]

    def _g(self, values):
        """The logarithm, of at least the floor; or the values themselves."""
        if self.kind != "returns":
            return values
        return ops.log(ops.maximum(values, self._statistic("floor", values)))

    def _statistic(self, name, values):
        """A statistic of the columns of `values`, which are the first ones, `(1, 1, columns)`."""
        columns = self.statistics[name][: values.shape[-1]]
        return np.asarray(columns, "float32").reshape(1, 1, -1)
