"""The exported classifier as one object, whichever file it comes from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.sentiment.config import SentimentConfig
from apps.sentiment.text import PAD_ID, UNKNOWN_ID, Tokenizer, padded
from rnn_keras.export import LiteRTModel

CHUNK = 64  # rows of one call


@dataclass(frozen=True)
class Reading:
    """What the model makes of a text.

    Attributes:
        tokens: those it read.
        ids: theirs, int32 `(tokens,)`.
        length: number of tokens of the whole text.
        unknown: number of `tokens` that it does not know.
        logit: log-odds of being positive.
    """

    tokens: list[str]
    ids: np.ndarray
    length: int
    unknown: int
    logit: float

    @property
    def probability(self) -> float:
        """Of being positive."""
        return float(1 / (1 + np.exp(-np.float64(self.logit))))


class Classifier:
    """Reads texts with an exported model."""

    def read(self, text: str) -> Reading:
        """The model's answer to a text."""
        tokens, ids, length = self._tokenize(tf.constant([text]))
        logit = float(self.logits(ids[None])[0])
        valid = ids != PAD_ID  # a text without tokens has one step, which is passed over
        return Reading(tokens, ids[valid], length, int((ids == UNKNOWN_ID).sum()), logit)

    def logits(self, ids: np.ndarray) -> np.ndarray:
        """The log-odds `(batch,)` for ids `(batch, time)`; a `PAD_ID` is passed over."""
        starts = range(0, len(ids), CHUNK)
        return np.concatenate([self._score(ids[start : start + CHUNK]) for start in starts])


class SavedModelClassifier(Classifier):
    """A SavedModel, which needs nothing else.

    Args:
        path: its folder.

    Raises:
        ValueError: it lacks a signature.
        OSError, tf.errors.OpError: it is damaged.
    """

    def __init__(self, path: Path):
        self._model = tf.saved_model.load(str(path))
        _require(self._model, "tokenize", "score")

    def _tokenize(self, text):
        found = self._model.signatures["tokenize"](text=text)
        tokens = [token.decode() for token in found["tokens"].numpy()[0] if token]
        return tokens, found["ids"].numpy()[0], int(found["length"][0])

    def _score(self, ids):
        return self._model.signatures["score"](ids=tf.constant(ids))["logit"].numpy()


class LiteRTClassifier(Classifier):
    """A LiteRT file, whose vocabulary is in it.

    Args:
        path: the file.
        config: what its vocabulary holds and how long a text may be; LiteRT takes no text.

    Raises:
        ValueError: it is no LiteRT model, or lacks the signature or the vocabulary.
    """

    def __init__(self, path: Path, config: SentimentConfig):
        self._model = LiteRTModel(path)
        _require(self._model, "score")
        self._tokenizer = Tokenizer(self._model.vocabulary(), config)

    def _tokenize(self, text):
        whole = self._tokenizer.split(text)
        tokens = self._tokenizer.crop(whole)
        ids = padded(self._tokenizer.ids(tokens), PAD_ID).numpy()[0]
        return [t.decode() for t in tokens.flat_values.numpy()], ids, int(whole.row_lengths()[0])

    def _score(self, ids):
        return self._model.run("score", ids=ids)["logit"]


def _require(model, *signatures):
    missing = [name for name in signatures if name not in model.signatures]
    if missing:
        raise ValueError(f"it has no signature {missing[0]!r}")
