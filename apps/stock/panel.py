"""Cleaning: from a table of a file to series that a model can be trained on."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from apps.common.errors import InputError
from apps.stock.config import ALL, StockConfig
from apps.stock.csv_file import column_name
from apps.stock.dates import infer_frequency, seasonality
from apps.stock.share_splits import adjust_share_splits
from apps.stock.table import Table, read_table

PRICES = ("open", "high", "low", "close", "adj_close")  # as `column_name` writes them


@dataclass(frozen=True, eq=False)
class Panel:
    """One or many series, one after the other, each in the order of time.

    Attributes:
        values: float64, `(rows, columns)`, finite.
        blank: boolean, `(rows, columns)`: the cell was blank and holds the value before it.
        dates: `(rows,)`, datetime64; the row number within the series where there are no dates.
        series: `(rows,)`, int: position in `names`.
        names: the series: tickers, or one name for a file without.
        columns: the columns, those to forecast first.
        targets: number of columns to forecast.
        step: from one date to the next; None without dates.
        season: rows of one season.
        notes: the steps of the cleaning, a line each.
    """

    values: np.ndarray
    blank: np.ndarray
    dates: np.ndarray
    series: np.ndarray
    names: tuple[str, ...]
    columns: tuple[str, ...]
    targets: int
    step: pd.DateOffset | None
    season: int
    notes: tuple[str, ...]

    @property
    def holds_prices(self) -> bool:
        """Whether a column to forecast is a price."""
        return are_prices(self.columns[: self.targets])

    @property
    def sha256(self) -> str:
        """A digest of the values and of their order."""
        digest = hashlib.sha256(json.dumps([self.names, self.columns, self.targets]).encode())
        for array in (self.values, self.dates, self.series):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def are_prices(targets: Sequence[str]) -> bool:
    """Whether forecasts of these columns are of prices, by their names.

    Cards, forecasts and charts of prices carry financial cautions.
    """
    return any(name in PRICES for name in targets)


def load_panel(config: StockConfig, columns: Sequence[str] | None = None) -> Panel:
    """Read `config.data` and clean it, see `clean`."""
    return clean(read_table(config.data, config.delimiter, config.decimal), config, columns)


def clean(table: Table, config: StockConfig, columns: Sequence[str] | None = None) -> Panel:
    """The series of a table.

    Rows are sorted by date, equal rows are dropped, blank cells get the value before them, never
    the one after. Anything that cannot be repaired is an error.

    Args:
        table: the table.
        config: the configuration.
        columns: exactly these columns, the targets first, constant ones included, as for a trained
            model; None takes those of `config`.

    Raises:
        InputError: the data cannot be used; the message names the line of the file.
    """
    wanted, targets = _choose_columns(table, config, columns)
    notes = list(table.notes)
    frame = table.numbers[wanted].copy()
    tickers = _choose_tickers(table, config)
    frame.insert(0, "_series", tickers)
    frame.insert(1, "_date", np.arange(len(frame)) if table.dates is None else table.dates)
    frame = frame[frame["_series"].notna()]
    frame = _sort_by_date(frame, table, notes)
    frame = _drop_duplicates(frame, table, notes)
    blank = frame[wanted].isna()
    frame = _fill_blanks(frame, blank, table, notes)
    if columns is None:
        frame = _drop_constants(frame, wanted, targets, table, notes)
    wanted = [name for name in wanted if name in frame]
    if config.scaling == "returns":
        _require_positive(frame, wanted[:targets], table)
        frame = adjust_share_splits(frame, wanted, targets, config, table.source, notes)
    if table.dates is None:
        frame["_date"] = frame.groupby("_series").cumcount()
    names, series = np.unique(frame["_series"].astype(str), return_inverse=True)
    dates = frame["_date"].to_numpy()
    step = infer_frequency(dates[series == np.bincount(series).argmax()])
    _note_gaps(dates, series, frame.index, notes)
    return Panel(
        values=frame[wanted].to_numpy("float64"),
        blank=blank.loc[frame.index, wanted].to_numpy(),
        dates=dates,
        series=series,
        names=tuple(map(str, names)),
        columns=tuple(wanted),
        targets=targets,
        step=step,
        season=config.season or seasonality(step),
        notes=tuple(notes),
    )


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
        raise InputError(f"{table.source} has no ticker {config.ticker!r}; it has: {shown}")
    return table.tickers.where(wanted)


def _sort_by_date(frame: pd.DataFrame, table: Table, notes: list[str]) -> pd.DataFrame:
    ordered = frame.sort_values(["_series", "_date"], kind="stable")
    steps = frame.groupby("_series")["_date"].diff()
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
    frame[columns] = frame.groupby("_series")[columns].ffill()
    leading = frame[columns].isna()
    if leading.any(axis=None):
        line, name = _first(leading)
        frame = frame[~leading.any(axis=1)]
        if frame.empty:
            raise InputError(f"{table.source}, line {line}: {name} is blank in every row")
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


def _drop_constants(
    frame: pd.DataFrame, columns: list[str], targets: int, table: Table, notes: list[str]
) -> pd.DataFrame:
    for name in columns[targets:]:
        if frame[name].nunique() == 1:
            notes.append(f"column {name} left out: it is {frame[name].iloc[0]:g} in every row")
            frame = frame.drop(columns=name)
    distinct = frame.groupby("_series")[columns[:targets]].nunique()
    constant = distinct.index[(distinct < 2).any(axis=1)]
    if len(constant) == len(distinct):
        name = distinct.columns[(distinct < 2).any()][0]
        raise InputError(
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


def _note_gaps(dates: np.ndarray, series: np.ndarray, lines: pd.Index, notes: list[str]) -> None:
    steps = np.diff(dates)
    same = np.diff(series) == 0
    if dates.dtype.kind != "M" or not same.any():
        return
    longest = (steps * same).argmax()
    if steps[longest] > 5 * max(np.median(steps[same]), np.timedelta64(1, "h")):
        notes.append(
            f"longest gap: {pd.Timedelta(steps[longest])} before line {lines[longest + 1]}; "
            "rows are taken as they come"
        )
