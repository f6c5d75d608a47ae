"""Reads large files in blocks of complete series, by Arrow: Parquet, and plain CSV."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset

from apps.common.errors import InputError
from apps.stock.config import ALL, StockConfig
from apps.stock.csv_file import BLANKS, DELIMITERS, column_name, infer_delimiter
from apps.stock.table import DATE_NAMES, DATE_PARTS, TICKER_NAMES, Table, parse_table

LARGE = 2**26  # bytes of a CSV file; smaller ones are read as a whole, as text
BLOCK = 250_000  # rows of a block, about: those of one series are in one block
PARQUET = (".parquet", ".pq")


class NotTogetherError(Exception):
    """The rows of a series are not one after the other in the file."""


class NotPlainError(Exception):
    """A cell of a CSV file has another form than those before it."""


def is_large(config: StockConfig) -> bool:
    """Whether the data are Parquet, or a large CSV file whose columns Arrow can read.

    That is: with a header, dates such as 2024-01-31, and numbers with a decimal point. Any other
    CSV file is read as text, which takes 300 bytes of memory per row.
    """
    path = Path(config.data)
    if config.data == "builtin" or not path.exists():
        return False
    if path.suffix in PARQUET or path.is_dir():
        return True
    if path.suffix not in (".csv", ".txt") or path.stat().st_size < LARGE or config.decimal == ",":
        return False
    try:
        kinds = {column_name(field.name): field.type for field in _dataset(config).schema}
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return False
    return column_name(config.target) in {*kinds, ALL} and all(
        name in TICKER_NAMES or _is_number(kind) or pa.types.is_temporal(kind)
        for name, kind in kinds.items()
    )


def read_blocks(
    config: StockConfig, columns: Sequence[str] | None, sort: bool = False
) -> Iterator[Table]:
    """Tables of complete series.

    Args:
        config: the configuration.
        columns: those to read, as in `panel.clean`.
        sort: whether to sort the whole file by series first, in memory.

    Raises:
        NotTogetherError: the rows of a series are not together, and `sort` is false.
        NotPlainError: a CSV file must be read as text.
        InputError: the files cannot be read, or have no rows.
    """
    is_csv = Path(config.data).suffix in (".csv", ".txt")
    rows, line = 0, 2 if is_csv else 1
    try:
        dataset = _dataset(config)
        ticker = _ticker(dataset.schema)
        read = _columns(dataset.schema, config, columns)
        if sort:
            batches = dataset.to_table(read).sort_by(ticker).to_batches(BLOCK)
        else:
            size = min(BLOCK, 2**17)
            batches = dataset.to_batches(
                read, batch_size=size, batch_readahead=2, fragment_readahead=1
            )
        for table in _complete_series(batches, ticker):
            frame = _frame(table).set_axis(pd.RangeIndex(line + rows, line + rows + len(table)))
            rows += len(frame)
            yield parse_table(frame, config.data, ",", ".")
    except (pa.ArrowException, OSError) as error:
        if is_csv:
            raise NotPlainError from error
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"cannot read {config.data}: {reason}") from error
    if not rows:
        raise InputError(f"{config.data} has no rows: a table of numbers is needed")


def _dataset(config: StockConfig) -> pa.dataset.Dataset:
    path = Path(config.data)
    if path.suffix not in (".csv", ".txt"):
        # By default Arrow keeps the whole file in memory while it is read.
        scan = pa.dataset.ParquetFragmentScanOptions(pre_buffer=False)
        parquet = pa.dataset.ParquetFileFormat(default_fragment_scan_options=scan)
        return pa.dataset.dataset(path, format=parquet)
    delimiter = DELIMITERS.get(config.delimiter, config.delimiter)
    if delimiter == "auto":
        delimiter = infer_delimiter(path)
    blanks = [*pa.csv.ConvertOptions().null_values, *BLANKS]
    return pa.dataset.dataset(
        path,
        format=pa.dataset.CsvFileFormat(
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False),
            convert_options=pa.csv.ConvertOptions(null_values=blanks, strings_can_be_null=True),
        ),
    )


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return any(
        test(kind)
        for test in (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
    )


def _ticker(schema: pa.Schema) -> str | None:
    """The column with the series of each row."""
    texts = {column_name(f.name): f.name for f in schema if not _is_number(f.type)}
    texts = {n: texts[n] for n in TICKER_NAMES if n in texts}
    return next(iter(texts.values()), None)


def _columns(
    schema: pa.Schema, config: StockConfig, columns: Sequence[str] | None
) -> list[str] | None:
    """The columns to read; None for all, also if one is missing: the message lists all."""
    wanted = {*map(column_name, columns or (config.target, *config.columns))}
    if (columns is None and config.target == ALL) or not wanted <= {
        column_name(name) for name in schema.names
    }:
        return None
    wanted.update(DATE_NAMES, DATE_PARTS)
    return [f.name for f in schema if not _is_number(f.type) or column_name(f.name) in wanted]


def _complete_series(batches: Iterable[pa.RecordBatch], ticker: str | None) -> Iterator[pa.Table]:
    """Tables of about `BLOCK` rows, cut between two series."""
    rest, seen = [], set()

    def cut(end=None):
        table = pa.Table.from_batches(rest)
        if ticker is None:
            return table, []
        names = table[ticker].fill_null("").cast(pa.string())
        if end is None:
            last = pc.equal(names, names[-1]).to_numpy(zero_copy_only=False)
            end = int(np.flatnonzero(~last)[-1]) + 1 if not last.all() else 0
        own = {*pc.unique(names[:end]).to_pylist()}
        if own & seen:
            raise NotTogetherError
        seen.update(own)
        return table[:end], table[end:].to_batches()

    for batch in batches:
        rest += [batch] if len(batch) else []
        if ticker is not None and sum(map(len, rest)) >= BLOCK:
            table, rest = cut()
            if len(table):
                yield table
    if rest:
        yield cut(sum(map(len, rest)))[0]


def _frame(table: pa.Table) -> pd.DataFrame:
    for i, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(i, field.name, table[i].cast(pa.float64()))
    frame = table.to_pandas(date_as_object=False, strings_to_categorical=True)
    return frame.rename(columns=column_name)
