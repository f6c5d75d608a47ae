"""Unadjusted stock splits: a fall by half overnight that is no change in value."""

import numpy as np
import pandas as pd

from apps.common.errors import InputError
from apps.stock.config import StockConfig

RATIOS = (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 50, 100)
NOT_PRICES = ("volume", "openint")  # they double and halve every day
DAY_MOVE = 0.03  # price change, in logarithms, allowed on the day of the split


def adjust_share_splits(
    frame: pd.DataFrame,
    columns: list[str],
    targets: int,
    config: StockConfig,
    source: str,
    notes: list[str],
) -> pd.DataFrame:
    """Refuse, adjust or keep jumps of a target by a whole ratio.

    Args:
        frame: positive prices; the index is the line in the file, `_series` the series of each row.
        columns: its columns of numbers, the targets first.
        targets: number of targets.
        config: its `stock_splits` selects the action.
        source: for messages.
        notes: a note per adjustment is added here.

    Returns:
        The frame; with `adjust`, the rows before a jump are divided by the ratio in every column
        that jumps there too.

    Raises:
        InputError: there is a jump, and `stock_splits` is `refuse`.
    """
    if config.stock_splits == "keep":
        return frame
    frame = frame.copy()
    prices = [name for name in columns if name not in NOT_PRICES]
    for name in [name for name in columns[:targets] if name in prices]:
        jumps = split_ratios(frame[name], frame["_series"])
        for line, ratio in jumps.items():
            terms = f"{ratio:g}:1" if ratio > 1 else f"1:{1 / ratio:g}"
            if config.stock_splits == "refuse":
                at = frame.index.get_loc(line)
                raise InputError(
                    f"{source}, line {line}: {name} goes from {frame[name].iloc[at - 1]:g} to "
                    f"{frame[name].iloc[at]:g} at once, like an unadjusted {terms} split; take an "
                    "adjusted column, or --stock-splits adjust (or keep)"
                )
            notes.append(f"prices before line {line} adjusted for a {terms} split")
        for column in prices:
            own = split_ratios(frame[column], frame["_series"])
            for line, ratio in jumps.items():
                if own.get(line) == ratio:
                    at = frame.index.get_loc(line)
                    before = np.arange(len(frame)) < at
                    same = (frame["_series"] == frame["_series"].iloc[at]).to_numpy()
                    frame[column] = frame[column].where(~(before & same), frame[column] / ratio)
    return frame


def split_ratios(prices: pd.Series, series: pd.Series) -> dict[int, float]:
    """Jumps that look like splits: the ratio by line; 2.0 is a fall by half, 0.5 a doubling."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(prices.to_numpy())
    change = np.append(0.0, np.diff(log))
    change[np.append(True, series.to_numpy()[1:] != series.to_numpy()[:-1])] = 0.0
    found = {}
    for at in np.flatnonzero(np.abs(change) > np.log(2) - DAY_MOVE):
        distance, ratio = min(
            (abs(abs(change[at]) - np.log(ratio)), float(ratio)) for ratio in RATIOS
        )
        if distance < DAY_MOVE:
            found[prices.index[at]] = ratio if change[at] < 0 else 1 / ratio
    return found
