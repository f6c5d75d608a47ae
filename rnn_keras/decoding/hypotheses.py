"""Shared parts of the searches: hypotheses, their score, and the best ones so far."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

State = Any  # any structure of tensors, batch first
Step = Callable[[tf.Tensor, State], tuple[tf.Tensor, State]]

# The log-probability of missing hypotheses. Not minus infinity: the LiteRT converter turns such a
# constant into this value, so that files would compute something else.
IMPOSSIBLE = tf.float32.min
# The key of hypotheses that were cut off: below every score, above missing ones.
_CUT_OFF = -1e30
_BLOCK = 64  # tokens


class Hypotheses(NamedTuple):
    """Decoded sequences; for each row the best first, finished ones before those cut off.

    Attributes:
        tokens: `(batch, n, length)` int32, each ending with the end token, or cut off at the
            maximum length; the end is followed by end tokens.
        lengths: `(batch, n)` int32, the number of tokens, the end token included.
        scores: `(batch, n)` float32, `penalized_score` of each. Where there are fewer than n
            hypotheses, the missing ones have length 0 and score `tf.float32.min`.
    """

    tokens: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor


class Best(NamedTuple):
    """The best complete hypotheses so far, and the keys `(batch, n)` they are sorted by."""

    hypotheses: Hypotheses
    keys: tf.Tensor


def penalized_score(
    log_p: tf.Tensor, length: tf.Tensor, alpha: float | tf.Tensor = 0.75
) -> tf.Tensor:
    r"""The log-probability of a sequence, with a smaller disadvantage for long ones.

    $$\frac{1}{L^\alpha} \log P(y_1, \ldots, y_L) =
      \frac{1}{L^\alpha} \sum_{t=1}^{L} \log P(y_t \mid y_1, \ldots, y_{t-1})$$

    Source: Dive into Deep Learning, section 10.8. The end token counts in the sum, and so in L.

    Args:
        log_p: float32, the sum.
        length: integer, L, at least 1.
        alpha: α, 0 or more; 0 is the log-probability itself, 1 its mean per token. Sizes that
            are not scalars must broadcast.

    Returns:
        float32.
    """
    return log_p / tf.pow(tf.cast(length, tf.float32), alpha)


def check_limits(max_length, alpha, padded_length=None):
    """The limits of a search, and the length of its sequences.

    Returns:
        `(max_length, alpha, length)`: columns `(batch or 1, 1)` int32 and float32, and
        `padded_length`, which limits `max_length`; if it is None, the largest `max_length`.

    Raises:
        ValueError: a length below 1 or a negative α, where the value is known.
    """
    max_length, alpha = column(max_length, tf.int32), column(alpha, tf.float32)
    length = padded_length
    if length is None:
        length = tf.reduce_max(max_length)
    else:
        max_length = tf.minimum(max_length, length)
    lengths, alphas = tf.get_static_value(max_length), tf.get_static_value(alpha)
    if lengths is not None and not (lengths >= 1).all():
        raise ValueError(f"`max_length` must be at least 1, got {lengths.min()}.")
    if alphas is not None and not (alphas >= 0).all():
        raise ValueError(f"`alpha` must be 0 or more, got {alphas.min()}.")
    return max_length, alpha, length


def column(value, dtype):
    """A scalar or a `(batch,)` vector in a shape that broadcasts over `(batch, n)`."""
    return tf.reshape(tf.cast(value, dtype), [-1, 1])


def top_k_log_probs(logits, k):
    """The k most likely tokens of each row, and their log-probabilities.

    Args:
        logits: `(rows, vocabulary)` float32; the size of the vocabulary must be static.
        k: an int; at most the vocabulary's size are returned.

    Returns:
        `(log_p, tokens)`, each `(rows, k)`, the most likely first.

    Raises:
        ValueError: the size of the vocabulary is not static.
    """
    if logits.shape.rank != 2 or logits.shape[1] is None:
        raise ValueError(
            f"`step` must return logits (batch, vocabulary) of known size, got {logits.shape}."
        )
    best, tokens = _top_k(logits, min(k, logits.shape[1]))
    # The log softmax of these tokens only. The largest probability never underflows; others may.
    largest = tf.reduce_max(tf.nn.softmax(logits), axis=1, keepdims=True)
    log_p = best - best[:, :1] + tf.math.log(largest)
    # By rounding, the logarithm of a probability near 1 may be above 0.
    return tf.minimum(log_p, 0.0), tokens


def _top_k(logits, k):
    """`tf.math.top_k`, four times faster over 8,000 tokens: it sorts a few blocks of them only."""
    vocabulary = logits.shape[1]
    if k == 1 or vocabulary <= 2 * k * _BLOCK:
        return tf.math.top_k(logits, k)
    padding = [[0, 0], [0, -vocabulary % _BLOCK]]
    blocks = tf.pad(logits, padding, constant_values=IMPOSSIBLE)
    blocks = tf.reshape(blocks, [-1, -(-vocabulary // _BLOCK), _BLOCK])
    # Only the k blocks with the largest maxima can hold one of the k largest values.
    _, chosen = tf.math.top_k(tf.reduce_max(blocks, axis=2), k)
    best, at = tf.math.top_k(tf.reshape(take(blocks, chosen), [-1, k * _BLOCK]), k)
    tokens = take(chosen, at // _BLOCK) * _BLOCK + at % _BLOCK
    # With fewer than k allowed tokens, padding may be among them, which is no id for the step.
    return best, tf.minimum(tokens, vocabulary - 1)


def write_step(sequences, t, tokens):
    """`sequences` `(batch, n, length)` with `tokens` `(batch, n)` at position t of each."""
    here = tf.range(tf.shape(sequences)[2]) == t
    return tf.where(here, tf.expand_dims(tokens, 2), sequences)


def take(values, indices):
    """The entries of `values` `(batch, m, ...)` at `indices` `(batch, n)`, row by row."""
    return tf.gather(values, indices, batch_dims=1)


def empty(batch, n, length, end_id):
    """A `Best` of n hypotheses that do not exist."""
    lengths = tf.zeros([batch, n], tf.int32)
    missing = tf.fill([batch, n], IMPOSSIBLE)
    tokens = tf.fill([batch, n, length], tf.cast(end_id, tf.int32))
    return Best(Hypotheses(tokens, lengths, missing), missing)


def merge_best(best, sequences, log_p, complete, finished, length, alpha):
    """Merges the best hypotheses so far with further ones.

    Args:
        best: a `Best` of n.
        sequences: `(batch, m, length)` int32, the further hypotheses, the most likely first.
        log_p: `(batch, m)` float32; hypotheses of `IMPOSSIBLE` do not exist.
        complete: `(batch, m)` bool, which of them are candidates.
        finished: `(batch, m)` bool, which of them end with the end token.
        length: the number of tokens of each, an integer.
        alpha: `(batch or 1, 1)` float32.

    Returns:
        A `Best` of n.
    """
    old, n = best.hypotheses, best.keys.shape[1]
    scores = penalized_score(log_p, length, alpha)
    # Hypotheses that are cut off come after all finished ones: they share one key, so top_k, which
    # takes the first of equals, keeps their order.
    keys = tf.where(finished, scores, _CUT_OFF)
    keys = tf.where(complete & (log_p > IMPOSSIBLE), keys, IMPOSSIBLE)
    keys, chosen = tf.math.top_k(tf.concat([best.keys, keys], axis=1), n)
    lengths = tf.fill(tf.shape(log_p), length)
    return Best(
        Hypotheses(
            take(tf.concat([old.tokens, sequences], axis=1), chosen),
            take(tf.concat([old.lengths, lengths], axis=1), chosen),
            take(tf.concat([old.scores, scores], axis=1), chosen),
        ),
        keys,
    )


def any_batch(tree):
    """The shapes of a tree of tensors for `tf.while_loop`, the batch left open."""
    return tf.nest.map_structure(lambda x: tf.TensorShape([None]).concatenate(x.shape[1:]), tree)
