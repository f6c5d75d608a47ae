"""The baselines on the same windows: persistence, drift, seasonal naive, ridge regression."""

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import Ridge

from apps.stock.config import StockConfig
from apps.stock.metrics import Forecasts
from apps.stock.scaling import Scaling

PERSISTENCE = "persistence"
LINEAR = "linear (ridge)"
PENALTIES = np.logspace(-4, 1, 6)  # per window

Windows = tuple[np.ndarray, np.ndarray]
"""Raw windows `(n, lookback, columns)` and their futures `(n, horizon, targets)`."""


def baselines(
    config: StockConfig,
    season: int,
    scaling: Scaling,
    train: Windows,
    validation: Windows,
) -> dict[str, Callable[[np.ndarray], Forecasts]]:
    """By name, functions from raw windows to forecasts.

    Persistence repeats the last value; drift continues the line from the first to the last value of
    the window; the seasonal naive one repeats the last season (left out if there is no season or
    the window is shorter); the linear one is a ridge regression of the future on the whole window,
    in the network's units, with the penalty of the lowest validation error. The quantiles of each
    are its point forecast plus the quantiles of its own training errors, in the network's units,
    step by step. All are at least the minimum of the scaling.

    Args:
        config: the configuration.
        season: rows of a season.
        scaling: the scaling of the model.
        train: windows to fit and to measure errors on.
        validation: windows to choose the penalty on.
    """
    targets, horizon = train[1].shape[2], config.horizon
    ahead = np.arange(1, horizon + 1)[None, :, None]

    def persistence(window):
        return np.repeat(window[:, -1:, :targets], horizon, axis=1)

    def drift(window):
        first, last = window[:, :1, :targets], window[:, -1:, :targets]
        return last + ahead * (last - first) / (config.lookback - 1)

    def seasonal(window):
        return window[:, config.lookback - season + np.arange(horizon) % season, :targets]

    points = {PERSISTENCE: persistence, "drift": drift}
    if 1 < season <= config.lookback:
        points[f"seasonal naive ({season})"] = seasonal
    points[LINEAR] = _ridge(scaling, train, validation)
    points = {name: _clip(point, scaling) for name, point in points.items()}
    return {
        name: _with_quantiles(point, scaling, train, config.levels)
        for name, point in points.items()
    }


def _clip(point, scaling):
    return lambda window: _numpy(scaling.clip(point(window)))


def _with_quantiles(point, scaling, train, levels):
    window, future = train
    errors = _numpy(scaling.scale(window, future)) - _numpy(scaling.scale(window, point(window)))
    spread = np.moveaxis(np.quantile(errors, levels, axis=0), 0, -1)

    def forecast(window):
        values = point(window)
        z = _numpy(scaling.scale(window, values))[..., None] + spread.astype("float32")
        return Forecasts(values, _numpy(scaling.unscale(window, z)))

    return forecast


def _ridge(scaling: Scaling, train: Windows, validation: Windows):
    """Regresses each column on its own past if all are forecast, else on all columns."""
    targets, horizon = train[1].shape[2], train[1].shape[1]
    own = train[0].shape[2] == targets

    def inputs(window):
        x = _numpy(scaling(window))
        # Normal equations of hundreds of columns need float64.
        return (_fold(x) if own else x.reshape(len(x), -1)).astype("float64")

    def future(windows):
        return _fold(_numpy(scaling.scale(*windows)))

    def unfold(z):
        return np.moveaxis(z.reshape(-1, targets, horizon), 1, 2)

    x, z = inputs(train[0]), future(train)
    x_validation, z_validation = inputs(validation[0]), future(validation)
    models = [Ridge(penalty * len(x), solver="cholesky").fit(x, z) for penalty in PENALTIES]
    errors = [np.square(m.predict(x_validation) - z_validation).mean() for m in models]
    best = models[int(np.argmin(errors))]

    def point(window):
        z = unfold(best.predict(inputs(window)).reshape(-1, horizon)).astype("float32")
        return _numpy(scaling.unscale(window, z))

    return point


def _fold(values):
    """`(n, time, columns)` to `(n * columns, time)`."""
    return np.moveaxis(values, 2, 1).reshape(-1, values.shape[1])


def _numpy(tensor) -> np.ndarray:
    return np.asarray(tensor)
