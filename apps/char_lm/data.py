"""Text for the character language model: reading it, splitting it, encoding it."""

import gzip
import lzma
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from apps.common.errors import InputError
from rnn_keras.data import Vocabulary

# The Time Machine protocol of "Dive into Deep Learning" 1.0: the stride-1 windows of 32 steps
# that start at characters 0-9,999 train, those at 10,000-14,999 validate.
D2L_STEPS, D2L_TRAIN_WINDOWS, D2L_VALIDATION_WINDOWS = 32, 10_000, 5_000

_OPENERS = {".gz": gzip.open, ".xz": lzma.open}
_TFDS_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text in two parts, encoded.

    Attributes:
        train_ids: int32, shape `(n,)`.
        validation_ids: int32, shape `(m,)`; unseen characters are `<unk>`.
        vocab: the characters in training (under the D2L protocol: in the whole text).
        train_text: what `train_ids` encodes.
        validation_text: what `validation_ids` encodes.
        validation_start: position in the text of the first validation character; the parts
            overlap under the D2L protocol, where it is less than n.
        unseen: number of validation characters that became `<unk>`.
    """

    train_ids: np.ndarray
    validation_ids: np.ndarray
    vocab: Vocabulary
    train_text: str
    validation_text: str
    validation_start: int
    unseen: int

    @property
    def history_ids(self) -> np.ndarray:
        """The ids before the first validation character: the n-grams' first context."""
        return self.train_ids[: self.validation_start]


def load(
    source: str,
    *,
    split: Literal["tail", "d2l"] = "tail",
    validation_fraction: float = 0.1,
    clean: Literal["none", "d2l"] = "none",
    min_train: int = 2,
    min_validation: int = 2,
) -> Corpus:
    """Read `source` (see `load_text`), clean, split and encode it.

    Args:
        source: `builtin`, a path or `tfds:NAME`.
        split: `tail` holds out the end of the text (`split_tail`) and knows the characters of
            the training part only; `d2l` takes the first 10,032 characters to train, the
            characters 10,000-15,031 to validate and the whole text for the vocabulary, so that
            `sliding_windows(ids, 32)` gives exactly D2L's windows.
        validation_fraction: size of the tail; unused by `d2l`.
        clean: `d2l` applies `d2l_clean`.
        min_train: fewest characters the training part must have, e.g. one batch of streams.
        min_validation: the same for the validation part.

    Raises:
        InputError: the source is unusable, or too short for the split asked for.
        ValueError: `split` or `clean` is none of its values.
    """
    if split not in ("tail", "d2l") or clean not in ("none", "d2l"):
        raise ValueError(f"split is tail or d2l, clean none or d2l; got {split!r}, {clean!r}")
    text = load_text(source)
    if clean == "d2l":
        text = d2l_clean(text)
    if split == "d2l":
        train_end = D2L_TRAIN_WINDOWS + D2L_STEPS
        start, end = D2L_TRAIN_WINDOWS, train_end + D2L_VALIDATION_WINDOWS
        _require(source, text, end)
        train_text, validation_text = text[:train_end], text[start:end]
        vocab = Vocabulary.from_tokens(text)
    else:
        needed = _shortest_text(validation_fraction, min_train, min_validation)
        _require(source, text, needed)
        train_text, validation_text = split_tail(text, validation_fraction)
        start = len(train_text)
        vocab = Vocabulary.from_tokens(train_text)
    validation_ids = vocab.encode(validation_text)
    return Corpus(
        train_ids=vocab.encode(train_text),
        validation_ids=validation_ids,
        vocab=vocab,
        train_text=train_text,
        validation_text=validation_text,
        validation_start=start,
        unseen=int(np.count_nonzero(validation_ids == vocab.unk_id)),
    )


