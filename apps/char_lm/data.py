"""The data of the character language model: a text, split and encoded."""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

import numpy as np

from apps.char_lm.config import D2L_STEPS, CharLMConfig
from apps.char_lm.text import load_text, text_chunks
from apps.common.errors import InputError
from apps.common.prepared import prepare_arrays
from apps.common.progress import reports
from rnn_keras.text import Vocabulary

# The Time Machine protocol of "Dive into Deep Learning" 1.0: the stride-1 windows of 32 steps
# that start at characters 0-9,999 train, those at 10,000-14,999 validate.
D2L_TRAIN_WINDOWS, D2L_VALIDATION_WINDOWS = 10_000, 5_000


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text in two parts, encoded.

    The ids have the smallest dtype of uint8, uint16 and int32 that holds them. Those of a long text
    are memory-mapped files (see `prepare_arrays`).

    Attributes:
        train_ids: shape `(n,)`.
        validation_ids: shape `(m,)`; unseen characters are `<unk>`.
        vocab: the characters in training (under the D2L protocol: in the whole text).
        validation_start: position in the text of the first validation character; the parts
            overlap under the D2L protocol, where it is less than n.
        unseen: number of validation characters that became `<unk>`.
        sha256: a digest of both texts and of the vocabulary.
    """

    train_ids: np.ndarray
    validation_ids: np.ndarray
    vocab: Vocabulary
    validation_start: int
    unseen: int
    sha256: str

    @property
    def history_ids(self) -> np.ndarray:
        """The ids before the first validation character: the n-grams' first context."""
        return self.train_ids[: self.validation_start]


def load_corpus(config: CharLMConfig) -> Corpus:
    """The corpus of `config`, long enough for one batch in each part.

    Raises:
        InputError: the source cannot be used, or is too short.
    """
    if config.protocol == "d2l":
        return load(config.data, protocol="d2l")
    batch = config.batch_size * config.steps + 1
    return load(
        config.data,
        validation_fraction=config.validation_fraction,
        min_train=batch + config.steps - 1,
        min_validation=batch,
    )


@reports("reading the text")
def load(
    source: str,
    *,
    protocol: Literal["stream", "d2l"] = "stream",
    validation_fraction: float = 0.1,
    min_train: int = 2,
    min_validation: int = 2,
) -> Corpus:
    """Read `source` (see `text_chunks`), clean, split and encode it.

    Args:
        source: `builtin`, a path or `tfds:NAME`.
        protocol: `stream` holds out the end of the text (`split_point`) and knows the characters
            of the training part only; `d2l` applies `d2l_clean` and takes the first 10,032
            characters to train, the characters 10,000-15,031 to validate and the whole text for
            the vocabulary, so that `sliding_windows(ids, 32)` gives exactly D2L's windows.
        validation_fraction: size of the tail; unused by `d2l`.
        min_train: fewest characters the training part must have, e.g. one batch of streams.
        min_validation: the same for the validation part.

    Raises:
        InputError: the source is unusable, or too short for the protocol.
        ValueError: there is no such protocol.
    """
    if protocol not in ("stream", "d2l"):
        raise ValueError(f"protocol is stream or d2l, got {protocol!r}")
    if protocol == "d2l":
        text = d2l_clean(load_text(source))
        train_end = D2L_TRAIN_WINDOWS + D2L_STEPS
        start, end = D2L_TRAIN_WINDOWS, train_end + D2L_VALIDATION_WINDOWS
        _require(source, len(text), end)
        pieces = [("train", text[:train_end]), ("validation", text[start:end])]
        return _prepare("", end, start, lambda: [text], lambda: pieces)
    digest, length = _measure(text_chunks(source))
    _require(source, length, _shortest_text(validation_fraction, min_train, min_validation))
    cut = split_point(length, validation_fraction)

    def pieces():
        return split_chunks(text_chunks(source), cut)

    def training_text():
        return (text for _, text in takewhile(lambda piece: piece[0] == "train", pieces()))

    return _prepare(digest, length, cut, training_text, pieces)


def split_point(length: int, fraction: float) -> int:
    """Where a text is cut to hold out its last `fraction`; 0.1 is nanoGPT's tiny-shakespeare split.

    Raises:
        InputError: `fraction` is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise InputError(f"the validation fraction must be between 0 and 1, got {fraction}")
    return int(length * (1 - fraction))


def split_chunks(chunks: Iterable[str], cut: int) -> Iterator[tuple[str, str]]:
    """`("train", text)` for the pieces of a text before the cut, then `("validation", text)`."""
    start = 0
    for chunk in chunks:
        within = max(0, cut - start)
        start += len(chunk)
        pieces = ("train", chunk[:within]), ("validation", chunk[within:])
        yield from (piece for piece in pieces if piece[1])


def d2l_clean(text: str) -> str:
    """D2L 1.0's cleaning: every run of other characters than A-Z and a-z to one space, lower case.

    References:
        Zhang et al., Dive into Deep Learning 1.0, "Converting Raw Text into Sequence Data".
    """
    return re.sub("[^A-Za-z]+", " ", text).lower()


def _measure(chunks: Iterable[str]) -> tuple[str, int]:
    """A digest of a text, and its length."""
    digest, length = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk.encode())
        length += len(chunk)
    return digest.hexdigest(), length


def _prepare(
    digest: str,
    length: int,
    start: int,
    counted: Callable[[], Iterable[str]],
    pieces: Callable[[], Iterable[tuple[str, str]]],
) -> Corpus:
    """Counts the characters of a text, and encodes the pieces of its two parts."""

    def write(append):
        vocab = Vocabulary.from_tokens(_count(counted()))
        dtype, unseen = np.min_scalar_type(len(vocab) - 1), 0
        # Of the JSON list of both texts and the tokens, written in pieces.
        sha256, last = hashlib.sha256(b'["'), "train"
        for part, text in pieces():
            sha256.update(b'", "' if part != last else b"")
            sha256.update(json.dumps(text)[1:-1].encode())
            last, ids = part, vocab.encode(text)
            unseen += int(np.count_nonzero(ids == vocab.unk_id)) if part == "validation" else 0
            append(part, ids.astype(dtype))
        sha256.update(f'", {json.dumps(vocab.tokens)}]'.encode())
        return {"tokens": vocab.tokens, "unseen": unseen, "sha256": sha256.hexdigest()}

    ids, facts = prepare_arrays("char_lm", [digest, start], length, write)
    return Corpus(
        train_ids=ids["train"],
        validation_ids=ids["validation"],
        vocab=Vocabulary(facts["tokens"]),
        validation_start=start,
        unseen=facts["unseen"],
        sha256=facts["sha256"],
    )


def _count(chunks: Iterable[str]) -> dict[str, int]:
    """How often each character occurs."""
    counts = np.zeros(sys.maxunicode + 1, np.int64)
    for chunk in chunks:
        found = np.bincount(np.frombuffer(chunk.encode("utf-32-le"), "<u4"))
        counts[: len(found)] += found
    return {chr(code): int(counts[code]) for code in np.flatnonzero(counts)}


def _shortest_text(fraction: float, min_train: int, min_validation: int) -> int:
    """The fewest characters that split into at least these parts."""

    def suffices(n):
        cut = split_point(n, fraction)
        return cut >= min_train and n - cut >= min_validation

    low, high = 0, 1
    while not suffices(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def _require(source: str, length: int, needed: int) -> None:
    if length < needed:
        raise InputError(
            f"{source} is too short: at least {needed:,} characters are needed, got {length:,}"
        )
