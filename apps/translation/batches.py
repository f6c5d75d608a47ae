"""Pairs as batches of ids, bucketed by length."""

import numpy as np
import tensorflow as tf

from apps.common.progress import chunks
from apps.translation.config import TranslationConfig
from apps.translation.pairs import Pairs
from apps.translation.text import BOS_ID, CHUNK, EOS_ID, Tokenizer
from rnn_keras.data import bucket_by_length, pad


class TokenizedPairs:
    """Pairs as ids.

    Args:
        config: the configuration.
        source_tokenizer, target_tokenizer: the tokenizers of the two languages.
        pairs: the pairs.

    Attributes:
        tokens: the number of target tokens, `EOS_ID` included.
    """

    def __init__(
        self,
        config: TranslationConfig,
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        pairs: Pairs,
    ):
        self._config = config
        self._sources = _with_end(source_tokenizer.read, pairs.sources)
        self._targets = _with_end(target_tokenizer.encode, pairs.targets)
        self.tokens = sum(map(len, self._targets))

    def batches(self, epoch: int | None = None) -> tf.data.Dataset:
        """`((source, decoder_input), target)`, int32 `(batch, time)` each, padded with 0.

        The source and the target end with `EOS_ID`; the decoder input is `BOS_ID` and the target
        without its last token.

        Args:
            epoch: of the training, which shuffles the pairs; None keeps the order, for evaluation.
        """
        random = None if epoch is None else np.random.default_rng((self._config.seed, epoch))
        # By the target, where a step costs most, then by the source: both get little padding.
        sides = [list(map(len, side)) for side in (self._targets, self._sources)]
        bucket = self._config.bucket
        batches = bucket_by_length(np.array(sides).T, self._config.batch_size, bucket, random)

        def generate():
            for rows in batches:
                target = self._pad(self._targets, rows)
                started = np.roll(target, 1, axis=1)
                started[:, 0] = BOS_ID
                started[started == EOS_ID] = 0
                yield (self._pad(self._sources, rows), started), target

        ids = tf.TensorSpec((None, None), tf.int32)
        dataset = tf.data.Dataset.from_generator(generate, output_signature=((ids, ids), ids))
        return dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(2)

    def _pad(self, ids, rows):
        return pad([ids[row] for row in rows], self._config.bucket)


def _with_end(encode, texts):
    """The ids of each text and `EOS_ID`, int32 vectors."""
    rows = []
    for chunk in chunks(texts, "tokenizing", "sentences", CHUNK):
        ids = encode(tf.constant(chunk))
        rows += np.split(ids.flat_values.numpy(), ids.row_splits.numpy()[1:-1])
    return [np.append(row, np.int32(EOS_ID)) for row in rows]
