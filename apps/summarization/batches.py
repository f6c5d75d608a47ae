"""Texts and summaries as batches of ids, bucketed by length."""

from typing import Any

import numpy as np
import tensorflow as tf

from apps.common.progress import chunks
from apps.common.tokenized import tokens_before
from apps.summarization.scores import oracle
from apps.summarization.summaries import Summaries
from apps.summarization.summarizers import BOS_ID, EOS_ID, KINDS, PAD_ID, UNKNOWN_ID
from rnn_keras.data import bucketed_batches
from rnn_keras.seq2seq import copy_targets
from rnn_keras.text import Vocabulary

BUCKETS = {"extractive": 16, "abstractive": 4}  # multiple of sentences, of words
CHUNK = 64  # texts at a time
SKIPPED, CHOSEN = 1, 2  # labels of sentences; 0 is padding


class TokenizedSummaries:
    """Texts and summaries as ids, or as sentences and which of them to choose.

    Args:
        config: a configuration with `model`, `batch_size`, `seed`, `summary_length`, and what the
            summarizer needs.
        vocabulary: of the words.
        pairs: the texts and summaries of a split.
    """

    def __init__(self, config: Any, vocabulary: Vocabulary, pairs: Summaries):
        self._config, self.sources, self.targets = config, [], []
        reader = KINDS[config.model](config, vocabulary)
        add = self._add_labels if config.model == "extractive" else self._add_words
        for rows in chunks(range(len(pairs)), "reading texts", "texts", CHUNK):
            part = slice(rows[0], rows[-1] + 1)
            add(reader, tf.constant(pairs.texts[part]), pairs.summaries[part])

    def _add_labels(self, reader, texts, summaries):
        ids, found = reader.read(texts)
        for row, each, summary in zip(ids.numpy(), found.to_list(), summaries):
            labels = np.full(max(len(each), 1), SKIPPED, np.int32)
            labels[oracle([s.decode() for s in each], summary)] = CHOSEN
            self.sources.append(row[: len(labels)])
            self.targets.append(labels)

    def _add_words(self, reader, texts, summaries):
        source, words = reader.read(texts)
        written = reader.tokenizer.split(tf.constant(summaries))
        written = written[:, : self._config.summary_length - 1]
        ids = reader.tokenizer.ids(written).to_tensor(PAD_ID)
        target = copy_targets(written.to_tensor(""), ids, words, source, UNKNOWN_ID)
        lengths = written.row_lengths().numpy()
        self.sources += [row[row != PAD_ID] for row in source.numpy()]
        self.targets += [
            np.append(r[:n], np.int32(EOS_ID)) for r, n in zip(target.numpy(), lengths)
        ]

    def batches(self, epoch: int | None = None) -> tf.data.Dataset:
        """`(ids, labels)`, or `((source, tokens), target)`; int32, padded with 0.

        Args:
            epoch: of the training, which shuffles the texts; None keeps the order, for evaluation.
        """
        config = self._config
        seed = None if epoch is None else (config.seed, epoch)
        options = config.batch_size, BUCKETS[config.model], seed
        if config.model == "abstractive":
            pairs = bucketed_batches((self.targets, self.sources), *options)
            return pairs.map(lambda y, x: ((x, tokens_before(y, BOS_ID, EOS_ID)), y))
        rows = np.arange(len(self.targets), dtype=np.int32)

        def stack(rows, count):
            """The sentences of texts, `(texts, count, words)`."""
            ids = np.zeros((len(rows), count, config.max_length), np.int32)
            for place, row in zip(ids, rows):
                found = self.sources[row]
                place[: len(found), : found.shape[1]] = found
            return ids

        def with_ids(labels, rows):
            ids = tf.numpy_function(stack, [rows, tf.shape(labels)[1]], tf.int32)
            return tf.ensure_shape(ids, [None, None, config.max_length]), labels

        return bucketed_batches((self.targets,), *options, (rows,)).map(with_ids)
