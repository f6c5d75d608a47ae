"""From sentences to their translations, over three functions of a model.

The model is a Keras model (`graph.py`) or an exported file (`exported.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from apps.translation.attention import Attention
from apps.translation.config import TranslationConfig
from apps.translation.search import most_attended, search, source_ids, source_words
from apps.translation.text import PAD_ID
from rnn_keras.decoding import Hypotheses
from rnn_keras.text import UNKNOWN, Tokenizer


@dataclass(frozen=True)
class Translation:
    """A translation of a sentence.

    Attributes:
        text: the translation.
        score: its log-probability over L^alpha.
        attention: the attention of its tokens; None if the model has no attention.
    """

    text: str
    score: float
    attention: Attention | None


class Translations(NamedTuple):
    """Translations of a batch of sentences, as tensors.

    Attributes:
        ids: int32 `(batch, source)`, the sentences as the model reads them.
        hypotheses: what the search found, `nbest` of each sentence.
        texts: strings `(batch, nbest)`.
        attention: `(batch, nbest, time, source)`, or None.
    """

    ids: tf.Tensor
    hypotheses: Hypotheses
    texts: tf.Tensor
    attention: tf.Tensor | None


class Pipeline:
    """Tokenizes, encodes, searches, and writes the text.

    Args:
        config: the configuration of the model.
        source, target: the tokenizers.
        encode: `ids -> (memory, states)`, see `Translator.encode`.
        step: `(tokens, states, memory) -> (logits, states)`, one step of the decoder.
        align: `(tokens, states, memory) -> weights`, the attention `(rows, time, source)` of whole
            translations; None for a model without attention.
    """

    def __init__(
        self,
        config: TranslationConfig,
        source: Tokenizer,
        target: Tokenizer,
        encode: Callable,
        step: Callable,
        align: Callable | None,
    ):
        self.config, self.source, self.target = config, source, target
        self.has_attention = align is not None
        self._encode, self._step, self._align = encode, step, align
        # Once in a SavedModel, however many functions call it: its tables are large.
        self._read = tf.function(
            self._read_text,
            input_signature=[tf.TensorSpec([None], tf.string, "text")],
            autograph=False,
        )

    def search(self, ids, beam: int, alpha, nbest: int = 1):
        """The best translations of sentences, as ids.

        Args:
            ids: int32 `(batch, source)`, from `source_ids`.
            beam: hypotheses that beam search keeps; 1 is greedy search.
            alpha: exponent of the length by which their log-probability is divided.
            nbest: number of translations per sentence, up to `beam`.

        Returns:
            `(hypotheses, memory, states)`, the last two from `encode`.
        """
        memory, states = self._encode(ids)

        def step(tokens, states):
            return self._step(tokens, states, memory)

        return search(self.config, step, states, ids, beam, alpha, nbest), memory, states

    def __call__(
        self, text, beam: int, alpha, nbest: int = 1, return_attention: bool = False
    ) -> Translations:
        """The best translations of texts, in the graph or eagerly.

        Args:
            text: strings `(batch,)`.
            beam, alpha, nbest: as in `search`.
            return_attention: whether the result has the attention, if the model has one.
        """
        ids, words = self._read(text)
        hypotheses, memory, states = self.search(ids, beam, alpha, nbest)
        longest = tf.maximum(tf.reduce_max(hypotheses.lengths), 1)
        tokens = hypotheses.tokens[:, :, :longest]
        attention, unknown = None, UNKNOWN
        replaces_unknown = self.has_attention and self.config.tokens == "word"
        if replaces_unknown or (return_attention and self.has_attention):
            shape = tf.shape(tokens)
            rows = tf.reshape(tokens, [-1, shape[2]])
            weights = self._align(rows, [tf.repeat(s, nbest, axis=0) for s in states], memory)
            by_sentence = tf.reshape(weights, [shape[0], -1, tf.shape(ids)[1]])
            attention = tf.reshape(weights, tf.concat([shape, tf.shape(ids)[1:]], axis=0))
            if replaces_unknown:
                unknown = tf.reshape(most_attended(words, by_sentence), shape)
        return Translations(ids, hypotheses, self.target.decode(tokens, unknown), attention)

    def translate(
        self,
        sentences: Sequence[str],
        beam: int | None = None,
        alpha: float | None = None,
        nbest: int = 1,
    ) -> list[list[Translation]]:
        """The best translations of each sentence, at most `nbest`, the best first.

        Args:
            sentences: at least one.
            beam, alpha, nbest: as in `search`; None takes the value of the configuration.
        """
        beam = self.config.beam if beam is None else beam
        alpha = self.config.alpha if alpha is None else alpha
        found = self(tf.constant(sentences), beam, alpha, nbest, return_attention=True)
        exists = found.hypotheses.scores.numpy() > tf.float32.min
        return [
            [self._record(found, row, n) for n in range(nbest) if exists[row, n]]
            for row in range(len(sentences))
        ]

    def _record(self, found, row, n):
        length = found.hypotheses.lengths[row, n]
        attention = None
        if found.attention is not None:
            ids = found.ids[row].numpy()
            source = self.source.vocabulary.decode(ids[ids != PAD_ID])
            tokens = self.target.vocabulary.decode(found.hypotheses.tokens[row, n, :length].numpy())
            weights = found.attention[row, n, :length, : len(source)].numpy()
            attention = Attention(source, tokens, weights)
        text = found.texts[row, n].numpy().decode()
        return Translation(text, float(found.hypotheses.scores[row, n]), attention)

    def _read_text(self, text):
        ids = source_ids(self.source, text)
        return ids, source_words(self.source, text, ids)
