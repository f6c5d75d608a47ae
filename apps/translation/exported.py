"""The exported translator, from a SavedModel or a LiteRT file."""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from apps.translation.attention import Attention
from apps.translation.config import TranslationConfig
from apps.translation.model import VOCABULARIES
from apps.translation.search import most_attended, search, source_ids, source_words
from apps.translation.text import PAD_ID, UNKNOWN_ID, make_tokenizer
from rnn_keras.export import LiteRTModel, SavedModel


@dataclass(frozen=True)
class Source:
    """The input that the model reads of a sentence.

    Attributes:
        length: number of tokens of the sentence.
        read: number of tokens that are read, from the first on.
        unknown: the words that are unknown to the model.
        knows_any: whether any token that is read is known.
    """

    length: int
    read: int
    unknown: list[str]
    knows_any: bool


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


class ExportedTranslator:
    """Translates with an exported model: a search over its `encode` and `step`.

    Beam width and length penalty are free, whereas the signatures that contain a search have those
    of the run.

    Args:
        model: a SavedModel or a LiteRT file with the signatures `encode` and `step`.
        config: the configuration of the run.

    Raises:
        ValueError: the model lacks a vocabulary.
    """

    def __init__(self, model: SavedModel | LiteRTModel, config: TranslationConfig):
        self.config, self._model = config, model
        self._source, self._target = (
            make_tokenizer(model.vocabulary(name), config) for name in VOCABULARIES
        )
        self.attends = "align" in model.signatures

    def _call(self, signature, **tensors):
        """The outputs of a signature, tensors by name."""
        outputs = self._model.run(signature, **{k: v.numpy() for k, v in tensors.items()})
        return {name: tf.constant(value) for name, value in outputs.items()}

    def read(self, sentences: Sequence[str]) -> list[Source]:
        """The input that the model reads of each sentence."""
        text = tf.constant(sentences)
        ids = self._source.encode(text)
        return [
            Source(
                length=len(of_one),
                read=(read := min(len(of_one), self.config.max_length)),
                unknown=unknown,
                knows_any=any(token != UNKNOWN_ID for token in of_one[:read]),
            )
            for of_one, unknown in zip(ids.to_list(), self._source.unknown_words(text))
        ]

    def translate(
        self, sentences: Sequence[str], beam: int, alpha: float, nbest: int = 1
    ) -> list[list[Translation]]:
        """The best translations of each sentence, at most `nbest`, the best first.

        Args:
            sentences: at least one.
            beam: hypotheses that beam search keeps; 1 is greedy search.
            alpha: exponent of the length by which their log-probability is divided.
            nbest: number of translations per sentence, up to `beam`.
        """
        text = tf.constant(sentences)
        ids = source_ids(self._source, text)
        memory = self._call("encode", ids=ids)
        states = {name: memory.pop(name) for name in list(memory) if name.startswith("state_")}

        def step(tokens, carried):
            outputs = self._call("step", ids=tokens, **memory, **dict(zip(states, carried)))
            return outputs["logits"], [outputs[name] for name in states]

        hypotheses = search(self.config, step, list(states.values()), ids, beam, alpha, nbest)
        attention = self._align(ids, hypotheses.tokens) if self.attends else None
        texts = self._texts(text, ids, hypotheses.tokens, attention)

        def translation(row, n):
            length = hypotheses.lengths[row, n]
            tokens = self._target.vocabulary.decode(hypotheses.tokens[row, n, :length].numpy())
            token_attention = None
            if attention is not None:
                source = self._source.vocabulary.decode(ids[row].numpy()[ids[row] != PAD_ID])
                weights = attention[row, n, :length, : len(source)].numpy()
                token_attention = Attention(source, tokens, weights)
            score = float(hypotheses.scores[row, n])
            return Translation(texts[row, n].numpy().decode(), score, token_attention)

        exists = hypotheses.scores.numpy() > tf.float32.min
        return [
            [translation(row, n) for n in range(nbest) if exists[row, n]]
            for row in range(len(sentences))
        ]

    def _align(self, ids, tokens):
        """The attention of hypotheses `(batch, n, time)`: `(batch, n, time, source)`."""
        batch, n, time = tokens.shape
        rows = tf.reshape(tokens, [-1, time])
        weights = self._call("align", ids=tf.repeat(ids, n, axis=0), target_ids=rows)["attention"]
        return tf.reshape(weights, [batch, n, time, -1])

    def _texts(self, text, ids, tokens, attention):
        if attention is None or self.config.tokens != "word":
            return self._target.decode(tokens)
        batch, n, time = tokens.shape
        words = source_words(self._source, text, ids)
        unknown = most_attended(words, tf.reshape(attention, [batch, n * time, -1]))
        return self._target.decode(tokens, tf.reshape(unknown, tokens.shape))
