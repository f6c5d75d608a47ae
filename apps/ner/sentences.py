"""Reads tagged sentences: CoNLL columns, JSONL, TensorFlow Datasets."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from apps.common.errors import InputError
from apps.common.progress import reports
from apps.common.sources import argument_texts, one_line_read_errors, read_text, tfds_builder
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


@dataclass(frozen=True)
class Corpus:
    """Tagged sentences for training, for selecting the epoch, and for the scores.

    Attributes:
        train, validation, test: the parts; test is validation where the source has none.
        notes: about the tags of each file.
    """

    train: list[Sentence]
    validation: list[Sentence]
    test: list[Sentence]
    notes: list[str] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        """A digest of all tokens and entities."""
        parts = [self.train, self.validation, self.test]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@reports("reading the sentences")
def read_corpus(
    source: str,
    builtin: Callable[[], dict[str, list[Sentence]]],
    validation_fraction: float,
    seed: int,
) -> Corpus:
    """The sentences of a source, and a note about the tags of each of its files.

    Args:
        source: `builtin`, `tfds:NAME`, a folder with files named `*train*`, `*testa*` or `*dev*` or
            `*valid*`, and `*test*` (the first one is needed), or a file for training: `read_file`.
        builtin: gives the builtin sentences by part.
        validation_fraction: fraction of the documents of the training part that becomes the
            validation part of a source without one; without documents, of the sentences.
        seed: of this split.

    Raises:
        InputError: there is no such source, it cannot be read, it has another format, or a part
            has no entity.
    """
    if source == "builtin":
        parts, notes = builtin(), []
    elif source.startswith("tfds:"):
        parts, notes = _from_tfds(source.removeprefix("tfds:")), []
    else:
        read = {part: read_file(file) for part, file in _find_files(Path(source)).items()}
        parts = {part: sentences for part, (sentences, _) in read.items()}
        notes = [note for _, note in read.values()]
    if "validation" not in parts:
        train = parts["train"]
        one = len({sentence.document for sentence in train}) == 1
        documents = np.array([i if one else s.document for i, s in enumerate(train)])
        names = np.random.default_rng(seed).permutation(np.unique(documents))
        held_out = np.isin(documents, names[: round(len(names) * validation_fraction)])
        parts["train"] = list(compress(train, ~held_out))
        parts["validation"] = list(compress(train, held_out))
    for part, sentences in parts.items():
        if not any(sentence.entities for sentence in sentences):
            raise InputError(
                f"{source}: the {part} part of {len(sentences)} sentences has no entity"
            )
    return Corpus(**{"test": parts["validation"], **parts}, notes=notes)


def _find_files(path):
    """The file of each part."""
    files = {}
    with one_line_read_errors(path, WANTED):
        if not path.is_dir():
            return {"train": path}
        for part, pattern in _PARTS.items():
            found = [file for file in sorted(path.iterdir()) if re.search(pattern, file.name)]
            if len(found) > 1 or (part == "train" and not found):
                has = ", ".join(file.name for file in found) or "none"
                raise InputError(f"{path} must have one file of the {part} part, it has {has}")
            if found:
                files[part] = found[0]
    return files


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
        columns = re.findall(r"[^ \t]+", line)  # a token may have other blanks, such as U+00A0
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
    parts = {}
    for part, split in (("train", "train"), ("validation", "dev"), ("test", "test")):
        try:
            rows = builder.as_dataset(split=split).as_numpy_iterator()
        except (KeyError, ValueError) as error:
            if part == "train":
                raise InputError(f"tfds:{name} has no train split") from error
            continue
        parts[part] = [
            Sentence(
                tuple(token.decode("utf-8", "replace") for token in row["tokens"]),
                tuple(find_entities(tags[i] for i in row["ner"])),
            )
            for row in rows
            if len(row["tokens"])
        ]
    return parts


def argument_sentences(arguments: Sequence[str], file: Path | None) -> list[str]:
    """The texts of a command line, then those of a file: see `argument_texts`.

    The tokens of a `.conll` or `.jsonl` file, as in `read_file`, are joined by blanks.

    Raises:
        InputError: the file cannot be read.
    """
    if file is None or not {".conll", ".jsonl"} & {*file.suffixes}:
        return argument_texts(arguments, file, "a text")
    sentences, _ = read_file(file, tagged=False)
    return argument_texts(arguments, None, "a text") + [" ".join(s.tokens) for s in sentences]
