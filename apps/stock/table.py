"""Reads a table of numbers, such as daily prices, from CSV files of finance sites and Kaggle."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from apps.common.errors import InputError
from apps.stock.csv_file import column_name, read_csv
from apps.stock.dates import is_date, parse_date_parts, parse_dates
from apps.stock.numerals import PLAIN, decimal_sign, numeric_share, to_numbers

DATE_NAMES = ("date", "datetime", "timestamp", "time", "month", "day", "week", "year", "period")
DATE_PARTS = ("year", "month", "day", "hour", "minute", "second")
TICKER_NAMES = ("ticker", "symbol", "name", "stock", "code", "tic", "asset", "security")


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of a file; every index is the number of the line in the file.

    Attributes:
        source: its name in messages.
        numbers: the numeric columns, float64; a blank cell is NaN.
        dates: the date of each row, or None for a file without.
        tickers: the series that each row belongs to, or None for a file with one.
        notes: unobvious choices in reading the file, a line each.
    """

    source: str
    numbers: pd.DataFrame
    dates: pd.Series | None
    tickers: pd.Series | None
    notes: tuple[str, ...] = ()


def read_table(source: str, delimiter: str = "auto", decimal: str = "auto") -> Table:
    """Read `builtin` or a CSV file as a whole.

    Args:
        source: `builtin`, Google's daily prices of 2004-2008, which come with matplotlib; or a
            path, `.csv` or `.txt`, also `.gz`, `.xz`, `.bz2` or `.zip`; with or without a header,
            dates (in one column or in columns `year`, `month`, ...), a ticker column.
        delimiter: between the cells: `,`, `;`, `tab` or `|`; `auto` infers it.
        decimal: `.` or `,`; `auto` infers it from all cells.

    Raises:
        InputError: it cannot be read, or a cell has the wrong type for its column; the message
            names the line.
    """
    if source == "builtin":
        frame, separator = _builtin(), ","
    else:
        frame, separator = read_csv(Path(source), delimiter)
    return parse_table(frame, source, separator, decimal)


def table_of_frame(frame: pd.DataFrame, source: str) -> Table:
    """The table in a DataFrame; its lines are counted from 1.

    Args:
        frame: with dates in a column or in the index, where there are any.
        source: its name in messages.

    Raises:
        InputError: it has no numbers, or a cell has the wrong type for its column.
    """
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(names=frame.index.name or "date")
    frame = frame.rename(columns=column_name).set_axis(pd.RangeIndex(1, len(frame) + 1))
    return parse_table(frame, source, ",", "auto")


def parse_table(frame: pd.DataFrame, source: str, separator: str, decimal: str) -> Table:
    """The table of cells: of text, or already numbers and dates.

    Args:
        frame: the cells; the columns are named by `column_name`, the index is the line.
        source: the name in messages.
        separator: the delimiter of the file, which helps to infer the decimal sign.
        decimal: `.` or `,`; `auto` infers it from all cells.

    Raises:
        InputError: it has no numbers, or a cell has the wrong type for its column.
    """
    frame = frame.dropna(how="all")
    if frame.empty:
        raise InputError(f"{source} has no rows: a table of numbers is needed")
    notes: list[str] = []
    tickers = _take(frame, _ticker_column(frame))
    dates = _take_dates(frame, source, notes)
    numbers = _numbers(frame, source, separator, decimal, notes)
    return Table(source, numbers, dates, tickers, tuple(notes))


def _builtin() -> pd.DataFrame:
    from matplotlib.cbook import get_sample_data

    prices = np.load(get_sample_data("goog.npz", asfileobj=False))["price_data"]
    return pd.DataFrame(prices, index=pd.RangeIndex(2, 2 + len(prices)))


def _ticker_column(frame: pd.DataFrame) -> str | None:
    found = [name for name in TICKER_NAMES if name in frame and _is_text(_cast(frame[name]))]
    return found[0] if found else None


def _is_text(column: pd.Series) -> bool:
    return not (
        pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column)
    )


def _is_numeric(column: pd.Series) -> bool:
    """Whether most of the text is numbers, or all of it blank."""
    return column.isna().all() or numeric_share(column) >= 0.5


def _cast(column: pd.Series) -> pd.Series:
    """Text as numbers, if all cells are plain ones."""
    if not _is_text(column) or not column.dropna().str.fullmatch(PLAIN).all():
        return column
    return pd.to_numeric(column)


def _take(frame: pd.DataFrame, name: str | None) -> pd.Series | None:
    """Take a column of text out of the frame."""
    if name is None:
        return None
    column = frame.pop(name)
    if isinstance(column.dtype, pd.CategoricalDtype) and not column.hasnans:
        names = column.cat.categories.astype(str).str.strip()
        if names.is_unique:
            return column.cat.rename_categories(names)
    return column.astype(str).str.strip()


def _take_dates(frame: pd.DataFrame, source: str, notes: list[str]) -> pd.Series | None:
    parts = [name for name in DATE_PARTS if name in frame]
    if parts[:2] == ["year", "month"] and "date" not in frame:
        return parse_date_parts(pd.DataFrame({name: frame.pop(name) for name in parts}), source)
    named = [name for name in DATE_NAMES if name in frame and _may_be_dates(_cast(frame[name]))]
    first = frame.columns[0] if len(frame.columns) else None
    if "date" in named and "time" in named:  # Stooq, within the day
        texts = frame.pop("date").astype(str) + " " + frame.pop("time").astype(str)
        return parse_dates(texts, source, notes)
    if named:
        return parse_dates(_cast(frame.pop(named[0])), source, notes)
    texts = [name for name, column in frame.items() if _is_text(column) and not _is_numeric(column)]
    if first in texts:  # perhaps tickers, and then dates
        dated = (name for name in texts if is_date(str(frame[name].iloc[0])))
        return parse_dates(frame.pop(next(dated, first)), source, notes)
    if first == "unnamed_0":  # the row numbers that pandas writes
        frame.pop(first)
    return None


def _may_be_dates(column: pd.Series) -> bool:
    """Text; or numbers in a column called `date` or the like, unless small such as month 3."""
    return not pd.api.types.is_numeric_dtype(column) or bool((column.dropna() > 1500).all())


def _numbers(
    frame: pd.DataFrame, source: str, delimiter: str, decimal: str, notes: list[str]
) -> pd.DataFrame:
    text = {
        name: column for name, column in frame.items() if _is_text(column) and _is_numeric(column)
    }
    if decimal == "auto":
        decimal, note = decimal_sign(text, source, delimiter)
        notes += [note] if note else []
        if decimal == ",":
            notes.append(f"read with the decimal sign ',' and the delimiter {delimiter!r}")
    columns = {}
    for name, column in frame.items():
        if not _is_text(column):
            columns[name] = column.astype("float64")
        elif name in text:
            columns[name] = to_numbers(column, decimal)
            bad = column[column.notna() & columns[name].isna()]
            if len(bad):
                raise InputError(
                    f"{source}, line {bad.index[0]}: {name} is {bad.iloc[0]!r}, not a number with "
                    f"the decimal sign {decimal!r}"
                )
    numbers = pd.DataFrame(columns, index=frame.index)
    if numbers.empty:
        raise InputError(f"{source} has no numeric column")
    infinite = np.argwhere(np.abs(numbers.to_numpy()) > np.finfo("float32").max)
    if len(infinite):
        row, column = infinite[0]
        raise InputError(
            f"{source}, line {numbers.index[row]}: {numbers.columns[column]} is infinite, or too "
            "large for 32 bits"
        )
    return numbers
