"""Reads tagged sentences: CoNLL columns, JSONL, TensorFlow Datasets."""

import json
import re
from pathlib import Path
from typing import NamedTuple

from apps.common.errors import InputError
from apps.common.sources import one_line_read_errors, read_text, tfds_builder
from rnn_keras.metrics import SCHEMES, Entity, find_entities, write_tags

WANTED = (
    "'builtin', 'tfds:conll2003', a folder with one *train* file, or a file of CoNLL columns or "
    ".jsonl, also .gz or .xz"
)
_PARTS = {"train": "train", "validation": "testa|dev|valid", "test": "test(?!a)"}


class Sentence(NamedTuple):
    """Tokens and entities; `document` is the number of its document."""

    tokens: tuple[str, ...]
    entities: tuple[Entity, ...]
    document: int = 0


def read_source(source: str) -> tuple[dict[str, list[Sentence]], list[str]]:
    """The sentences of a source by part, and a note about the tags of each file.

    The parts are `train`, and `validation` and `test` if the source has them.

    Raises:
        InputError: there is no such source, it cannot be read, or it has another format.
    """
    if source.startswith("tfds:"):
        return _from_tfds(source.removeprefix("tfds:")), []
    path, files = Path(source), {}
    with one_line_read_errors(path, WANTED):
        if not path.is_dir():
            files["train"] = path
        for part, pattern in _PARTS.items() if path.is_dir() else ():
            found = [file for file in sorted(path.iterdir()) if re.search(pattern, file.name)]
            if len(found) > 1 or part == "train" and not found:
                has = ", ".join(file.name for file in found) or "none"
                raise InputError(f"{path} must have one file of the {part} part, it has {has}")
            if found:
                files[part] = found[0]
    read = {part: read_file(file) for part, file in files.items()}
    return {part: sentences for part, (sentences, _) in read.items()}, [n for _, n in read.values()]


def read_file(file: Path, tagged: bool = True) -> tuple[list[Sentence], str]:
    """The sentences of a file of CoNLL columns or `.jsonl`, and a note about its tags.

    Columns stand between blanks, the token first, the tag last; a blank line ends a sentence and a
    line of `-DOCSTART-` begins a document. JSONL has an object with `tokens` and `tags` per line.
    Tags are read as `rnn_keras.metrics.find_entities` does.

    Args:
        file: the file, UTF-8, also `.gz` or `.xz`.
        tagged: whether tags are read; there need not be any otherwise.

    Raises:
        InputError: the file cannot be read, or has another format; the message names the line.
    """
    with one_line_read_errors(file, WANTED):
        lines = read_text(file).replace("\r\n", "\n").split("\n")
    parse = _json_rows if ".jsonl" in file.suffixes else _column_rows
    rows = list(parse(file, lines, tagged))
    if not rows:
        raise InputError(f"{file} has no sentence")
    for line, _, tags, _ in rows:
        for i, tag in enumerate(tags):
            if not re.fullmatch(r"O|[BIESLU]-\S+", tag):
                where = line + i * (parse is _column_rows)
                raise InputError(f"{file}, line {where:,}: {tag!r} is no tag such as O or B-PER")
    sentences = [Sentence(tokens, tuple(find_entities(t)), d) for _, tokens, t, d in rows]
    return sentences, _scheme_note(file, [(line, list(tags)) for line, _, tags, _ in rows])


def _column_rows(file, lines, tagged):
    """First line, tokens, tags and document of each sentence."""
    rows, document, width = [], 0, None
    for number, line in enumerate([*lines, ""], 1):
        columns = line.split()
        if columns and columns[0] != "-DOCSTART-":
            width = width or len(columns)
            if len(columns) != width or (tagged and width < 2):
                wanted = f"{width} as above" if width > 1 else "a token and a tag"
                raise InputError(f"{file}, line {number:,}: {len(columns)} columns, not {wanted}")
            rows.append((columns[0], columns[-1] if tagged else "O"))
            continue
        if rows:
            yield number - len(rows), *zip(*rows), document
            rows = []
        document += bool(columns)


def _json_rows(file, lines, tagged):
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            tokens = row["tokens"]
            tags = row["tags"] if tagged else ["O"] * len(tokens)
        except (ValueError, LookupError, TypeError):
            tokens = tags = None
        if not (_are_words(tokens) and _are_words(tags) and len(tokens) == len(tags)):
            wanted = '{"tokens": ["EU", ...], "tags": ["B-ORG", ...]} with a tag for each token'
            raise InputError(f"{file}, line {number:,} is not {wanted}")
        yield number, tuple(tokens), tuple(tags), 0


def _are_words(value):
    return isinstance(value, list) and value and all(isinstance(x, str) and x for x in value)


def _scheme_note(file, rows):
    """The scheme that most sentences keep, and the first one that breaks it."""
    broken = {
        scheme: [
            line
            for line, tags in rows
            if write_tags(find_entities(tags), len(tags), scheme) != tags
        ]
        for scheme in SCHEMES
    }
    scheme = min(broken, key=lambda scheme: len(broken[scheme]))
    breaks = f", broken in {len(broken[scheme]):,} sentences, first in line "
    return f"{file.name} has {scheme} tags" + "".join(
        f"{breaks}{line:,}" for line in broken[scheme][:1]
    )


def _from_tfds(name):
    builder = tfds_builder(name, ["tokens", "ner"])
    tags = builder.info.features["ner"].feature.names
    splits = {"train": "train", "validation": "dev", "test": "test"}
    return {
        part: [
            Sentence(
                tuple(token.decode("utf-8", "replace") for token in row["tokens"]),
                tuple(find_entities(tags[i] for i in row["ner"])),
            )
            for row in builder.as_dataset(split=split).as_numpy_iterator()
            if len(row["tokens"])
        ]
        for part, split in splits.items()
        if split in builder.info.splits
    }
