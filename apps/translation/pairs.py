"""Reads pairs of sentences: tables, parallel files, TensorFlow Datasets."""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np

from apps.common.config import flag
from apps.common.errors import InputError
from apps.common.sources import decode_utf8, one_line_read_errors, read_text, tfds_builder
from apps.translation.config import TranslationConfig
from apps.translation.text import count_words, identities

PARTS = ("train", "validation", "test")
_FILES = {"train": ("train",), "validation": ("val", "valid", "validation", "dev")}
_SEPARATORS = {"\t": "tab", "|||": "'|||'", "|": "'|'"}  # of a table, and their names
_PACKINGS = ("", ".gz", ".xz")
_WANTED = (
    "'builtin', 'tfds:NAME', a file with a sentence, a tab and its translation in each line (also "
    ".gz, .xz or .zip), or a folder with train.en, train.fr, and val and test files like them"
)


@dataclass(frozen=True)
class Pairs:
    """Sentences and their translations.

    Attributes:
        sources, targets: `n` of each; a source occurs once with each of its translations.
        keys: identity of the sources, int64 `(n,)`: a hash of the tokens of each, whatever its
            case, its blanks or its composition; None computes it.
    """

    sources: list[str]
    targets: list[str]
    keys: np.ndarray | None = field(default=None, repr=False, compare=False)

    def __post_init__(self):
        if self.keys is None:
            object.__setattr__(self, "keys", identities(self.sources))

    def __len__(self) -> int:
        return len(self.sources)

    def select(self, rows: Iterable[int]) -> "Pairs":
        """The pairs of the given rows."""
        rows = np.fromiter(rows, np.int64)
        texts = ([side[row] for row in rows] for side in (self.sources, self.targets))
        return Pairs(*texts, self.keys[rows])

    @property
    def distinct_sources(self) -> list[str]:
        """Each source once, as first written: the input of an evaluation."""
        first = dict(zip(reversed(self.keys.tolist()), reversed(self.sources)))
        return [first[key] for key in self._translations]

    @property
    def references(self) -> list[list[str]]:
        """All translations of each of `distinct_sources`."""
        return list(self._translations.values())

    @cached_property
    def _translations(self):
        translations = {}
        for key, target in zip(self.keys.tolist(), self.targets):
            translations.setdefault(key, []).append(target)
        return translations


def read(config: TranslationConfig) -> dict[str, Pairs]:
    """The pairs that `config.data` names: `train`, and `validation` and `test` if it has them.

    Args:
        config: the configuration; its `data` is one of
            `tfds:NAME`: a TensorFlow Datasets data set with a feature for each language, and its
            train, validation and test split;
            a folder of parallel files, a sentence in each line, `train.en`, `train.fr`, and so
            for `val` and `test*`;
            a file with a sentence, a tab, and its translation in each line; what follows a second
            tab (Tatoeba's attribution) is not read. A file whose first pair has no tab may have
            `|||` or `|` in its place. Files are UTF-8, also `.gz` or `.xz`, a table also the only
            one in a `.zip`.

    Raises:
        InputError: there is no such source, it cannot be read, or it has another format: parallel
            files of different length, a sentence without a translation.
    """
    if config.data.startswith("tfds:"):
        refuse_flags(config, "reverse", "test_set")
        return _from_tfds(config.data.removeprefix("tfds:"), config.source, config.target)
    path = Path(config.data)
    with one_line_read_errors(path, _WANTED):
        if not path.exists():
            raise FileNotFoundError(path)
        if path.is_dir():
            refuse_flags(config, "reverse")
            return _folder(path, config)
        refuse_flags(config, "test_set")
        return {"train": _table(path, config.reverse)}


def refuse_flags(config: TranslationConfig, *fields: str) -> None:
    """Raise an `InputError` for flags that are set but do not apply to this kind of data."""
    meant_for = {"reverse": "a tab-separated file", "test_set": "a folder of parallel files"}
    for name in fields:
        if getattr(config, name):
            raise InputError(f"{flag(name)} is for {meant_for[name]}, not for {config.data}")


