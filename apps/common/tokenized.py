"""Texts in three splits, as ids, and their vocabulary."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from apps.common.progress import Progress, chunks
from rnn_keras.text import Vocabulary, WordSplitter, learn_word_pieces

CHUNK = 4_000  # texts at a time


def by_chunks(function: Callable, texts: Sequence[str], task: str) -> Iterator[Any]:
    """The results of a function of strings `(batch,)` for all texts, some at a time."""
    return (function(tf.constant(chunk)) for chunk in chunks(texts, task, "texts", CHUNK))


def tokenize(encode: Callable, texts: Sequence[str]) -> list[np.ndarray]:
    """The ids of each text, int32 vectors, by a method of a tokenizer."""
    rows = []
    for ids in by_chunks(encode, texts, "tokenizing"):
        rows += np.split(ids.flat_values.numpy(), ids.row_splits.numpy()[1:-1])
    return rows


def learn_vocabulary(
    config: Any, words: WordSplitter, specials: Sequence[str], texts: Sequence[str]
) -> Vocabulary:
    """The frequent words, or the word pieces, of training texts; the specials come first."""
    split = by_chunks(words.split, texts, "counting words")
    found = np.concatenate([words.flat_values.numpy() for words in split])
    if getattr(config, "tokens", "word") == "wordpiece":
        with Progress("learning word pieces"):
            return learn_word_pieces(found, config.vocabulary, specials)
    decoded = (word.decode() for word in found)
    return Vocabulary.from_tokens(decoded, config.min_count, config.vocabulary, specials)


def tokens_before(target: tf.Tensor, start_id: int, end_id: int) -> tf.Tensor:
    """The decoder's input: the start, and a target `(batch, time)` without its last token.

    The end of a shorter target becomes padding, 0.
    """
    before = tf.pad(target[:, :-1], [[0, 0], [1, 0]], constant_values=start_id)
    return tf.where(before == end_id, 0, before)


class TokenizedData:
    """The splits of a corpus as ids; each is tokenized when it is first used.

    Args:
        splits: a record with `train`, `validation`, `test` and `sha256`.
        assets: the vocabulary, or the tokenizers.
        tokenize: from one of the splits to its ids.

    Attributes:
        train, validation, test: the splits as ids.
    """

    def __init__(self, splits: Any, assets: Any, tokenize: Callable[[Any], Any]):
        self.splits, self.assets, self._tokenize = splits, assets, tokenize
        self.sha256 = splits.sha256

    train = cached_property(lambda self: self._tokenize(self.splits.train))
    validation = cached_property(lambda self: self._tokenize(self.splits.validation))
    test = cached_property(lambda self: self._tokenize(self.splits.test))

    def batches(self, epoch: int | None) -> Any:
        """The batches of a training epoch; epoch None gives those of the validation split."""
        return self.validation.batches() if epoch is None else self.train.batches(epoch)
