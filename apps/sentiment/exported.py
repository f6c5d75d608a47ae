"""The exported classifier: from texts to probabilities, by a SavedModel or a LiteRT file."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from apps.common.exported import load_export, one_line_export_errors
from apps.common.run import Run
from apps.sentiment.config import SentimentConfig
from apps.sentiment.text import PAD_ID, UNKNOWN_ID, make_tokenizer, pad_rows
from rnn_keras.export import LiteRTModel, SavedModel

CHUNK = 64  # rows of one call


@dataclass(frozen=True)
class Reading:
    """The model's result for a text.

    Attributes:
        tokens: the tokens that were read.
        ids: their ids, int32 `(tokens,)`.
        length: number of tokens of the whole text.
        unknown: number of unknown `tokens`.
        logit: log-odds of being positive.
    """

    tokens: list[str]
    ids: np.ndarray
    length: int
    unknown: int
    logit: float

    @property
    def probability(self) -> float:
        """The probability of being positive."""
        return float(1 / (1 + np.exp(-np.float64(self.logit))))


class Classifier:
    """Classifies texts with an exported model, which contains its vocabulary.

    Args:
        model: a SavedModel or a LiteRT file with the signature `score`.
        config: the configuration of the run.

    Raises:
        ValueError: the model holds no vocabulary.
    """

    def __init__(self, model: SavedModel | LiteRTModel, config: SentimentConfig):
        self._model, self._tokenizer = model, make_tokenizer(model.vocabulary(), config)

    def predict(self, text: str) -> Reading:
        """The model's result for a text."""
        whole = self._tokenizer.split(tf.constant([text]))
        tokens = self._tokenizer.truncate(whole)
        ids = pad_rows(self._tokenizer.ids(tokens), PAD_ID).numpy()[0]
        logit = float(self.logits(ids[None])[0])
        return Reading(
            tokens=[token.decode() for token in tokens.flat_values.numpy()],
            ids=ids[ids != PAD_ID],  # a text without tokens has one step, which is skipped
            length=int(whole.row_lengths()[0]),
            unknown=int((ids == UNKNOWN_ID).sum()),
            logit=logit,
        )

    def logits(self, ids: np.ndarray) -> np.ndarray:
        """The log-odds `(batch,)` for ids `(batch, time)`; a `PAD_ID` is skipped."""
        starts = range(0, len(ids), CHUNK)
        return np.concatenate(
            [self._model.run("score", ids=ids[start : start + CHUNK])["logit"] for start in starts]
        )


def load(run: Run, source: str) -> Classifier:
    """The classifier of a run; neither `best.keras` nor `vocab.txt` is read.

    Args:
        run: an exported run.
        source: "saved_model" or "litert".

    Raises:
        InputError: the run is not exported, or the export is damaged.
    """
    model = load_export(run, source, "score")
    with one_line_export_errors(run, model.path):
        return Classifier(model, run.read_config(SentimentConfig))
