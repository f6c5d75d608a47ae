"""Texts in three splits, as ids, and their vocabulary."""

import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from apps.common.files import json_pieces
from apps.common.prepared import prepare_arrays
from apps.common.progress import Progress, chunks
from rnn_keras.data import RaggedRows
from rnn_keras.text import Vocabulary, WordSplitter, learn_word_pieces

CHUNK = 4_000  # texts at a time


def by_chunks(function: Callable, texts: Sequence[str], task: str) -> Iterator[Any]:
    """The results of a function of strings `(batch,)` for all texts, some at a time, in order.

    A chunk is computed by each core, as the operations on strings run on one.
    """
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as threads:
        running = deque()
        for chunk in chunks(texts, task, "texts", CHUNK):
            running.append(threads.submit(function, tf.constant(chunk)))
            if len(running) > cores:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def tokenize(
    encode: Callable, texts: Sequence[str], key: Sequence[Any] | None = None
) -> RaggedRows:
    """The ids of each text, int32, by a method of a tokenizer.

    Args:
        encode: strings `(batch,)` to ragged ids.
        texts: the texts.
        key: all that determines the ids of a text, as JSON values; the ids of many texts are then
            kept (see `prepare_arrays`). None: they stay in memory.
    """

    def write(append):
        for name in ("ids", "lengths"):
            append(name, np.zeros(0, "int32"))
        for ids in by_chunks(encode, texts, "tokenizing"):
            append("ids", ids.flat_values.numpy())
            append("lengths", ids.row_lengths().numpy().astype("int32"))
        return {}

    arrays, _ = prepare_from_texts("ids", key, texts, write)
    return RaggedRows(arrays["ids"], arrays["lengths"])


def prepare_from_texts(
    name: str, key: Sequence[Any] | None, texts: Sequence[str], write: Callable
) -> tuple[dict[str, np.ndarray], Mapping[str, Any]]:
    """`prepare_arrays` of texts: the key is extended by their digest; None keeps none."""
    size = 0 if key is None else sum(map(len, texts))  # a token has 4 bytes, and 4 letters or more
    digest = hashlib.sha256()
    for piece in json_pieces(list(texts)) if size else ():
        digest.update(piece.encode())
    return prepare_arrays(name, [key, digest.hexdigest()], size, write)


def learn_vocabulary(
    config: Any, words: WordSplitter, specials: Sequence[str], texts: Sequence[str]
) -> Vocabulary:
    """The frequent words, or the word pieces, of training texts; the specials come first."""
    is_pieces = getattr(config, "tokens", "word") == "wordpiece"

    def write(_):
        counts = Counter()
        for split in by_chunks(words.split, texts, "counting words"):
            counts.update(split.flat_values.numpy().tolist())
        if is_pieces:
            with Progress("learning word pieces"):
                return {"tokens": learn_word_pieces(counts, config.vocabulary, specials).tokens}
        decoded = {word.decode(): count for word, count in counts.items()}
        vocabulary = Vocabulary.from_tokens(decoded, config.min_count, config.vocabulary, specials)
        return {"tokens": vocabulary.tokens}

    rule = [is_pieces, config.vocabulary, getattr(config, "min_count", None), specials, repr(words)]
    _, facts = prepare_from_texts("vocabulary", rule, texts, write)
    return Vocabulary(facts["tokens"])


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