def load_text(source: str) -> str:
    """The text that `source` names, with every line end as a line feed.

    Otherwise the characters stay as they are: any script, and no Unicode normalisation, since
    a model of characters should give back what it was given.

    Args:
        source: one of
            `builtin`: the prose of `pydoc_data.topics` in the standard library, topics in
            alphabetical order (it differs between Python versions); always there;
            `tfds:NAME`: the `text` feature of a TensorFlow Datasets data set, its train,
            validation and test split one after the other, so that `tfds:tiny_shakespeare` is the
            original file again and this module's own tail split applies; downloaded unless it is
            prepared already;
            else a path: a UTF-8 file, also `.gz` or `.xz`, or a folder, of which all `*.txt` are
            joined by line feeds in the order of their names. Byte order marks are dropped.

    Raises:
        InputError: there is no such source, it cannot be read, is not UTF-8, or is empty.
    """
    if source == "builtin":
        text = _builtin_text()
    elif not source:
        raise InputError("the data source is empty: give 'builtin', a path or 'tfds:NAME'")
    elif source.startswith("tfds:"):
        text = _tfds_text(source.removeprefix("tfds:"))
    else:
        text = _path_text(Path(source))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        raise InputError(f"{source} is empty: a corpus needs some text")
    return text


def split_tail(text: str, fraction: float) -> tuple[str, str]:
    """`(train, validation)`: the last `fraction` of the text is held out, uncut.

    The cut is at `int(len(text) * (1 - fraction))`; 0.1 is nanoGPT's tiny-shakespeare split.

    Raises:
        InputError: `fraction` is not between 0 and 1.
    """
    cut = _cut(len(text), fraction)
    return text[:cut], text[cut:]


def d2l_clean(text: str) -> str:
    """D2L 1.0's cleaning: every run of other characters than A-Z and a-z to one space, lower case.

    References:
        Zhang et al., Dive into Deep Learning 1.0, "Converting Raw Text into Sequence Data".
    """
    return re.sub("[^A-Za-z]+", " ", text).lower()


def _cut(length: int, fraction: float) -> int:
    if not 0 < fraction < 1:
        raise InputError(f"the validation fraction must be between 0 and 1, got {fraction}")
    return int(length * (1 - fraction))


def _shortest_text(fraction: float, min_train: int, min_validation: int) -> int:
    """The fewest characters that split into at least these parts."""

    def suffices(n):
        cut = _cut(n, fraction)
        return cut >= min_train and n - cut >= min_validation

    low, high = 0, 1
    while not suffices(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def _require(source: str, text: str, needed: int) -> None:
    if len(text) < needed:
        raise InputError(
            f"{source} is too short: at least {needed:,} characters are needed, got {len(text):,}"
        )


def _builtin_text() -> str:
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def _path_text(path: Path) -> str:
    try:
        if not path.is_dir():
            return _file_text(path)
        files = sorted(path.glob("*.txt"))
        text = "\n".join(_file_text(file) for file in files)
    except FileNotFoundError as error:
        raise InputError(
            f"{path} not found: give a text file, a folder, 'builtin' or 'tfds:NAME'"
        ) from error
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if not files:
        raise InputError(f"{path} is a folder without .txt files")
    return text


def _file_text(path: Path) -> str:
    with _OPENERS.get(path.suffix, open)(path, "rb") as file:
        data = file.read()
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        where = f"byte 0x{data[error.start]:02x} at offset {error.start:,}"
        raise InputError(f"{path} is not UTF-8: {where}; save it as UTF-8") from error


def _tfds_text(name: str) -> str:
    import tensorflow_datasets as tfds

    # Its builders and transports share no class of error, hence `except Exception`, twice.
    try:
        builder = tfds.builder(name)
    except Exception as error:
        raise InputError(f"TensorFlow Datasets cannot give {name!r}: {_brief(error)}") from error
    if "text" not in builder.info.features:
        raise InputError(f"tfds:{name} has no 'text' feature, so it cannot train this model")
    try:
        builder.download_and_prepare()  # does nothing, not even a connection, if it is prepared
    except Exception as error:
        raise InputError(f"could not download tfds:{name}: {_brief(error)}") from error
    splits = [split for split in _TFDS_SPLITS if split in builder.info.splits]
    return "".join(_tfds_split_text(tfds, builder, split) for split in splits)


def _tfds_split_text(tfds, builder, split: str) -> str:
    examples = tfds.as_numpy(builder.as_dataset(split=split))
    return "\n".join(example["text"].decode("utf-8") for example in examples)


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}"
