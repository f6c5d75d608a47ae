"""Copying: a pointer-generator writes words of the source, unknown ones too.

The words of a source that the vocabulary lacks get further ids, from its size on, in the order in
which they occur: the j-th distinct one has the id `size + j`. Strings become such ids, and ids
become strings, outside the network, which is the same for every file.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from rnn_keras.seq2seq.rows import by_row, by_sentence, over_rows

TINY = 1e-12  # the least probability


@keras.saving.register_keras_serializable(package="rnn_keras")
class CopyMechanism(keras.layers.Layer):
    r"""The pointer-generator: a mixture of writing a known word and copying one of the source.

    $$P(w) = p\, \mathrm{softmax}(z)_w + (1 - p) \sum_{s:\, w_s = w} a_s, \qquad
      p = \sigma(w^\top [S; c; e] + b)$$

    with logits z over V tokens, and the attention a over a source of words $w_s$.

    Args:
        tokens: V.
        copies: number K of further ids for unknown words of the source.
        **options: `name`, `dtype`, `trainable`.

    Call arguments:
        features: `(rows, time, n)`, $[S; c; e]$.
        logits: `(rows, time, V)`.
        weights: the attention, `(rows, time, positions)`.
        copy_ids: int32 `(batch, positions)`, of `batch = rows / k` sentences, see `copy_ids`.
            Others than 0 to V + K - 1 cannot be copied.

    Returns:
        `(rows, time, V + K)`, log P, at least that of `1e-12`.

    Reference: See, Liu & Manning 2017 (arXiv:1704.04368), equations 8 and 9.
    """

    def __init__(self, tokens: int, copies: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.tokens, self.copies = tokens, copies
        self.gate = keras.layers.Dense(1, activation="sigmoid", dtype=self.dtype_policy)

    def build(
        self,
        features_shape: Any,
        logits_shape: Any = None,
        weights_shape: Any = None,
        copy_ids_shape: Any = None,
    ) -> None:
        self.gate.build(features_shape)
        self.built = True

    def call(self, features: Any, logits: Any, weights: Any, copy_ids: Any) -> Any:
        time, p = ops.shape(features)[1], over_rows(self.gate, features)
        words = ops.one_hot(copy_ids, self.tokens + self.copies, dtype=weights.dtype)
        copied = by_row(ops.matmul(by_sentence(weights, words), words), time)
        written = ops.pad(ops.softmax(logits), [[0, 0], [0, 0], [0, self.copies]])
        return ops.log(ops.maximum(p * written + (1 - p) * copied, TINY))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tokens": self.tokens, "copies": self.copies}


def copy_ids(words: Any, ids: Any, tokens: int, copies: int, unknown_id: int = 1) -> tf.Tensor:
    """The ids of the words of a source, unknown ones by the order in which they occur.

    Args:
        words: strings `(batch, positions)`.
        ids: int32 `(batch, positions)`, their ids in the target's vocabulary.
        tokens: the size of that vocabulary.
        copies: number of distinct unknown words of a source that have an id, the first ones.
        unknown_id: the id of an unknown word.

    Returns:
        int32 `(batch, positions)`: `tokens + j` for the j-th distinct unknown word of the row,
        `unknown_id` for those beyond, and `ids` for known words.
    """
    first = _first_match(words, words)
    is_unknown = tf.equal(ids, unknown_id)
    is_new = is_unknown & tf.equal(first, tf.range(tf.shape(first)[1]))
    count = tf.cumsum(tf.cast(is_new, tf.int32), axis=1) - 1
    slot = tf.gather(count, first, batch_dims=1)
    return tf.where(is_unknown & (slot < copies), tokens + slot, ids)


def copy_targets(
    words: Any, ids: Any, source_words: Any, source_ids: Any, unknown_id: int = 1
) -> tf.Tensor:
    """The ids of target words; an unknown word that occurs in the source has the id of its copy.

    Args:
        words: strings `(batch, time)`.
        ids: int32 `(batch, time)`, their ids in the target's vocabulary.
        source_words: strings `(batch, positions)`.
        source_ids: int32 `(batch, positions)`, of `copy_ids`.
        unknown_id: the id of an unknown word.

    Returns:
        int32 `(batch, time)`.
    """
    found = _first_match(words, source_words)
    is_there = tf.reduce_any(_equal(words, source_words), axis=2)
    copied = tf.gather(source_ids, found, batch_dims=1)
    return tf.where(tf.equal(ids, unknown_id) & is_there, copied, ids)


def copied_words(ids: Any, source_words: Any, source_ids: Any) -> tf.Tensor:
    """The copied words by id, strings of the shape of `ids`; empty for ids that are no copies.

    Args:
        ids: int32 `(batch, time)`, such as a search found.
        source_words: strings `(batch, positions)`.
        source_ids: int32 `(batch, positions)`, of `copy_ids`.
    """
    is_same = _equal(ids, source_ids)
    words = tf.gather(source_words, tf.argmax(tf.cast(is_same, tf.int32), axis=2), batch_dims=1)
    return tf.where(tf.reduce_any(is_same, axis=2), words, "")


def coverage_loss(weights: Any, mask: Any = None) -> Any:
    r"""The mean over tokens of $\sum_s \min(a_{ts}, \sum_{t' < t} a_{t's})$, against repetition.

    Args:
        weights: the attention, `(batch, time, positions)`.
        mask: bool `(batch, time)`, True for tokens that count; None for all.

    Returns:
        A scalar. Reference: See, Liu & Manning 2017, equation 12.
    """
    before = ops.cumsum(weights, axis=1) - weights
    overlap = ops.sum(ops.minimum(weights, before), axis=2)
    if mask is None:
        return ops.mean(overlap)
    mask = ops.cast(mask, overlap.dtype)
    return ops.sum(overlap * mask) / ops.maximum(ops.sum(mask), 1)


def _equal(a, b):
    """Whether entries are equal, `(batch, n, m)` of `(batch, n)` and `(batch, m)`."""
    return tf.equal(tf.expand_dims(a, 2), tf.expand_dims(b, 1))


def _first_match(a, b):
    """For each of `a` the position of the first equal entry of `b`, int32; 0 if there is none."""
    return tf.argmax(tf.cast(_equal(a, b), tf.int32), axis=2, output_type=tf.int32)
