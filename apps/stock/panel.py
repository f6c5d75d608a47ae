"""The panel: series that a model can be trained on, from a table or from blocks of one."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from apps.stock.blocks import NotPlainError, NotTogetherError, is_large, read_blocks
from apps.stock.cleaning import Block, NothingLeftError, clean_block
from apps.stock.config import StockConfig
from apps.stock.dates import infer_frequency, seasonality
from apps.stock.table import Table, read_table

PRICES = ("open", "high", "low", "close", "adj_close")  # as `column_name` writes them
CHUNK = 2**20  # rows of a digest at a time
NOTES = 20  # that are kept


@dataclass(frozen=True, eq=False)
class Panel:
    """One or many series, one after the other, each in the order of time.

    Attributes:
        values: `(rows, columns)`, finite; float32 from a large file, else float64.
        blank: boolean, `(rows, columns)`: the cell was blank and holds the value before it.
        calendar: all distinct dates, datetime64, rising; row numbers where there are no dates.
        times: int32 `(rows,)`: position in `calendar`.
        series: int32 `(rows,)`: position in `names`.
        names: the series: tickers, or one name for a file without.
        columns: the columns, those to forecast first.
        targets: number of columns to forecast.
        step: from one date to the next; None without dates.
        season: rows of one season.
        notes: the steps of the cleaning, a line each.
    """

    values: np.ndarray
    blank: np.ndarray
    calendar: np.ndarray
    times: np.ndarray
    series: np.ndarray
    names: tuple[str, ...]
    columns: tuple[str, ...]
    targets: int
    step: pd.DateOffset | None
    season: int
    notes: tuple[str, ...]

    @property
    def dates(self) -> np.ndarray:
        """`(rows,)`, datetime64; the row number within the series where there are no dates."""
        return self.calendar[self.times]

    @property
    def holds_prices(self) -> bool:
        """Whether a column to forecast is a price."""
        return are_prices(self.columns[: self.targets])

    @property
    def sha256(self) -> str:
        """A digest of the values and of their order."""
        digest = hashlib.sha256(json.dumps([self.names, self.columns, self.targets]).encode())
        for part in (
            lambda rows: self.values[rows],
            lambda rows: self.calendar[self.times[rows]],
            lambda rows: self.series[rows].astype("int64"),
        ):
            for start in range(0, len(self.values), CHUNK):
                digest.update(np.ascontiguousarray(part(slice(start, start + CHUNK))).tobytes())
        return digest.hexdigest()


def are_prices(targets: Sequence[str]) -> bool:
    """Whether forecasts of these columns are of prices, by their names.

    Cards, forecasts and charts of prices carry financial cautions.
    """
    return any(name in PRICES for name in targets)


def load_panel(config: StockConfig, columns: Sequence[str] | None = None) -> Panel:
    """Read `config.data` and clean it, see `clean`; large files are read in blocks of series."""
    for sort in (False, True) if is_large(config) else ():
        try:
            blocks = _clean_all(read_blocks(config, columns, sort), config, columns)
            return _join(blocks, config)
        except NotTogetherError:
            continue
        except NotPlainError:
            break
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
    return _join([clean_block(table, config, columns, "float64")], config)


def _clean_all(
    tables: Iterable[Table], config: StockConfig, columns: Sequence[str] | None
) -> Iterator[Block]:
    """The blocks; those without a usable row are left out, and an error if there are no others."""
    nothing_left, count = None, 0
    for table in tables:
        try:
            yield clean_block(table, config, columns, "float32")
            count += 1
        except NothingLeftError as error:
            nothing_left = nothing_left or error
    if nothing_left and not count:
        raise nothing_left


def _extend(arrays: dict[str, np.ndarray], name: str, part: np.ndarray) -> None:
    """Add rows to an array, in place: a list of parts would take the memory twice in the end."""
    if name not in arrays:
        arrays[name] = np.array(part, order="C")
        return
    array = arrays[name]
    count = len(array)
    array.resize((count + len(part), *array.shape[1:]), refcheck=False)
    array[count:] = part


def _join(blocks: Iterable[Block], config: StockConfig) -> Panel:
    """The panel of blocks of series."""
    arrays, edges = {}, [0]
    names, notes, calendars, gaps, constants = [], [], [], [], None
    for block in blocks:
        calendar, times = np.unique(block.dates, return_inverse=True)
        calendars.append(calendar)
        _extend(arrays, "values", block.values)
        _extend(arrays, "blank", block.blank)
        _extend(arrays, "series", block.series + np.int32(len(names)))
        _extend(arrays, "times", times.astype("int32"))
        edges.append(len(arrays["times"]))
        names += block.names
        notes += block.notes
        gaps += [block.gap] if block.gap else []
        known = block.constants.items()
        constants = dict(known if constants is None else constants.items() & known)
        wanted, targets = block.columns, block.targets
    values, blank, series, times = (arrays[name] for name in ("values", "blank", "series", "times"))
    calendar = np.unique(np.concatenate(calendars))
    for own, start, end in zip(calendars, edges, edges[1:]):
        times[start:end] = np.searchsorted(calendar, own)[times[start:end]]
    if len(calendars) > 1 and names != sorted(names):
        places = np.argsort(names)
        series = np.argsort(places).astype("int32")[series]
        order, names = np.argsort(series, kind="stable"), [names[place] for place in places]
        values, blank, series, times = (a[order] for a in (values, blank, series, times))
    for name, value in constants.items():
        notes.append(f"column {name} left out: it is {value:g} in every row")
    kept = [i for i, name in enumerate(wanted) if name not in constants]
    if constants:
        values, blank = values[:, kept], blank[:, kept]
    edges = np.searchsorted(series, np.arange(len(names) + 1))
    longest = np.diff(edges).argmax()
    step = infer_frequency(calendar[times[edges[longest] : edges[longest + 1]]])
    notes = notes[:NOTES] + [f"and {len(notes) - NOTES:,} notes more"] * (len(notes) > NOTES)
    if gaps and (gap := max(gaps, key=lambda gap: gap[0]))[0] > 5 * max(
        np.median([gap[2] for gap in gaps]), np.timedelta64(1, "h")
    ):
        notes.append(
            f"longest gap: {pd.Timedelta(gap[0])} before line {gap[1]}; rows are taken as they come"
        )
    return Panel(
        values=values,
        blank=blank,
        calendar=calendar,
        times=times,
        series=series,
        names=tuple(names),
        columns=tuple(wanted[i] for i in kept),
        targets=targets,
        step=step,
        season=config.season or seasonality(step),
        notes=tuple(notes),
    )
