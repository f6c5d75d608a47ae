"""Texts in three splits, as ids, and their vocabulary."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from apps.common.progress import Progress, chunks
from rnn_keras.text import Vocabulary, WordSplitter, learn_word_pieces

CHUNK = 2_000  # texts that are tokenized at a time


def tokenize(
    encode: Callable[[tf.Tensor], tf.RaggedTensor], texts: Sequence[str]
) -> list[np.ndarray]:
    """The ids of each text, int32 vectors, by a method of a tokenizer."""
    rows = []
    for chunk in chunks(texts, "tokenizing", "texts", CHUNK):
        ids = encode(tf.constant(chunk))
        rows += np.split(ids.flat_values.numpy(), ids.row_splits.numpy()[1:-1])
    return rows


def learn_vocabulary(
    config: Any, words: WordSplitter, specials: Sequence[str], texts: Sequence[str]
) -> Vocabulary:
    """The frequent words, or the word pieces, of training texts; the specials come first.

    Args:
        config: its `tokens`, the largest size `vocabulary`, and `min_count` of words.
        words: splits the texts.
        specials: the first tokens.
        texts: at least one.
    """
    found = np.concatenate(
        [
            words.split(tf.constant(chunk)).flat_values.numpy()
            for chunk in chunks(texts, "counting words", "texts", CHUNK)
        ]
    )
    if config.tokens == "wordpiece":
        with Progress("learning word pieces"):
            return learn_word_pieces(found, config.vocabulary, specials)
    decoded = (word.decode() for word in found)
    return Vocabulary.from_tokens(decoded, config.min_count, config.vocabulary, specials)


class TokenizedData:
    """The splits of a corpus as ids; each is tokenized when it is first used.

    Args:
        splits: a record with `train`, `validation`, `test` and `sha256`.
        assets: the vocabulary, or the tokenizers.
        tokenize: from one of the splits to its ids.
    """

    def __init__(self, splits: Any, assets: Any, tokenize: Callable[[Any], Any]):
        self.splits, self.assets, self._tokenize = splits, assets, tokenize
        self.sha256 = splits.sha256

    def batches(self, epoch: int | None) -> Any:
        """The batches of a training epoch; epoch None gives those of the validation split."""
        return self.validation.batches() if epoch is None else self.train.batches(epoch)

    @cached_property
    def train(self) -> Any:
        """The training split as ids."""
        return self._tokenize(self.splits.train)

    @cached_property
    def validation(self) -> Any:
        """The validation split as ids."""
        return self._tokenize(self.splits.validation)

    @cached_property
    def test(self) -> Any:
        """The test split as ids."""
        return self._tokenize(self.splits.test)
