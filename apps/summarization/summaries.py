"""Reads texts with summaries: tables, TensorFlow Datasets; in three splits without common texts."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from apps.common.errors import InputError
from apps.common.progress import reports
from apps.common.sources import one_line_read_errors, tfds_builder
from apps.common.tables import find_column, read_table

SPLITS = ("train", "validation", "test")
WANTED = (
    "'builtin', 'tfds:gigaword', 'tfds:cnn_dailymail', or a table with a text and its summary in "
    "each row (.csv, .tsv or .jsonl, also .gz or .xz)"
)
_TEXT_COLUMNS = ("text", "article", "document")
_SUMMARY_COLUMNS = ("summary", "highlights", "headline")
_TFDS = {"cnn_dailymail": ("article", "highlights")}  # others have document and summary


@dataclass(frozen=True)
class Summaries:
    """Texts and the summary of each."""

    texts: list[str]
    summaries: list[str]

    def __len__(self):
        return len(self.texts)


@dataclass(frozen=True)
class SummaryCorpus:
    """Summaries for training, for selecting the epoch, and for the scores.

    Attributes:
        train, validation, test: the splits; no text is in two of them.
        notes: about texts that were left out.
    """

    train: Summaries
    validation: Summaries
    test: Summaries
    notes: list[str] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        """A digest of all texts and summaries."""
        parts = [(part.texts, part.summaries) for part in (self.train, self.validation, self.test)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@reports("reading the texts")
def read_summaries(
    source: str,
    builtin: Callable[[], dict[str, list[tuple[str, str]]]],
    *,
    text: str | None = None,
    summary: str | None = None,
    split: str | None = None,
    fractions: tuple[float, float] = (0.1, 0.1),
    seed: int = 0,
) -> SummaryCorpus:
    """The texts and summaries of a source; a text of a later split is dropped from the earlier.

    Args:
        source: `builtin`, `tfds:NAME`, or a file, see `tables.read_table`.
        builtin: gives the builtin pairs of text and summary by split.
        text, summary: the columns; None tries the usual names.
        split: a column with `train`, `validation` or `test`; without it, and for a split that the
            source lacks, texts are sampled.
        fractions: of the texts of the source, for validation and test.
        seed: of the sampling.

    Raises:
        InputError: the source cannot be read, has another format, or is too small.
    """
    if source == "builtin":
        rows = [(name, *pair) for name, pairs in builtin().items() for pair in pairs]
    elif source.startswith("tfds:"):
        rows = _from_tfds(source.removeprefix("tfds:"), text, summary)
    else:
        rows = _from_table(Path(source), text, summary, split)
    rows = _sample_splits(rows, fractions, seed)
    parts, notes, known = {}, [], set()
    for name in reversed(SPLITS):  # so that the test split stays as it is
        pairs = [(_key(text), text, summary) for part, text, summary in rows if part == name]
        kept = [(text, summary) for key, text, summary in pairs if key not in known]
        if not kept:
            raise InputError(f"{source} is too small: it has no text for the {name} split")
        if dropped := len(pairs) - len(kept):
            notes.append(f"{dropped:,} texts of {name} left out, as a later split has them")
        known.update(key for key, _, _ in pairs)
        parts[name] = Summaries(*map(list, zip(*kept)))
    return SummaryCorpus(**parts, notes=notes)


def _key(text):
    """What two texts have in common that are the same."""
    return " ".join(text.lower().split())


def _sample_splits(rows, fractions, seed):
    """The rows with a split each; those that the source lacks are sampled from the others."""
    given = {name for name, *_ in rows}
    texts = list(dict.fromkeys(_key(text) for name, text, _ in rows if name in (None, "train")))
    order, sampled = np.random.default_rng(seed).permutation(len(texts)), {}
    for name, fraction in zip(SPLITS[1:], fractions):
        if name not in given:
            count = round(len(texts) * fraction)
            sampled |= dict.fromkeys((texts[i] for i in order[:count]), name)
            order = order[count:]
    return [
        (name if name in SPLITS[1:] else sampled.get(_key(text), "train"), text, summary)
        for name, text, summary in rows
    ]


def _from_table(file, text, summary, split):
    with one_line_read_errors(file, WANTED):
        columns, place = read_table(file, WANTED)
    texts = columns[find_column(file, columns, text, _TEXT_COLUMNS, "--text")]
    summaries = columns[find_column(file, columns, summary, _SUMMARY_COLUMNS, "--summary")]
    names = [None] * len(texts)
    if split is not None:
        names = columns[find_column(file, columns, split, (), "--split")]
    for row, values in enumerate(zip(names, texts, summaries)):
        for what, value in zip(("text", "summary"), values[1:]):
            if not isinstance(value, str) or not value.strip():
                raise InputError(f"{file}, {place(row)}: there is no {what}; remove this row")
        if split is not None and values[0] not in SPLITS:
            wanted = "train, validation or test"
            raise InputError(f"{file}, {place(row)}: the split is {values[0]!r}, not {wanted}")
    return list(zip(names, map(_unicode, texts), map(_unicode, summaries)))


def _unicode(text):
    """JSON may have half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def _from_tfds(name, text, summary):
    usual = _TFDS.get(name.partition(":")[0].partition("/")[0], ("document", "summary"))
    columns = text or usual[0], summary or usual[1]
    builder = tfds_builder(name, columns)
    rows = []
    for split in SPLITS:
        try:
            examples = builder.as_dataset(split=split).as_numpy_iterator()
        except (KeyError, ValueError):
            continue  # it has no such split
        rows += [
            (split, *(row[column].decode("utf-8", "replace") for column in columns))
            for row in examples
        ]
    return rows
