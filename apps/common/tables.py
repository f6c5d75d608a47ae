"""Reads tables of texts: CSV, TSV and JSONL files, and the names of their columns."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from apps.common.errors import InputError
from apps.common.sources import read_text

_TABLES = {".csv": ",", ".tsv": "\t", ".jsonl": None, ".ndjson": None}
_SEPARATORS = ",\t;|"  # of a table, found by its header


def is_table(file: Path) -> bool:
    """Whether the name of a file is that of a table."""
    return _kind(file) in _TABLES


def read_table(file: Path, wanted: str) -> tuple[dict[str, list], Callable[[int], str]]:
    """The columns of a table, and where a row is.

    Args:
        file: `.csv` and `.tsv` with a header line, from which the separator (comma, tab, semicolon
            or bar) is inferred; `.jsonl` with an object per line; all UTF-8, also `.gz` or `.xz`.
        wanted: what to give instead of another file.

    Returns:
        The columns by name; those of CSV are strings. A function of the row, counted from 0, gives
        its place in the file, such as "line 7".

    Raises:
        OSError, EOFError, lzma.LZMAError, zlib.error: see `sources.one_line_read_errors`.
        InputError: it is no table.
    """
    kind = _kind(file)
    if kind not in _TABLES:
        raise InputError(f"{file} is not a table; give {wanted}")
    content = read_text(file)
    if not content.strip():
        raise InputError(f"{file} is empty")
    if _TABLES[kind] is None:
        return _parse_json(file, content)
    return _parse_csv(file, content, _separator(content, _TABLES[kind]))


def find_column(
    source: Any, columns: Iterable[str], given: str | None, usual: Sequence[str], flag: str
) -> str:
    """The name of the column to read, in any case.

    Args:
        source: the file, for the message.
        columns: the names of its columns.
        given: the name that was given; None tries the usual ones.
        usual: the usual names.
        flag: the flag that gives it.

    Raises:
        InputError: there is no such column.
    """
    by_lower = {str(name).strip().lower(): name for name in columns}
    wanted = usual if given is None else (given.lower(),)
    found = [by_lower[name] for name in wanted if name in by_lower]
    if not found:
        raise InputError(
            f"{source} has no column {' or '.join(map(repr, wanted))}, it has "
            f"{', '.join(map(repr, columns))}; name the right one with {flag}"
        )
    return found[0]


def _kind(file):
    """`.csv` for `a.csv` and `a.csv.xz`."""
    return (file.with_suffix("") if file.suffix in (".gz", ".xz") else file).suffix.lower()


def _separator(content, usual):
    """The most frequent separator of the header; else the usual one of the kind of file."""
    header = content.lstrip().partition("\n")[0]
    return max(usual + _SEPARATORS, key=header.count)


def _parse_csv(file, content, separator):
    import pandas as pd

    try:
        table = pd.read_csv(io.StringIO(content), sep=separator, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{file} cannot be read as a table: {str(error).strip()}") from error
    if not len(table):
        raise InputError(f"{file} has a header and no rows")
    columns = {name: table[name].tolist() for name in table.columns}
    return columns, lambda row: f"line {_first_line(content, separator, row):,}"


def _first_line(content, separator, row):
    """The line where a row begins, behind rows that may have several lines, and blank ones."""
    csv.field_size_limit(max(len(content), csv.field_size_limit()))
    records, first_lines, line = csv.reader(io.StringIO(content), delimiter=separator), [], 1
    for record in records:
        if len(record) > 1 or "".join(record).strip():
            first_lines.append(line)
        line = records.line_num + 1
    return first_lines[row + 1]  # behind the header


def _parse_json(file, content):
    rows, lines = [], []
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{file}, line {number:,} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise InputError(f"{file}, line {number:,} is not a JSON object")
        if rows and row.keys() != rows[0].keys():
            raise InputError(
                f"{file}, line {number:,} has the keys {', '.join(row)} where the first line has "
                f"{', '.join(rows[0])}"
            )
        rows.append(row)
        lines.append(number)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return columns, lambda row: f"line {lines[row]:,}"
