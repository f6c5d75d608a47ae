"""Tagged sentences as batches of ids, bucketed by length."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from apps.ner.sentences import Sentence
from rnn_keras.data import bucketed_batches
from rnn_keras.layers import viterbi
from rnn_keras.metrics import Entity, entity_scores, find_entities, write_tags
from rnn_keras.text import WordLookup


class TokenizedSentences:
    """Sentences as ids.

    Args:
        config: a configuration with `batch_size`, `bucket`, `seed` and `unknown_rate`.
        lookup: words to ids.
        tags: the tags by id, IOBES.
        sentences: the sentences.
    """

    def __init__(
        self,
        config: Any,
        lookup: WordLookup,
        tags: Sequence[str],
        sentences: Sequence[Sentence],
    ):
        self._config, self._sentences, self._tags = config, sentences, tags
        self._unknown = lookup.words.unk_id
        distinct = sorted({token for s in sentences for token in s.tokens})
        words, self._characters = lookup(tf.constant(distinct))
        rows, ids = ({x: i for i, x in enumerate(each)} for each in (distinct, tags))
        self._rows = [np.array([rows[token] for token in s.tokens], np.int32) for s in sentences]
        self._words = [words.numpy()[row] for row in self._rows]
        written = (write_tags(s.entities, len(s.tokens)) for s in sentences)
        self._ids = [np.array([ids.get(tag, 0) for tag in each], np.int32) for each in written]

    def batches(self, epoch: int | None = None) -> tf.data.Dataset:
        """`((words, characters), tags)`, int32: `(batch, time)`, but characters have a third axis.

        Args:
            epoch: of the training, which shuffles, and reads a word that occurs n times as unknown
                at the rate a / (a + n), a = `config.unknown_rate`; None for neither.
        """
        if epoch is None:
            return self._bucketed(self._words)
        seed = (self._config.seed, epoch)
        random, rate = np.random.default_rng(seed), self._config.unknown_rate
        rates = rate / (rate + np.bincount(np.concatenate(self._words)).clip(1))
        drop = (random.random(len(words)) < rates[words] for words in self._words)
        words = [np.where(unknown, self._unknown, w) for unknown, w in zip(drop, self._words)]
        return self._bucketed(words, seed)

    def predict(self, model: keras.Model) -> list[list[Entity]]:
        """The entities that a model, which gives the scores of a `CRF`, finds in each sentence."""
        found = [[] for _ in self._rows]
        for inputs, _, rows in self._bucketed(self._words, None, np.arange(len(found))):
            paths, _ = viterbi(model.predict_on_batch(inputs))
            for row, path in zip(rows.numpy(), paths.numpy()):
                tags = (self._tags[i] for i in path[: len(self._rows[row])])
                found[row] = find_entities(tags)
        return found

    def f1(self, model: keras.Model) -> float:
        """The F1 of `predict`."""
        true = [sentence.entities for sentence in self._sentences]
        return entity_scores(true, self.predict(model))["all"].f1

    def _bucketed(self, words, seed=None, *arrays):
        config, sides, table = self._config, (words, self._rows, self._ids), self._characters
        batches = bucketed_batches(sides, config.batch_size, config.bucket, seed, arrays)

        def add_characters(words, rows, tags, *arrays):
            # Padding, where the words are 0, is masked, so its characters do not matter.
            return (words, tf.gather(table, rows)), tags, *arrays

        return batches.map(add_characters)
