"""Reads labelled reviews: folders, tables, TensorFlow Datasets."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.common.errors import InputError
from apps.common.sources import one_line_read_errors, read_text, tfds_builder
from apps.common.tables import find_column, is_table, read_table

NEGATIVE, POSITIVE = 0, 1
_CLASS = {
    **dict.fromkeys(["0", "-1", "neg", "negative", "false"], NEGATIVE),
    **dict.fromkeys(["1", "pos", "positive", "true"], POSITIVE),
}
_TEXT_COLUMNS = ("text", "review", "sentence", "content", "comment")
_LABEL_COLUMNS = ("label", "sentiment", "polarity", "class", "target")
_WANTED = (
    "'builtin', 'tfds:imdb_reviews', the aclImdb folder, a folder with one *train* and one *test* "
    "table, or a table (.csv, .tsv or .jsonl, also .gz or .xz)"
)


@dataclass(frozen=True, eq=False)
class Reviews:
    """Reviews with their labels.

    Attributes:
        texts: the reviews.
        labels: int32 `(n,)`, `NEGATIVE` or `POSITIVE`.
    """

    texts: list[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, rows: Iterable[int]) -> "Reviews":
        """The reviews of the given rows."""
        rows = list(rows)
        return Reviews([self.texts[row] for row in rows], self.labels[rows])


def read(
    source: str, text_column: str | None = None, label_column: str | None = None
) -> tuple[Reviews, Reviews | None]:
    """The training part and the test part of a source other than `builtin`.

    Args:
        source: one of
            `tfds:NAME`: the `text` and `label` of a TensorFlow Datasets data set, its train and
            test split;
            a folder with `train/pos/*.txt`, `train/neg`, `test/pos`, `test/neg`, as aclImdb;
            a folder with one table named `*train*` and one named `*test*`;
            a table: `.csv` and `.tsv` with a header line, from which the separator (comma, tab,
            semicolon or bar) is inferred; `.jsonl` with an object per line; all UTF-8, also
            `.gz` or `.xz`.
        text_column: the column of a table with the reviews; None tries the usual names.
        label_column: the same for the labels: 0 or 1, -1 or 1, neg or pos, negative or positive,
            false or true, in any case.

    Returns:
        The training reviews, and the test reviews or None if the source has no test split.

    Raises:
        InputError: there is no such source, it cannot be read, or it has another format; a part
            lacks one of the two classes, or a review has no text or no label.
    """
    if source.startswith("tfds:"):
        parts = _from_tfds(source.removeprefix("tfds:"))
    else:
        path = Path(source)
        with one_line_read_errors(path, _WANTED):
            if not path.exists():
                raise FileNotFoundError(path)
            if not path.is_dir():
                parts = {path: _table(path, text_column, label_column)}
            elif (path / "train").is_dir():
                parts = {path / part: _class_folders(path / part) for part in ("train", "test")}
            else:
                parts = {
                    file: _table(file, text_column, label_column)
                    for file in (_only_table(path, part) for part in ("train", "test"))
                }
    reviews = [_make_reviews(str(name), *pairs) for name, pairs in parts.items()]
    return reviews[0], reviews[1] if len(reviews) == 2 else None


def _make_reviews(name, texts, labels, place=lambda row: f"review {row + 1:,}") -> Reviews:
    """Labels as numbers, texts as valid Unicode; `place` says where a row, counted from 0, is."""
    for what, column in (("text", texts), ("label", labels)):
        for row, value in enumerate(column):
            if _is_blank(value) or (what == "text" and not isinstance(value, str)):
                raise InputError(f"{name}, {place(row)}: there is no {what}; remove this review")
    values = [str(label).strip().lower().removesuffix(".0") for label in labels]
    distinct = sorted(set(values))
    if len(distinct) > 2 or not set(distinct) <= _CLASS.keys():
        shown = ", ".join(map(repr, distinct[:5])) + ", ..." * (len(distinct) > 5)
        raise InputError(
            f"{name}: the labels must be two classes, 0 or 1, neg or pos, negative or positive; "
            f"they are {shown}"
        )
    numbers = np.array([_CLASS[value] for value in values], np.int32)
    for label, called in ((NEGATIVE, "negative"), (POSITIVE, "positive")):
        if not (numbers == label).any():
            raise InputError(f"{name}: there is no {called} review; both classes are needed")
    return Reviews([text.encode("utf-8", "replace").decode() for text in texts], numbers)


def _is_blank(value):
    # pandas has NaN where a line ends early.
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def _class_folders(folder):
    texts, labels = [], []
    for name in ("neg", "pos"):
        files = sorted((folder / name).glob("*.txt"), key=_numeric_key)
        if not files:
            raise InputError(f"{folder / name} has no .txt files, as the aclImdb folder has")
        texts += map(read_text, files)
        labels += [name] * len(files)
    return texts, labels


def _numeric_key(file):
    """Sorts 2_9.txt before 10_9.txt: neighbours in IMDB's numbering are about the same film."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", file.name)]


def _only_table(folder, part):
    """The one table in `folder` named `*part*`."""
    found = [file for file in sorted(folder.glob(f"*{part}*")) if is_table(file)]
    if len(found) != 1:
        has = f"has {len(found)}: {', '.join(f.name for f in found)}" if found else "has none"
        raise InputError(
            f"a folder must hold train/ and test/, or one table named *{part}*; {folder} {has}"
        )
    return found[0]


def _table(file, text_column, label_column):
    columns, place = read_table(file, _WANTED)
    return (
        columns[find_column(file, columns, text_column, _TEXT_COLUMNS, "--text-column")],
        columns[find_column(file, columns, label_column, _LABEL_COLUMNS, "--label-column")],
        place,
    )


def _from_tfds(name):
    import tensorflow_datasets as tfds

    builder = tfds_builder(name, ["text", "label"])
    parts = {}
    for split in ("train", "test"):
        try:
            examples = list(tfds.as_numpy(builder.as_dataset(split=split)))
        except (KeyError, ValueError) as error:
            raise InputError(f"tfds:{name} has no {split} split") from error
        texts = [example["text"].decode("utf-8", "replace") for example in examples]
        parts[f"tfds:{name} {split}"] = texts, [example["label"] for example in examples]
    return parts
