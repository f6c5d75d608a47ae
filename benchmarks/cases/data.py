"""Generated data of any size, and what an application needs until its first training step."""

import os
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measure.memory import reset_peak, resident_memory

WORDS = 30_000  # in the generated texts, with frequencies as in a natural language
CHUNK = 10_000  # lines or series generated at a time
DAYS = 1_000  # rows of a generated series


class Case(NamedTuple):
    """The data of an application.

    Attributes:
        unit: what is counted.
        builtin: number of them in the builtin data.
        write: `(file, n)` writes n of them.
        suffix: of the file.
        options: of the configuration, for those of the preset `base`.
    """

    unit: str
    builtin: int
    write: Callable[[Path, int], None]
    suffix: str
    options: dict[str, Any] = {}


def measure(app: str, file: Path, seconds: float, cache: Path) -> dict[str, float]:
    """Loads a file, and reads batches of the first epoch; in a process of its own.

    Args:
        app: the application.
        file: its data.
        seconds: limit of the time in which batches are read.
        cache: the folder of prepared data.

    Returns:
        `first_step_seconds`, from the file to the first batch, and `first_step_cpu_seconds` of all
        threads; `bytes`, the largest rise of the resident memory until then and while batches were
        read, and `process_bytes`, its peak with that of TensorFlow and the application;
        `per_second`, the rows of batches.
    """
    os.environ["RNN_KERAS_CACHE"] = str(cache)
    task = import_module(f"apps.{app}.task").TASK
    settings = {"data": str(file), **CASES[app].options}
    config = type(task.presets["base"][1])(**{**task.presets["base"][1].to_json(), **settings})
    before = reset_peak()
    began, cpu = time.perf_counter(), time.process_time()
    data = task.load_data(config, None)
    batches = iter(task.batches(config, data, 0))
    next(batches)
    first, cpu = time.perf_counter() - began, time.process_time() - cpu
    rows, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds and (batch := next(batches, None)) is not None:
        rows += batch[1].shape[0] * (batch[1].shape[1] if app == "char_lm" else 1)
    rate = rows / (time.perf_counter() - began)
    peak = resident_memory(field="VmHWM")
    return {
        "first_step_seconds": first,
        "first_step_cpu_seconds": cpu,
        "bytes": peak - before,
        "process_bytes": peak,
        "per_second": rate,
    }


def _sentences(random: np.random.Generator, count: int, shortest: int, longest: int, letters: str):
    """Random sentences of pseudo-words; frequent words are short."""
    ranks = np.arange(1, WORDS + 1)
    words = np.array([_word(rank, letters) for rank in ranks], object)
    ends = np.cumsum(random.integers(shortest, longest, count, endpoint=True))
    drawn = words[np.searchsorted(_ZIPF, random.random(ends[-1]))]
    return [" ".join(part) + "." for part in np.split(drawn, ends[:-1])]


_ZIPF = np.cumsum(1 / np.arange(1, WORDS + 1))
_ZIPF = _ZIPF / _ZIPF[-1]


def _word(rank: int, letters: str) -> str:
    """The digits of a number, as letters."""
    word = ""
    while rank:
        rank, digit = divmod(rank, len(letters))
        word += letters[digit]
    return word


def _lines(count: int, make: Callable[[np.random.Generator, int], Iterator[str]]) -> Iterator[str]:
    random = np.random.default_rng(0)
    for start in range(0, count, CHUNK):
        yield from make(random, min(CHUNK, count - start))


def write_text(file: Path, characters: int) -> None:
    """A text of this length."""
    left = characters
    with file.open("w", encoding="utf-8") as out:
        for line in _lines(characters, lambda random, n: _sentences(random, n, 5, 20, "etaoinsr")):
            left -= out.write(f"{line}\n"[:left])
            if not left:
                return


def write_reviews(file: Path, reviews: int) -> None:
    """A table of reviews as long as the builtin ones."""

    def rows(random, count):
        texts = _sentences(random, count, 10, 40, "etaoinsrhl")
        return (f"{text}\t{label}" for text, label in zip(texts, random.integers(0, 2, count)))

    file.write_text("text\tlabel\n" + "\n".join(_lines(reviews, rows)), "utf-8")


def write_pairs(file: Path, pairs: int) -> None:
    """A table of sentences of 4 to 14 words in two languages."""

    def rows(random, count):
        sides = (_sentences(random, count, 4, 14, letters) for letters in ("etaoinsr", "esaintru"))
        return map("\t".join, zip(*sides))

    with file.open("w", encoding="utf-8") as out:
        out.writelines(f"{row}\n" for row in _lines(pairs, rows))


def write_series(file: Path, rows: int) -> None:
    """Series of 1,000 daily prices each, `date,ticker,close`, as CSV or Parquet."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    random = np.random.default_rng(0)
    days = np.datetime64("2020-01-01") + np.arange(DAYS)
    schema = pa.schema({"date": pa.date32(), "ticker": pa.string(), "close": pa.float32()})
    is_parquet = file.suffix == ".parquet"
    writer = (pa.parquet.ParquetWriter if is_parquet else pa.csv.CSVWriter)(file, schema)
    with writer:
        for start in range(0, rows, DAYS * CHUNK // 10):
            count = -(-min(DAYS * CHUNK // 10, rows - start) // DAYS)
            moves = random.normal(0, 0.01, (count, DAYS)).cumsum(axis=1)
            names = [f"S{start // DAYS + i:06}" for i in range(count)]
            columns = [
                pa.array(np.tile(days, count)),
                pa.DictionaryArray.from_arrays(
                    np.repeat(np.arange(count, dtype="int32"), DAYS), names
                ).cast(pa.string()),
                pa.array(np.exp(4 + moves).ravel().astype("float32")),
            ]
            writer.write_table(pa.table(columns, schema=schema).slice(0, rows - start))


CASES = {
    "char_lm": Case("characters", 465_126, write_text, ".txt"),
    "sentiment": Case("reviews", 8_000, write_reviews, ".tsv"),
    "translation": Case("pairs", 7_000, write_pairs, ".tsv"),
    "stock": Case("rows", 1_047, write_series, ".csv", {"stock_splits": "keep"}),
}
