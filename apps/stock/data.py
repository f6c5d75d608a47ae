"""The data of the forecaster: a panel, its chronological splits, their windows and statistics."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from apps.common.errors import InputError
from apps.common.progress import reports
from apps.stock.config import StockConfig
from apps.stock.panel import Panel, load_panel

SMALLEST = 1e-6  # of the lowest training price, the lower bound of prices
CHUNK = 2**20  # rows that statistics are computed of at a time
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Data:
    """The data for training and evaluation.

    Attributes:
        panel: the series.
        ends: where the training, validation and test times end: positions among all dates, so that
            the splits of many series are at the same date.
        windows: by part, the first row of each window, int32 `(windows,)`, or int64.
        statistics: statistics of the training rows, see `statistics`.
        minimum: by target, the lower bound of its forecasts; None for no limit.
    """

    panel: Panel
    ends: tuple[int, int, int]
    windows: dict[str, np.ndarray]
    statistics: dict[str, list]
    minimum: list[float | None]

    @property
    def times(self) -> np.ndarray:
        """`(rows,)`, the position of each row's date among all dates."""
        return self.panel.times

    @cached_property
    def values(self) -> tf.Tensor:
        """The values of the panel, float32 `(rows, columns)`; all batches are gathered from it."""
        return tf.constant(self.panel.values, tf.float32)

    @property
    def sha256(self) -> str:
        """A digest of the series."""
        return self.panel.sha256


@reports("reading the series")
def load(config: StockConfig) -> Data:
    """Read, clean, split and measure the data.

    Args:
        config: the configuration.

    Raises:
        InputError: the data cannot be used, are too short for one window in each part, or are
            below `config.minimum`.
    """
    panel = load_panel(config)
    ends = _ends(config, len(panel.calendar))
    windows = split_windows(config, panel.series, panel.times, ends)
    training = panel.times < ends[0]
    lowest = minimum(config, panel, training)
    return Data(panel, ends, windows, statistics(panel, training), lowest)


def split_windows(
    config: StockConfig, series: np.ndarray, times: np.ndarray, ends: tuple[int, int, int]
) -> dict[str, np.ndarray]:
    """The first rows of the windows of each part.

    A window is `lookback` rows to read and `horizon` rows to forecast. All rows of a training
    window are before the end of the training times. A validation or test window begins one
    horizon after the end of the part before; with `reach_back`, only its rows to forecast are
    after that end. Training and validation take every `stride`-th window.

    Args:
        config: the configuration.
        series: `(rows,)`, the series of each row.
        times: `(rows,)`, the time of each row, rising within a series.
        ends: where the parts end.

    Raises:
        InputError: a part has no window.
    """
    length = config.lookback + config.horizon
    count = max(0, len(series) - length + 1)
    within = series[:count] == series[length - 1 :]  # the window is of one series
    first = times[config.lookback :][:count] if config.reach_back else times[:count]
    last = times[length - 1 :]
    dtype = "int32" if len(series) < 2**31 else "int64"
    gap = 0 if config.reach_back else config.horizon
    windows = {}
    for part, low, high in zip(PARTS, (0, ends[0] + gap, ends[1] + gap), ends):
        inside = np.flatnonzero(within & (first >= low) & (last < high)).astype(dtype)
        windows[part] = inside if part == "test" else inside[:: config.stride]
        if not len(inside):
            raise InputError(
                f"{config.data} is too short: {len(np.unique(times))} rows leave "
                f"{max(0, high - low)} for the {part} part, and one window needs {length} "
                f"(--lookback {config.lookback} and --horizon {config.horizon})"
            )
    return windows


def statistics(panel: Panel, rows: np.ndarray) -> dict[str, list]:
    """The statistics for the scaling, of the chosen rows only.

    Args:
        panel: the series.
        rows: boolean `(rows,)`: the training rows.

    Returns:
        By name, a float per column: `mean` and `std` of the values; `floor`, the smallest value
        that has a logarithm; `change`, the standard deviation of the change of the logarithm,
        where smaller values count as the floor.
    """
    starts = range(0, len(rows), CHUNK)

    def values():
        for first in starts:
            yield panel.values[first : first + CHUNK][rows[first : first + CHUNK]]

    smallest = np.min(
        [np.where(part > 0, part, np.inf).min(axis=0) for part in values() if len(part)], axis=0
    )
    all_positive = np.all([(part > 0).all(axis=0) for part in values()], axis=0)
    smallest = np.where(np.isfinite(smallest), smallest, 1.0)
    # A price may fall below all training prices; a volume of 0 counts as the smallest one.
    floor = np.where(all_positive, SMALLEST * smallest, smallest)

    def changes():
        for first in starts:
            part = slice(first, first + CHUNK + 1)  # with the first row of the next
            used = rows[part]
            logarithms = np.log(np.maximum(panel.values[part][used], floor))
            yield np.diff(logarithms, axis=0)[np.diff(panel.series[part][used]) == 0]

    mean, std = _mean_and_deviation(values)
    _, change = _mean_and_deviation(changes)
    return {
        "mean": mean.tolist(),
        "std": _positive(std).tolist(),
        "floor": floor.tolist(),
        "change": _positive(change).tolist(),
    }


def _mean_and_deviation(parts: Callable[[], Iterable[np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Of rows in parts, float64 `(columns,)` each."""
    count = sum(map(len, parts()))
    mean = sum(part.sum(axis=0, dtype="float64") for part in parts()) / count
    squares = sum(np.square(part - mean).sum(axis=0) for part in parts())
    return mean, np.sqrt(squares / count)


def minimum(config: StockConfig, panel: Panel, rows: np.ndarray) -> list[float | None]:
    """The lower bound of each target's forecasts; None for no limit.

    With `returns` every forecast is positive already; `auto` adds no limit then.

    Args:
        config: the configuration.
        panel: the series.
        rows: boolean `(rows,)`: the training rows.

    Raises:
        InputError: the training rows have values below `config.minimum`.
    """
    smallest = panel.values[rows, : panel.targets].min(axis=0)
    if config.minimum == "none" or (config.minimum == "auto" and config.scaling == "returns"):
        return [None] * panel.targets
    if config.minimum == "auto":
        return [0.0 if value >= 0 else None for value in smallest]
    below = smallest.argmin()
    config.check(
        config.minimum <= smallest[below],
        "minimum",
        f"at most {smallest[below]:g}, the lowest {panel.columns[below]} of the training rows",
    )
    return [float(config.minimum)] * panel.targets


def minimum_notes(panel: Panel, minimum: list[float | None]) -> list[str]:
    """A line per minimum of the forecasts, with the number of known values below it."""
    notes = []
    for value in sorted({value for value in minimum if value is not None}):
        targets = [i for i, each in enumerate(minimum) if each == value]
        names = ", ".join(panel.columns[i] for i in targets)
        lower = int((panel.values[:, targets] < value).sum())
        but = f", but {lower:,} later values are not" if lower else ""
        notes.append(
            f"forecasts of {names} are at least {value:g}, as are the training rows{but}; "
            "--minimum none removes the limit"
        )
    return notes


def _positive(deviation: np.ndarray) -> np.ndarray:
    """1 instead of 0: a column that is constant in the training rows is not scaled."""
    return np.where(deviation > 0, deviation, 1.0)


def _ends(config: StockConfig, rows: int) -> tuple[int, int, int]:
    if config.split[2] <= 1:
        first, second, third = (int(rows * end) for end in config.split)
    else:
        first, second, third = map(int, config.split)
    if third > rows:
        raise InputError(f"--split ends at row {third:,}, but {config.data} has {rows:,} rows")
    return first, second, third
