"""Metrics of forecasts by step, and tests of whether a difference is significant."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, eq=False)
class Truth:
    """The actual values of the windows of a backtest.

    Attributes:
        actual: `(windows, horizon, targets)`.
        recent: the last known rows, `(windows, recent, targets)`.
        naive: mean absolute change from row to row within the look-back, `(windows, targets)`: the
            unit of MASE.
        unit: `(targets,)`: the divisor of errors in MAE, RMSE and the pinball loss.
        times: the origin of each forecast, `(windows,)`, int; forecasts of different series may
            have the same origin.
    """

    actual: np.ndarray
    recent: np.ndarray
    naive: np.ndarray
    unit: np.ndarray
    times: np.ndarray


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Forecasts of a model: `point` `(windows, horizon, targets)`, `quantiles` `(..., levels)`."""

    point: np.ndarray
    quantiles: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """A test of equal accuracy: the statistic, negative if the model is better, and its p."""

    statistic: float
    p: float


def per_step(forecasts: Forecasts, truth: Truth, levels: tuple[float, ...]) -> dict:
    """Every metric at every step of the horizon.

    MASE is the absolute error over `truth.naive` (Hyndman & Koehler 2006), where the sample that
    scales each forecast is its own look-back: so all decades and tickers have the same weight.

    Args:
        forecasts: the forecasts of one model.
        truth: the actual values.
        levels: the quantile levels.

    Returns:
        Lists with a float per step: `mae`, `rmse`, `mase`; `direction`, the share of forecast
        changes with the right sign, with its 95 % interval `direction_low`, `direction_high`, NaN
        where no change was forecast; `rises`, the share of rising changes, the score of always
        forecasting a rise; and for several levels the `pinball` loss, the mean over levels, and
        the `coverage` of the interval between the outer ones.
    """
    error = forecasts.point - truth.actual
    scaled = error / truth.unit
    measures = {
        "mae": np.abs(scaled).mean(axis=(0, 2)),
        "rmse": np.sqrt(np.square(scaled).mean(axis=(0, 2))),
        "mase": scaled_errors(forecasts.point, truth).mean(axis=0),
    }
    changes = truth.actual - truth.recent[:, -1:]
    measures["rises"] = (changes > 0).sum(axis=(0, 2)) / np.maximum(1, (changes != 0).sum((0, 2)))
    directions = [_direction(forecasts.point, truth, step) for step in range(error.shape[1])]
    for name, values in zip(("direction", "direction_low", "direction_high"), zip(*directions)):
        measures[name] = np.array(values)
    if len(levels) > 1:
        q = forecasts.quantiles
        below = (truth.actual[..., None] - q) / truth.unit[:, None]
        pinball = np.maximum(np.array(levels) * below, (np.array(levels) - 1) * below)
        inside = (q[..., 0] <= truth.actual) & (truth.actual <= q[..., -1])
        measures["pinball"] = pinball.mean(axis=(0, 2, 3))
        measures["coverage"] = inside.mean(axis=(0, 2))
    return {name: values.tolist() for name, values in measures.items()}


def scaled_errors(point: np.ndarray, truth: Truth) -> np.ndarray:
    """Absolute errors over `truth.naive`, `(windows, horizon)`, mean over the targets.

    A window without any change has no scale; the mean scale of all windows replaces it.
    """
    naive = np.where(truth.naive > 0, truth.naive, truth.naive.mean(axis=0))
    return (np.abs(point - truth.actual) / naive[:, None]).mean(axis=2)


def _direction(point, truth, step):
    """The share of right signs at a step, and its 95 % Wilson interval.

    Forecasts with overlapping horizons are not independent, nor are those of many series on one
    date, so the number of trials is that of the separate spans of time.
    """
    last = truth.recent[:, -1]
    forecast, actual = np.sign(point[:, step] - last), np.sign(truth.actual[:, step] - last)
    counted = (forecast != 0) & (actual != 0)
    trials = len(np.unique(truth.times[counted.any(axis=1)])) // (step + 1)
    if trials == 0:
        return math.nan, math.nan, math.nan
    right = float((forecast == actual)[counted].mean())
    interval = stats.binomtest(round(right * trials), trials).proportion_ci(method="wilson")
    return right, float(interval.low), float(interval.high)


def diebold_mariano(
    loss: np.ndarray, other: np.ndarray, times: np.ndarray, horizon: int
) -> Comparison:
    """Tests whether the losses of two models differ significantly (two-sided).

    The variance of the mean difference allows for autocorrelation (Newey & West 1987, Bartlett
    weights), as forecasts of overlapping horizons have; the statistic is corrected for small
    samples and compared with Student's t (Harvey, Leybourne & Newbold 1997).

    Args:
        loss, other: losses of each forecast, `(windows,)`.
        times: the origin of each forecast; the difference is averaged over equal origins.
        horizon: number of steps of a forecast.

    Reference: Diebold & Mariano, *Comparing Predictive Accuracy*, 1995.
    """
    _, when = np.unique(times, return_inverse=True)
    d = np.bincount(when, loss - other) / np.bincount(when)
    n = len(d)
    if n <= horizon + 1 or np.ptp(d) == 0:
        return Comparison(0.0, 1.0)
    centred = d - d.mean()
    lags = min(max(horizon - 1, int(4 * (n / 100) ** (2 / 9))), n - 1)
    autocovariance = [centred[k:] @ centred[: n - k] / n for k in range(lags + 1)]
    weights = [1.0, *(2 * (1 - k / (lags + 1)) for k in range(1, lags + 1))]
    variance = float(np.dot(weights, autocovariance)) / n
    correction = max(n + 1 - 2 * horizon + horizon * (horizon - 1) / n, 0.0) / n
    statistic = float(d.mean() / math.sqrt(variance) * math.sqrt(correction))
    return Comparison(statistic, float(2 * stats.t.sf(abs(statistic), n - 1)))


def nearest_lag(forecasts: Forecasts, truth: Truth) -> int:
    """The lag of one-step forecasts behind the actual values: 0 is none, 1 copies the last value.

    The lag at which the mean absolute difference from the series is smallest.
    """
    series = np.concatenate([truth.recent, truth.actual[:, :1]], axis=1)[:, ::-1]
    distance = np.abs(series - forecasts.point[:, :1]) / truth.unit
    return int(distance.mean(axis=(0, 2)).argmin())
