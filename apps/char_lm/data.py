"""The data of the character language model: a text, split and encoded."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from apps.char_lm.config import D2L_STEPS, CharLMConfig
from apps.char_lm.text import load_text
from apps.common.errors import InputError
from apps.common.progress import reports
from rnn_keras.text import Vocabulary

# The Time Machine protocol of "Dive into Deep Learning" 1.0: the stride-1 windows of 32 steps
# that start at characters 0-9,999 train, those at 10,000-14,999 validate.
D2L_TRAIN_WINDOWS, D2L_VALIDATION_WINDOWS = 10_000, 5_000


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

    @property
    def sha256(self) -> str:
        """A digest of both texts and of the vocabulary."""
        parts = json.dumps([self.train_text, self.validation_text, self.vocab.tokens])
        return hashlib.sha256(parts.encode()).hexdigest()


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
    """Read `source` (see `load_text`), clean, split and encode it.

    Args:
        source: `builtin`, a path or `tfds:NAME`.
        protocol: `stream` holds out the end of the text (`split_tail`) and knows the characters
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
    text = load_text(source)
    if protocol == "d2l":
        text = d2l_clean(text)
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
