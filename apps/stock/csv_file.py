"""Reads a CSV file as text: its delimiter, its header, and the line of each row."""

import csv
import lzma
import re
import warnings
import zlib
from pathlib import Path

import pandas as pd

from apps.common.errors import InputError
from apps.stock.dates import is_date
from apps.stock.numerals import is_number

DELIMITERS = {"tab": "\t"}  # others are written as they are
BLANKS = ["-", "--", ".", "?", "nil"]  # in addition to those of pandas
ALIASES = {
    "close_last": "close",  # Nasdaq
    "price": "close",  # Investing.com
    "vol": "volume",  # Stooq, Investing.com
    "adjclose": "adj_close",
    "adjusted_close": "adj_close",
}
HEAD = 50  # lines that the delimiter and the header are inferred from
_TEXT = {"encoding": "utf-8-sig", "dtype": "str", "skip_blank_lines": False}


def read_csv(path: Path, delimiter: str = "auto") -> tuple[pd.DataFrame, str]:
    """The cells as text, NaN where blank; the index is the line in the file.

    A first row of numbers, dates and cells repeated below is data; the columns are then called
    `column1`, `column2`, ...

    Args:
        path: `.csv` or `.txt`, also compressed.
        delimiter: between the cells, `tab` for a tabulator; `auto` infers it.

    Returns:
        The cells, and the delimiter.

    Raises:
        InputError: it cannot be read; the message names the line.
    """
    try:
        lines = _first_lines(path)
        delimiter = _sniff(lines) if delimiter == "auto" else DELIMITERS.get(delimiter, delimiter)
        rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
        above = next((i for i, row in enumerate(rows) if any(row)), 0)
        rows = rows[above:]
        yfinance = [row[:1] for row in rows[:3]] == [["Price"], ["Ticker"], ["Date"]]
        header = 3 if yfinance else 0 if _is_data(rows) else 1
        names = _names(["Date", *rows[0][1:]] if yfinance else rows[0], header, path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=delimiter,
                header=None,
                names=names,
                skiprows=above + header,
                na_values=BLANKS,
                index_col=False,
                skipinitialspace=True,
                **_TEXT,
            )
    except FileNotFoundError:
        raise InputError(f"{path} not found: give a CSV or Parquet file or 'builtin'") from None
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty: a table of numbers is needed") from None
    except pd.errors.ParserWarning:
        raise InputError(_too_wide(path, delimiter, rows, len(names), above + 1)) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {error.reason} at byte {error.start:,}") from None
    except (OSError, EOFError, ValueError, csv.Error, lzma.LZMAError, zlib.error) as error:
        reason = str(error).strip().splitlines()[0].removeprefix("Error tokenizing data. C error: ")
        raise InputError(f"cannot read {path}: {reason}") from None
    frame.index += above + header + 1
    return frame, delimiter


def infer_delimiter(path: Path) -> str:
    """The delimiter of a file, from its first lines."""
    return _sniff(_first_lines(path))


def column_name(name: object) -> str:
    """The normalised name of a header: `Adj Close` is `adj_close`, `<VOL>` is `volume`."""
    plain = re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_")
    plain = re.sub(r"^\d+_(?=open|high|low|close|adj|volume)", "", plain)  # Alpha Vantage: 1. open
    return ALIASES.get(plain, plain)


def _first_lines(path: Path) -> list[str]:
    # The delimiter occurs in no text, so that each line is one cell.
    unquoted = {"sep": "\x01", "quoting": csv.QUOTE_NONE, "header": None}
    return list(pd.read_csv(path, nrows=HEAD, **unquoted, **_TEXT)[0].fillna(""))


def _sniff(lines: list[str]) -> str:
    """Semicolon, tab or bar if they separate the lines; else the comma, common in numbers."""
    try:
        return csv.Sniffer().sniff("\n".join(lines), delimiters=";\t|").delimiter
    except csv.Error:
        return ","


def _is_data(rows: list[list[str]]) -> bool:
    """Whether the first row is no header: numbers, dates, blanks, and text that is repeated."""
    first, second = (rows + [[]])[:2]
    below = second + [""] * len(first)
    # pandas writes a blank name for an index.
    return bool(first[0].strip()) and all(
        not cell.strip() or is_number(cell) or is_date(cell) or cell == under
        for cell, under in zip(first, below)
    )


def _names(first: list[str], header: int, path: Path) -> list[str]:
    if not header:
        return [f"column{i}" for i in range(1, len(first) + 1)]
    names = [column_name(name) or f"unnamed_{i}" for i, name in enumerate(first)]
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise InputError(f"{path} has two columns called {twice[0]!r}: rename one")
    return names


def _too_wide(path: Path, delimiter: str, rows: list[list[str]], width: int, first: int) -> str:
    at, cells = next(((i, len(row)) for i, row in enumerate(rows) if len(row) > width), (1, width))
    return (
        f"{path}, line {first + at}: {cells} cells, but there are {width} columns; quote numbers "
        f"that hold {delimiter!r}, or choose another --delimiter"
    )
