"""Cleaning of a block of series: from the table of a file to rows that a model can read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from apps.common.errors import InputError
from apps.stock.config import ALL, StockConfig
from apps.stock.csv_file import column_name
from apps.stock.share_splits import adjust_share_splits
from apps.stock.table import Table


class NothingLeftError(InputError):
    """A block has no row that can be used."""


@dataclass(frozen=True, eq=False)
class Block:
    """Cleaned series.

    Attributes:
        values: `(rows, columns)`, finite.
        blank: boolean, `(rows, columns)`: the cell was blank and holds the value before it.
        dates: `(rows,)`, datetime64; the row number within the series where there are no dates.
        series: int32 `(rows,)`, position in `names`.
        names: the series.
        columns: the columns, those to forecast first.
        targets: number of columns to forecast.
        constants: the values of columns, not to forecast, that are equal in all rows.
        gap: the longest step between two dates, its line, and the median step; None without dates.
        notes: the steps of the cleaning, a line each.
    """

    values: np.ndarray
    blank: np.ndarray
    dates: np.ndarray
    series: np.ndarray
    names: tuple[str, ...]
    columns: tuple[str, ...]
    targets: int
    constants: dict[str, float]
    gap: tuple[np.timedelta64, int, np.timedelta64] | None
    notes: tuple[str, ...]


def clean_block(
    table: Table, config: StockConfig, columns: Sequence[str] | None, dtype: str
) -> Block:
    """The rows of complete series, see `panel.clean`.

    Raises:
        NothingLeftError: all of them are left out.
        InputError: they cannot be used; the message names the line of the file.
    """
    wanted, targets = _choose_columns(table, config, columns)
    notes = list(table.notes)
    frame = table.numbers[wanted].copy()
    frame.insert(0, "_series", _choose_tickers(table, config))
    frame.insert(1, "_date", np.arange(len(frame)) if table.dates is None else table.dates)
    frame = frame[frame["_series"].notna()]
    frame["_series"] = _sorted_categories(frame["_series"])
    if not _is_sorted(frame):  # then no row is there twice, either
        frame = _sort_by_date(frame, table, notes)
        frame = _drop_duplicates(frame, table, notes)
    blank = frame[wanted].isna()
    frame = _fill_blanks(frame, blank, table, notes)
    constants = {}
    if columns is None:
        others = frame[wanted[targets:]]
        constants = {name: x.iloc[0] for name, x in others.items() if x.min() == x.max()}
        frame = _drop_constant_series(frame, wanted[:targets], table, notes)
    if config.scaling == "returns":
        _require_positive(frame, wanted[:targets], table)
        varying = [name for name in wanted if name not in constants]
        frame = adjust_share_splits(frame, varying, targets, config, table.source, notes)
    if table.dates is None:
        frame["_date"] = frame.groupby("_series", observed=True).cumcount()
    series = frame["_series"].cat.remove_unused_categories().cat
    dates, codes = frame["_date"].to_numpy(), series.codes.to_numpy("int32")
    return Block(
        values=frame[wanted].to_numpy(dtype),
        blank=blank.loc[frame.index, wanted].to_numpy(),
        dates=dates,
        series=codes,
        names=tuple(series.categories),
        columns=tuple(wanted),
        targets=targets,
        constants=constants,
        gap=_longest_gap(dates, codes, frame.index),
        notes=tuple(notes),
    )


def _sorted_categories(names: pd.Series) -> pd.Series:
    if not isinstance(names.dtype, pd.CategoricalDtype):
        return names.astype(str).astype("category")
    names = names.cat.remove_unused_categories()
    return names.cat.reorder_categories(sorted(names.cat.categories))


def _is_sorted(frame: pd.DataFrame) -> bool:
    """Whether the rows are in the order of series and time, without two of a time."""
    series, dates = np.diff(frame["_series"].cat.codes), np.diff(frame["_date"].to_numpy())
    return bool(((series > 0) | (series == 0) & (dates > np.zeros(1, dates.dtype))).all())


def _choose_columns(
    table: Table, config: StockConfig, columns: Sequence[str] | None
) -> tuple[list[str], int]:
    """The columns to forecast, then the others; and the number of the first."""
    known = list(table.numbers)
    if columns is None and config.target == ALL:
        return known, len(known)
    wanted = columns or [column_name(name) for name in (config.target, *config.columns)]
    for i, name in enumerate(wanted):
        if name not in known:
            what = "--columns" if i else "--target"
            raise InputError(
                f"{table.source} has no numeric column {name!r} for "
                f"{'the model' if columns else what}; it has: {', '.join(known)}"
            )
    wanted = list(dict.fromkeys(wanted))
    return wanted, len(wanted) if config.target == ALL else 1


def _choose_tickers(table: Table, config: StockConfig) -> pd.Series | str:
    """The series of each row, missing for rows of other tickers."""
    if config.ticker is None and table.tickers is None:
        return Path(table.source).name.partition(".")[0]
    if config.ticker is None:
        return table.tickers
    if table.tickers is None:
        raise InputError(f"{table.source} has no ticker column: leave --ticker out")
    wanted = table.tickers.str.lower() == config.ticker.lower()
    if not wanted.any():
        some = sorted(table.tickers.unique())
        shown = ", ".join(some[:8]) + (f" and {len(some) - 8} more" if len(some) > 8 else "")
        raise NothingLeftError(f"{table.source} has no ticker {config.ticker!r}; it has: {shown}")
    return table.tickers.where(wanted)


def _sort_by_date(frame: pd.DataFrame, table: Table, notes: list[str]) -> pd.DataFrame:
    ordered = frame.sort_values(["_series", "_date"], kind="stable")
    steps = frame.groupby("_series", observed=True)["_date"].diff()
    back = steps < (0 if table.dates is None else pd.Timedelta(0))
    if back.any():
        notes.append(f"rows sorted by date: line {back.idxmax()} is before the line above it")
    return ordered


def _drop_duplicates(frame: pd.DataFrame, table: Table, notes: list[str]) -> pd.DataFrame:
    equal = frame.duplicated()
    if equal.any():
        notes.append(f"{equal.sum()} repeated rows dropped, first: line {equal.idxmax()}")
        frame = frame[~equal]
    keys = ["_series", "_date"]
    clash = frame.duplicated(keys, keep=False)
    if clash.any():
        first = frame[clash].iloc[0]
        lines = frame.index[(frame[keys] == first[keys]).all(axis=1)]
        raise InputError(
            f"{table.source}, lines {lines[0]} and {lines[1]}: two different rows for "
            f"{first['_date']:%Y-%m-%d %H:%M}; keep one, or choose one series with --ticker"
        )
    return frame


def _fill_blanks(
    frame: pd.DataFrame, blank: pd.DataFrame, table: Table, notes: list[str]
) -> pd.DataFrame:
    if not blank.any(axis=None):
        return frame
    columns = list(blank)
    frame = frame.copy()
    frame[columns] = frame.groupby("_series", observed=True)[columns].ffill()
    leading = frame[columns].isna()
    if leading.any(axis=None):
        line, name = _first(leading)
        frame = frame[~leading.any(axis=1)]
        if frame.empty:
            raise NothingLeftError(f"{table.source}, line {line}: {name} is blank in every row")
        notes.append(
            f"{leading.any(axis=1).sum()} rows dropped before the first value of {name}, "
            f"first: line {line}"
        )
    filled = blank.loc[frame.index]
    if filled.any(axis=None):
        line, name = _first(filled)
        notes.append(
            f"{filled.sum().sum()} blank cells got the value before, first: line {line}, {name}"
        )
    return frame


def _first(cells: pd.DataFrame) -> tuple[int, str]:
    """The line and the column of the first True."""
    line = cells.index[cells.any(axis=1)].min()
    return line, str(cells.loc[line].idxmax())


def _drop_constant_series(
    frame: pd.DataFrame, targets: list[str], table: Table, notes: list[str]
) -> pd.DataFrame:
    series = frame.groupby("_series", observed=True)[targets]
    is_constant = series.min() == series.max()
    constant = is_constant.index[is_constant.any(axis=1)]
    if len(constant) == len(is_constant):
        name = is_constant.columns[is_constant.any()][0]
        raise NothingLeftError(
            f"{table.source}, lines {frame.index.min()} to {frame.index.max()}: {name} is "
            f"{frame[name].iloc[0]:g} in every row, there is nothing to forecast"
        )
    if len(constant):
        notes.append(f"{len(constant)} series left out because they never change: {constant[0]}")
        frame = frame[~frame["_series"].isin(constant)]
    return frame


def _require_positive(frame: pd.DataFrame, names: list[str], table: Table) -> None:
    for name in names:
        bad = frame.index[frame[name] <= 0]
        if len(bad):
            raise InputError(
                f"{table.source}, line {bad[0]}: {name} is {frame.loc[bad[0], name]:g}, but "
                "returns need values above 0; train on other data with --scaling window"
            )


def _longest_gap(
    dates: np.ndarray, series: np.ndarray, lines: pd.Index
) -> tuple[np.timedelta64, int, np.timedelta64] | None:
    steps, same = np.diff(dates), np.diff(series) == 0
    if dates.dtype.kind != "M" or not same.any():
        return None
    longest = (steps * same).argmax()
    return steps[longest], lines[longest + 1], np.median(steps[same])
