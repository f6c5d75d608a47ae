"""Tags of a text's words, with their positions: what stands before and behind a tagging model."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from rnn_keras.metrics import find_entities
from rnn_keras.text.matches import find_words
from rnn_keras.text.word_lookup import WordLookup


class TextEntity(NamedTuple):
    """An entity in a text, `text[start:end]`, with the probability of its least certain tag."""

    text: str
    type: str
    start: int
    end: int
    probability: float


class TextTagger:
    """Tags the words of texts, in a graph or eagerly, and finds the entities.

    Args:
        score: function of the ids of words `(batch, time)` and of their characters `(batch, time,
            length)`, padded with 0. It returns a dictionary of the ids of the `tags`, int32, and
            their `probability`, both `(batch, time)`: a model, or one that was exported.
        lookup: words to ids.
        tags: the tags by id.
    """

    def __init__(self, score: Callable[..., Mapping], lookup: WordLookup, tags: Sequence[str]):
        self._score, self._lookup, self._tags = score, lookup, tuple(tags)

    def ids(self, words: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The arguments of `score` for words `(batch, words)`, at least one step long."""
        flat = self._lookup(words.flat_values)
        ids, characters = (words.with_flat_values(each).to_tensor() for each in flat)
        missing = tf.cast(tf.equal(tf.shape(ids)[1], 0), tf.int32)
        characters = tf.pad(characters, [[0, 0], [0, missing], [0, 0]])
        return tf.pad(ids, [[0, 0], [0, missing]]), characters

    def tag(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """The words of each text with their tags: see `find_words`.

        Args:
            text: strings `(batch,)`, at least one.

        Returns:
            All `(batch, time)`: `tokens` and `tags`, strings; their `start` and `end` in
            characters, int32; the `probability` of the tag, float32. Behind the end of a row they
            are empty or 0; there is at least one step.
        """
        tokens, start, end = find_words(text)
        words, characters = self.ids(tokens)
        scored, is_word = self._score(words, characters), tf.not_equal(words, 0)
        shape = tf.shape(words, tf.int64)
        return {
            "tokens": tokens.to_tensor(shape=shape),
            "start": start.to_tensor(shape=shape),
            "end": end.to_tensor(shape=shape),
            "tags": tf.where(is_word, tf.gather(tf.constant(self._tags), scored["tags"]), ""),
            "probability": tf.where(is_word, scored["probability"], 0.0),
        }

    def entities(self, text: str) -> list[TextEntity]:
        """The entities of a text, from left to right."""
        found = {name: each[0].numpy() for name, each in self.tag(tf.constant([text])).items()}
        entities = []
        for first, last, kind in find_entities(t.decode() for t in found["tags"] if t):
            start, end = int(found["start"][first]), int(found["end"][last - 1])
            probability = float(found["probability"][first:last].min())
            entities.append(TextEntity(text[start:end], kind, start, end, probability))
        return entities
