"""Reading a table of numbers, such as daily prices: any CSV that finance sites and Kaggle write."""

import csv
import lzma
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from apps.common.errors import InputError
from apps.stock.dates import parse_dates

DATE_NAMES = ("date", "datetime", "timestamp", "time", "month", "day", "week", "year", "period")
TICKER_NAMES = ("ticker", "symbol", "name", "stock", "code", "tic", "asset", "security")
ALIASES = {
    "close_last": "close",  # Nasdaq
    "price": "close",  # Investing.com
    "vol": "volume",  # Stooq, Investing.com
    "adjclose": "adj_close",
    "adjusted_close": "adj_close",
}
BLANKS = ["-", "--", ".", "?", "nil"]  # beside those that pandas knows
_MULTIPLES = {"K": 1e3, "M": 1e6, "B": 1e9}  # Investing.com: 1.23M


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of a file; every index is the number of the line in the file.

    Attributes:
        source: where it came from, for messages.
        numbers: the numeric columns, float64; a blank cell is NaN.
        dates: the date of each row, or None for a file without.
        tickers: the series that each row belongs to, or None for a file with one.
    """

    source: str
    numbers: pd.DataFrame
    dates: pd.Series | None
    tickers: pd.Series | None


def read_table(source: str) -> Table:
    """Read `builtin` or a CSV file.

    Args:
        source: `builtin`, Google's daily prices of 2004-2008, which come with matplotlib; or a
            path, `.csv` or `.txt`, also `.gz`, `.xz`, `.bz2` or `.zip`; comma, semicolon or tab
            between the cells; with or without a header, a date column, a ticker column.

    Raises:
        InputError: it cannot be read, or a cell is not what its column should hold; the message
            names the line.
    """
    frame = _builtin() if source == "builtin" else _read_csv(Path(source))
    frame = frame.dropna(how="all")
    if frame.empty:
        raise InputError(f"{source} has no rows: a table of numbers is needed")
    tickers = _take(frame, _ticker_column(frame))
    dates = _take_dates(frame, source)
    return Table(source, _numbers(frame, source), dates, tickers)


def column_name(name: object) -> str:
    """The name that a header goes by: `Adj Close` is `adj_close`, `<VOL>` is `volume`."""
    plain = re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_")
    plain = re.sub(r"^\d+_(?=open|high|low|close|adj|volume)", "", plain)  # Alpha Vantage: 1. open
    return ALIASES.get(plain, plain)


def _builtin() -> pd.DataFrame:
    from matplotlib.cbook import get_sample_data

    prices = np.load(get_sample_data("goog.npz", asfileobj=False))["price_data"]
    return pd.DataFrame(prices, index=pd.RangeIndex(2, 2 + len(prices)))


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        head = pd.read_csv(path, header=None, sep="\x01", nrows=3, dtype=str, **_TEXT)
        lines = [str(line) for line in head[0]]
        separator = max(",;\t", key=lines[0].count)
        rows = list(csv.reader(lines, delimiter=separator))
        yfinance = [row[0] for row in rows] == ["Price", "Ticker", "Date"]
        header = None if all(_is_number(cell) for cell in rows[0]) else 0
        frame = pd.read_csv(
            path,
            sep=separator,
            header=header,
            skiprows=[1, 2] if yfinance else None,
            na_values=BLANKS,
            index_col=False,
            skip_blank_lines=False,
            low_memory=False,
            **_TEXT,
        )
    except FileNotFoundError:
        raise InputError(f"{path} not found: give a CSV file or 'builtin'") from None
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty: a table of numbers is needed") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {error.reason} at byte {error.start:,}") from None
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        reason = str(error).strip().splitlines()[0].removeprefix("Error tokenizing data. C error: ")
        raise InputError(f"cannot read {path}: {reason}") from None
    if header is None:
        frame.columns = [f"column{i}" for i in range(1, frame.shape[1] + 1)]
    if yfinance:
        frame = frame.rename(columns={"Price": "Date"})
    names = [column_name(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path} has two columns called {twice[0]!r}: rename one")
    frame.columns = names
    frame.index += {None: 1, 0: 4 if yfinance else 2}[header]
    return frame


_TEXT = {"encoding": "utf-8-sig", "skipinitialspace": True}


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _ticker_column(frame: pd.DataFrame) -> str | None:
    found = [name for name in TICKER_NAMES if name in frame and _is_text(frame[name])]
    return found[0] if found else None


def _is_text(column: pd.Series) -> bool:
    return not (
        pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column)
    )


def _take(frame: pd.DataFrame, name: str | None) -> pd.Series | None:
    """Take a column of text out of the frame."""
    return None if name is None else frame.pop(name).astype(str).str.strip()


def _take_dates(frame: pd.DataFrame, source: str) -> pd.Series | None:
    named = [name for name in DATE_NAMES if name in frame and _may_be_dates(frame[name])]
    first = frame.columns[0] if len(frame.columns) else None
    if "date" in named and "time" in named:  # Stooq, within the day
        texts = frame.pop("date").astype(str) + " " + frame.pop("time").astype(str)
        return parse_dates(texts, source)
    if named:
        return parse_dates(frame.pop(named[0]), source)
    if first is not None and _is_text(frame[first]) and _numeric_share(frame[first]) < 0.5:
        return parse_dates(frame.pop(first), source)
    if first == "unnamed_0":  # the row numbers that pandas writes
        frame.pop(first)
    return None


def _may_be_dates(column: pd.Series) -> bool:
    """Text; or a number in a column called `date` or the like that is no count such as month 3."""
    return not pd.api.types.is_numeric_dtype(column) or bool((column.dropna() > 1500).all())


def _numeric_share(column: pd.Series) -> float:
    return float(_to_numbers(column).notna().sum() / max(1, column.notna().sum()))


def _to_numbers(column: pd.Series) -> pd.Series:
    """Text such as `1,657,300`, `$12.5`, `3 %` or `1.2M` as numbers, NaN where it is none."""
    text = column.astype(str).str.replace(r"[,$%\s]", "", regex=True)
    unit = text.str[-1:].str.upper().map(_MULTIPLES)
    digits = text.where(unit.isna(), text.str[:-1])
    return pd.to_numeric(digits, errors="coerce") * unit.fillna(1.0)


def _numbers(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    columns = {}
    for name, column in frame.items():
        if not _is_text(column):
            columns[name] = column.astype("float64")
        elif column.notna().any() and _numeric_share(column) >= 0.5:
            columns[name] = _to_numbers(column)
            bad = column[column.notna() & columns[name].isna()]
            if len(bad):
                raise InputError(
                    f"{source}, line {bad.index[0]}: {name} is {bad.iloc[0]!r}, not a number"
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
