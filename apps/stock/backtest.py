"""The walk-forward backtest: forecasts from every origin of the test part, by every model."""

import numpy as np

from apps.stock import batches
from apps.stock.baselines import baselines
from apps.stock.config import StockConfig
from apps.stock.data import Data
from apps.stock.metrics import Forecasts, Truth
from apps.stock.model import ForecasterGraph
from apps.stock.scaling import Scaling

RECENT = 5  # known rows that a forecast is compared with, to detect lagged copies
FITTING = 20_000  # training windows that the baselines are fitted to, evenly spaced
BATCH = 512


def backtest(
    config: StockConfig, data: Data, forecaster: ForecasterGraph
) -> tuple[dict[str, Forecasts], Truth]:
    """Forecasts of the model and of the baselines on all test windows.

    The origin moves forward row by row; each forecast uses the rows of its window only. No model
    is refitted on the way.

    Args:
        config: the configuration.
        data: the data.
        forecaster: the trained model.

    Returns:
        The forecasts by name, the model's first, as `model_name`; and the actual values.
    """
    starts = data.windows["test"]
    window, actual = arrays(config, data, starts)
    targets = data.panel.targets
    known = window[:, :, :targets]
    truth = Truth(
        actual=actual,
        recent=known[:, -RECENT:],
        naive=np.abs(np.diff(known, axis=1)).mean(axis=1),
        unit=np.array(data.statistics["std"][:targets] if targets > 1 else [1.0]),
        times=data.times[starts + config.lookback - 1],
    )
    others = baselines(
        config,
        data.panel.season,
        # The baselines have the model's minimum; a model of an older run has none.
        Scaling.of(config, targets, data.statistics, forecaster.minimum),
        arrays(config, data, _some(data.windows["train"])),
        arrays(config, data, _some(data.windows["validation"])),
    )
    forecasts = {model_name(config): _forecasts(config, forecaster, window)}
    forecasts |= {name: forecast(window) for name, forecast in others.items()}
    return forecasts, truth


def model_name(config: StockConfig) -> str:
    """The name of the model in tables, such as `gru 2x64, direct`."""
    if config.model == "segment":
        return f"segment gru {config.units}"
    return f"{config.cell} {config.layers}x{config.units}, {config.model}"


def _forecasts(config: StockConfig, forecaster: ForecasterGraph, window: np.ndarray) -> Forecasts:
    pieces = [
        forecaster.forecast(window[first : first + BATCH])["quantiles"].numpy()
        for first in range(0, len(window), BATCH)
    ]
    quantiles = np.concatenate(pieces)
    if quantiles.ndim == 3:
        quantiles = quantiles[:, :, None]
    return Forecasts(quantiles[..., config.point], quantiles)


def arrays(config: StockConfig, data: Data, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The windows that begin at `starts`: `(n, lookback, columns)` and `(n, horizon, targets)`."""
    parts = [
        (window.numpy(), future.numpy())
        for window, future in batches.dataset(config, data, starts, BATCH)
    ]
    return tuple(np.concatenate(pieces) for pieces in zip(*parts))


def _some(starts: np.ndarray) -> np.ndarray:
    if len(starts) <= FITTING:
        return starts
    return starts[np.linspace(0, len(starts) - 1, FITTING).astype(int)]
