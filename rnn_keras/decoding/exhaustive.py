"""Exhaustive search: all sequences."""

import numpy as np
import tensorflow as tf

from rnn_keras.decoding.hypotheses import (
    Hypotheses,
    State,
    Step,
    check_limits,
    empty,
    merge_best,
    take,
    write_step,
)


def exhaustive_search(
    step: Step,
    tokens: tf.Tensor,
    state: State,
    max_length: int,
    end_id: int,
    *,
    alpha: float | tf.Tensor = 0.75,
    nbest: int = 1,
    limit: int = 100_000,
) -> Hypotheses:
    r"""Scores every sequence, so it returns the best one of all.

    With |Y| tokens and T the maximum length, $(|Y| - 1)^{t-1}$ sequences end at step t, and
    $(|Y| - 1)^T$ are cut off: for tests and for small vocabularies. Source: Dive into Deep
    Learning, section 10.8.

    Args:
        step: the step callable, `logits, state = step(tokens, state)`; it is called with
            `batch * (|Y| - 1)**t` rows, with the rows of one sentence next to each other.
        tokens: `(batch,)` int32, the input of the first step, such as the id of `<bos>`.
        state: the state before the first step; any structure of tensors, batch first.
        max_length: the longest sequence, an int, the end token counted.
        end_id: the id that ends a sequence, such as that of `<eos>`, an int.
        alpha: the α of the score, 0 or more, scalar or `(batch,)`.
        nbest: number of hypotheses to return for each row, an int.
        limit: maximum number of sequences to score for a row, an int.

    Returns:
        `Hypotheses`, `nbest` of each row, all different.

    Raises:
        ValueError: the tree is too large, a value is out of range, or the logits have no static
            vocabulary size.
    """
    _, alpha, _ = check_limits(max_length, alpha)
    batch = tf.shape(tokens)[0]
    token = tf.expand_dims(tf.cast(tokens, tf.int32), 1)
    log_p = tf.zeros_like(token, tf.float32)
    best = empty(batch, nbest, max_length, end_id)
    sequences = tf.fill([batch, 1, max_length], end_id)
    for t in range(max_length):
        logits, state = step(tf.reshape(token, [-1]), state)
        vocabulary = logits.shape[1]
        _refuse_large(vocabulary, max_length, limit)
        parents = (vocabulary - 1) ** t
        gains = tf.reshape(tf.nn.log_softmax(logits), [-1, parents, vocabulary])
        log_p = tf.reshape(tf.expand_dims(log_p, 2) + gains, [-1, parents * vocabulary])
        children = np.tile(np.arange(vocabulary, dtype="int32"), parents)
        token = tf.broadcast_to(children, tf.shape(log_p))
        sequences = write_step(tf.repeat(sequences, vocabulary, axis=1), t, token)
        finished = token == end_id
        complete = finished | (t + 1 == max_length)
        order = tf.argsort(log_p, direction="DESCENDING", stable=True)
        candidates = [take(x, order) for x in (sequences, log_p, complete, finished)]
        best = merge_best(best, *candidates, t + 1, alpha)

        live = np.flatnonzero(children != end_id)
        token, log_p, sequences = (tf.gather(x, live, axis=1) for x in (token, log_p, sequences))
        state = tf.nest.map_structure(
            lambda x, siblings=vocabulary - 1: tf.repeat(x, siblings, axis=0), state
        )
    return best.hypotheses


def _refuse_large(vocabulary, max_length, limit):
    sequences = sum((vocabulary - 1) ** t for t in range(max_length + 1))
    if sequences > limit:
        raise ValueError(
            f"`exhaustive_search` would score {sequences:,} sequences for each row ({vocabulary:,} "
            f"tokens, `max_length` {max_length}), more than `limit` {limit:,}; use `beam_search`."
        )
