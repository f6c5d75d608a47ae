"""Leak alarms: future data in the training, and implausibly good results.

Each check returns a line per problem; none if all is well. The checks read the results (the
statistics inside the trained model, the windows it was trained on), not the code.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from apps.stock.config import StockConfig
from apps.stock.data import Data, statistics
from apps.stock.metrics import Forecasts, Truth, nearest_lag
from apps.stock.panel import Panel

MAX_SHIFT = 5  # rows by which a column may anticipate the target
LEAK_CORRELATION = 0.7  # with a future change; the mere sign of a normal variable has 0.8
MARGIN = 0.2  # by which it must exceed the correlation of the target's own past
IMPLAUSIBLE = 0.56  # share of right signs at one step


def check_data(config: StockConfig, data: Data, scaler: Mapping[str, Sequence[float]]) -> list[str]:
    """All checks of the training data; `scaler` holds the statistics that the model scales with."""
    training = data.times < data.ends[0]
    return [
        *check_scaler(scaler, data.panel, training),
        *check_windows(config, data.windows, data.times),
        *check_columns(data.panel, config.horizon),
        *check_filled(data.panel),
    ]


def check_scaler(
    scaler: Mapping[str, Sequence[float]], panel: Panel, training: np.ndarray
) -> list[str]:
    """Scaler statistics that are not those of the training rows, boolean `(rows,)`, alone."""
    want, everything = statistics(panel, training), statistics(panel, np.ones_like(training))
    for name in want:
        if not np.allclose(scaler[name], want[name], rtol=1e-5):
            of = "all rows" if np.allclose(scaler[name], everything[name], rtol=1e-5) else "others"
            return [f"the scaler was fitted on {of}, not on the training rows: its {name} differs"]
    return []


def check_windows(
    config: StockConfig, windows: Mapping[str, np.ndarray], times: np.ndarray
) -> list[str]:
    """Windows of an earlier part that reach into a later one, as after shuffling.

    Args:
        config: the configuration.
        windows: first rows by part, in the order of the parts.
        times: `(rows,)`, the time of each row.
    """
    alarms = []
    parts = list(windows)
    length = config.lookback + config.horizon
    for early, late in zip(parts[:-1], parts[1:]):
        ends = times[windows[early] + length - 1]
        begin = times[windows[late] + (config.lookback if config.reach_back else 0)].min()
        gap = 0 if config.reach_back else config.horizon
        inside = int((ends + gap >= begin).sum())
        if inside:
            alarms.append(
                f"{inside:,} {early} windows reach into the {late} part or its gap of {gap} rows: "
                "they are not one after the other, as if windows were shuffled before the split"
            )
    return alarms


def check_columns(panel: Panel, horizon: int) -> list[str]:
    """Columns that predict the target's next changes better than the target's own past does.

    Such as tomorrow's price, return or direction, shifted into today's row.
    """
    alarms = []
    values, series = panel.values, panel.series
    change = np.diff(values, axis=0, prepend=values[:1])
    for target in range(panel.targets):
        for ahead in range(1, min(horizon, MAX_SHIFT) + 1):
            rows = np.arange(1, len(values) - ahead)
            rows = rows[series[rows - 1] == series[rows + ahead]]
            future = change[rows + ahead, target]
            own = _correlation(values[rows, target], change[rows, target], future)
            for column in range(len(panel.columns)):
                other = _correlation(values[rows, column], change[rows, column], future)
                if column != target and other > LEAK_CORRELATION and other > own + MARGIN:
                    alarms.append(
                        f"column {panel.columns[column]} predicts the change of "
                        f"{panel.columns[target]} {ahead} rows later (correlation {other:.2f}): "
                        "it holds the target"
                    )
    return alarms


def check_filled(panel: Panel) -> list[str]:
    """Blank cells not filled with the value before them; weekends filled with Monday's."""
    rows = np.where(panel.blank, 0, np.arange(len(panel.blank))[:, None])
    known = np.maximum.accumulate(rows, axis=0)  # for each cell, the last row that was not blank
    wrong = panel.values != np.take_along_axis(panel.values, known, axis=0)
    alarms = []
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        alarms.append(
            f"{wrong.sum()} gaps are filled from the future: {panel.columns[column]} of "
            f"{str(panel.dates[row])[:10]} is not the last known value"
        )
    if panel.dates.dtype.kind != "M":
        return alarms
    # Monday is day 0 of the week, and 1970-01-01 was a Thursday.
    day = (panel.dates.astype("datetime64[D]").astype(int) + 3) % 7
    y, rows = panel.values[:, 0], np.arange(1, len(day) - 1)
    weekend = rows[(day[rows] == 6) & (day[rows + 1] == 0) & (day[rows - 1] == 5)]
    if len(weekend) > 3:
        monday = (y[weekend] == y[weekend + 1]) & (y[weekend - 1] == y[weekend + 1])
        friday = y[np.maximum(weekend - 2, 0)] == y[weekend]
        if (monday & ~friday).mean() > 0.5:
            alarms.append("gaps are filled from the future: weekends hold the values of Monday")
    return alarms


def check_accuracy(measures: Mapping[str, Sequence[float]], prices: bool) -> list[str]:
    """Prices whose next direction is forecast implausibly well.

    That is, in more than 56 % of the rows, and significantly more often than by always naming the
    more frequent direction.

    Args:
        measures: of the model, `metrics.per_step`.
        prices: whether the target is a price; other series may well be predictable.
    """
    right, low = measures["direction"][0], measures["direction_low"][0]
    constant = max(measures["rises"][0], 1 - measures["rises"][0])
    if prices and right > IMPLAUSIBLE and low > constant:
        return [
            f"the direction of the next row is right {right:.1%} of the time: for a traded price "
            f"more than {IMPLAUSIBLE:.0%} is implausible, look for a leak"
        ]
    return []


def is_lagged_copy(forecasts: Forecasts, truth: Truth) -> bool:
    """Whether one-step forecasts are nearer to a known value than to the actual one.

    Their curve then looks like that of the series, one step late: no leak, but no skill.
    """
    return nearest_lag(forecasts, truth) > 0


def _correlation(level: np.ndarray, change: np.ndarray, future: np.ndarray) -> float:
    """The larger absolute correlation with `future`, of values or of their changes."""
    if len(future) < 3 or np.ptp(future) == 0:
        return 0.0
    return max(
        abs(float(np.corrcoef(x, future)[0, 1])) if np.ptp(x) > 0 else 0.0 for x in (level, change)
    )
