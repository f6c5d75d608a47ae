"""Pairs as batches of ids, bucketed by length."""

from functools import partial

import tensorflow as tf

from apps.common.tokenized import tokenize, tokens_before
from apps.translation.config import TranslationConfig
from apps.translation.pairs import Pairs
from apps.translation.text import BOS_ID, EOS_ID, word_splitter
from rnn_keras.data import bucketed_batches
from rnn_keras.text import Tokenizer


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
        rule = [config.tokens, repr(word_splitter(config.lowercase))]
        self._sources, self._targets = (
            tokenize(
                partial(_with_end, encode), texts, [*rule, length, tokenizer.vocabulary.tokens]
            )
            for tokenizer, encode, length, texts in (
                (source_tokenizer, source_tokenizer.read, config.max_length, pairs.sources),
                (target_tokenizer, target_tokenizer.encode, None, pairs.targets),
            )
        )
        self.tokens = int(self._targets.lengths.sum())

    def batches(self, epoch: int | None = None) -> tf.data.Dataset:
        """`((source, decoder_input), target)`, int32 `(batch, time)` each, padded with `PAD_ID`.

        The source and the target end with `EOS_ID`; the decoder input is `BOS_ID` and the target
        without its last token.

        Args:
            epoch: of the training, which shuffles the pairs; None keeps the order, for evaluation.
        """
        # By the target, where a step costs most, then by the source: both get little padding.
        sides = (self._targets, self._sources)
        seed = None if epoch is None else (self._config.seed, epoch)
        batches = bucketed_batches(sides, self._config.batch_size, self._config.bucket, seed)
        return batches.map(lambda y, x: ((x, tokens_before(y, BOS_ID, EOS_ID)), y))


def _with_end(encode, texts):
    """The ids of texts, each with `EOS_ID` at its end."""
    ids = encode(texts)
    return tf.concat([ids, tf.fill([ids.nrows(), 1], EOS_ID)], axis=1)