def _make_pairs(numbered, where) -> Pairs:
    """Pairs of the lines `(number, source, target)` that are not blank."""
    stripped = ((number, source.strip(), target.strip()) for number, source, target in numbered)
    rows = [row for row in stripped if row[1] or row[2]]
    if not rows:
        raise InputError(f"{where} has no pairs")
    numbers, sources, targets = map(list, zip(*rows))
    for side, texts in {"source": sources, "translation": targets}.items():
        empty = np.flatnonzero(count_words(texts, lowercase=True) == 0)
        if len(empty):
            number = numbers[empty[0]]
            raise InputError(
                f"{where}, line {number:,}: there is no word in the {side}; remove this pair"
            )
    return Pairs(sources, targets)


def _lines(text):
    # Not splitlines: it also breaks at characters that may be inside a sentence.
    return text.removesuffix("\n").split("\n")


def _table(path, reverse):
    content = _unzip(path) if path.suffix == ".zip" else read_text(path)
    separator = next((s for s in _SEPARATORS if s in content.lstrip().partition("\n")[0]), "\t")
    rows = []
    for number, line in enumerate(_lines(content), 1):
        first, found, rest = line.partition(separator)
        if not found and line.strip():
            name = _SEPARATORS[separator]
            raise InputError(
                f"{path}, line {number:,} has no {name}; give a file with a sentence, a {name} and "
                "its translation in each line"
            )
        second = rest.partition(separator)[0]
        rows.append((number, second, first) if reverse else (number, first, second))
    return _make_pairs(rows, path)


def _unzip(path):
    try:
        with zipfile.ZipFile(path) as archive:
            # The archives of manythings.org also contain an _about.txt.
            found = [
                name
                for name in archive.namelist()
                if name.endswith((".txt", ".tsv")) and not Path(name).name.startswith(("_", "."))
            ]
            if len(found) != 1:
                raise InputError(f"{path} must hold one .txt or .tsv, it has {len(found)}")
            return decode_utf8(archive.read(found[0]), path)
    except zipfile.BadZipFile as error:
        raise InputError(f"cannot read {path}: {error}") from error


def _folder(folder, config):
    stems = {part: _stems(folder, names, config)[:1] for part, names in _FILES.items()}
    stems["test"] = _stems(folder, [config.test_set or "test*"], config)
    if not stems["train"]:
        raise InputError(
            f"{folder} has no train.{config.source} and train.{config.target}; give {_WANTED}"
        )
    if config.test_set and not stems["test"]:
        raise InputError(f"{folder} has no {config.test_set}.{config.source} (--test-set)")
    if len(stems["test"]) > 1:
        found = ", ".join(stems["test"])
        raise InputError(f"{folder} has {found}: name one of them with --test-set")
    return {part: _parallel(folder, found[0], config) for part, found in stems.items() if found}


def _stems(folder, patterns, config):
    """The stems of the files that exist in both languages."""
    languages = (config.source, config.target)
    return sorted(
        {
            file.name.removesuffix(packing).removesuffix(f".{language}")
            for pattern, language, packing in product(patterns, languages, _PACKINGS)
            for file in folder.glob(f"{pattern}.{language}{packing}")
        }
    )


def _parallel(folder, stem, config):
    files = [_language_file(folder, stem, language) for language in (config.source, config.target)]
    sources, targets = (_lines(read_text(file)) for file in files)
    if len(sources) != len(targets):
        raise InputError(
            f"{files[0]} has {len(sources):,} lines and {files[1].name} has {len(targets):,}; "
            "each line needs its translation in the same line of the other file"
        )
    where = f"{files[0]} and {files[1].name}"
    return _make_pairs(zip(range(1, len(sources) + 1), sources, targets), where)


def _language_file(folder, stem, language):
    for packing in _PACKINGS:
        if (file := folder / f"{stem}.{language}{packing}").exists():
            return file
    raise InputError(f"{folder / stem}.{language} is missing, the other half of the {stem} pairs")


def _from_tfds(name, source, target):
    import tensorflow_datasets as tfds

    builder = tfds_builder(name, [source, target])
    parts = {}
    for part in PARTS:
        try:
            examples = tfds.as_numpy(builder.as_dataset(split=part))
        except (KeyError, ValueError):
            continue  # it has no such split
        rows = (
            (number, *(example[key].decode("utf-8", "replace") for key in (source, target)))
            for number, example in enumerate(examples, 1)
        )
        parts[part] = _make_pairs(rows, f"tfds:{name} {part}")
    if "train" not in parts:
        raise InputError(f"tfds:{name} has no train split")
    return parts
