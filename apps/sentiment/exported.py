"""The exported classifier as one object, whichever file it comes from."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from apps.sentiment.config import SentimentConfig
from apps.sentiment.text import PAD_ID, UNKNOWN_ID, Tokenizer, padded
from rnn_keras.export import LiteRTModel, SavedModel

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
    """Reads texts with an exported model, whose vocabulary is in it.

    Args:
        model: a SavedModel or a LiteRT file with the signature `score`.
        config: the configuration of the run.

    Raises:
        ValueError: the model holds no vocabulary.
    """

    def __init__(self, model: SavedModel | LiteRTModel, config: SentimentConfig):
        self._model, self._tokenizer = model, Tokenizer(model.vocabulary(), config)

    def read(self, text: str) -> Reading:
        """The model's answer to a text."""
        whole = self._tokenizer.split(tf.constant([text]))
        tokens = self._tokenizer.crop(whole)
        ids = padded(self._tokenizer.ids(tokens), PAD_ID).numpy()[0]
        logit = float(self.logits(ids[None])[0])
        return Reading(
            tokens=[token.decode() for token in tokens.flat_values.numpy()],
            ids=ids[ids != PAD_ID],  # a text without tokens has one step, which is passed over
            length=int(whole.row_lengths()[0]),
            unknown=int((ids == UNKNOWN_ID).sum()),
            logit=logit,
        )

    def logits(self, ids: np.ndarray) -> np.ndarray:
        """The log-odds `(batch,)` for ids `(batch, time)`; a `PAD_ID` is passed over."""
        starts = range(0, len(ids), CHUNK)
        return np.concatenate(
            [self._model.run("score", ids=ids[start : start + CHUNK])["logit"] for start in starts]
        )
