"""Beam search: the k likeliest continuations at each step."""

import tensorflow as tf

from rnn_keras.decoding.hypotheses import (
    IMPOSSIBLE,
    Hypotheses,
    State,
    Step,
    any_batch,
    checked,
    empty,
    merge_best,
    penalized_score,
    take,
    top_k_log_probs,
    write_step,
)


def beam_search(
    step: Step,
    tokens: tf.Tensor,
    state: State,
    max_length: int | tf.Tensor,
    end_id: int | tf.Tensor,
    *,
    beam_width: int = 5,
    alpha: float | tf.Tensor = 0.75,
    nbest: int = 1,
) -> Hypotheses:
    r"""Keeps the k most likely continuations at each step; the best score wins.

    Of all continuations of a row's live hypotheses by one token, those k of the largest
    $\sum \log P$ are kept. Those that end leave the beam; of all that ever ended, and after
    them of those cut off at the maximum length, the best by `penalized_score` are returned. A
    row is done when none of its live hypotheses can become better than those. With k = 1 it is
    greedy search; with k as large as the tree, exhaustive search. Source: Dive into Deep
    Learning, section 10.8.

    The step is called with `batch * beam_width` rows; those of one row of the batch stay
    neighbours. So what never changes need not be in the state, where it would be copied at each
    step: with `memory` `(batch, time, units)` in its closure, a step sees all queries of a row by
    `tf.reshape(queries, [batch, -1, units])`.

    Args:
        step: the step callable, `logits, state = step(tokens, state)`.
        tokens: `(batch,)` int32, what the first step reads, such as the id of `<bos>`.
        state: the state that the first step reads; any structure of tensors, batch first.
        max_length: the longest sequence, int32, scalar or `(batch,)`, the end token counted.
        end_id: the id that ends a sequence, such as that of `<eos>`, int32 scalar.
        beam_width: k, an int.
        alpha: the α of the score, 0 or more, scalar or `(batch,)`.
        nbest: how many hypotheses of each row to return, an int up to `beam_width`.

    Returns:
        `Hypotheses`, `nbest` of each row, no two of a row the same.

    Raises:
        ValueError: a value is out of range, or the logits are not as documented.
    """
    if not 1 <= nbest <= beam_width:
        raise ValueError(f"`nbest` must be from 1 to `beam_width`, got {nbest} of {beam_width}.")
    max_length, alpha = checked(max_length, alpha)
    end_id = tf.cast(end_id, tf.int32)
    batch = tf.shape(tokens)[0]
    first_row = beam_width * tf.expand_dims(tf.range(batch), 1)

    def reordered(state, parents):
        """The state of each hypothesis from that of its parent."""
        rows = tf.reshape(first_row + parents, [-1])
        return tf.nest.map_structure(lambda x: tf.gather(x, rows), state)

    def advance(t, beam):
        token, state, log_p, sequences, best = beam
        logits, state = step(tf.reshape(token, [-1]), state)
        log_p, parents, token = continuations(logits, log_p)
        sequences = write_step(take(sequences, parents), t, token)
        finished = token == end_id
        complete = finished | (t + 1 >= max_length)
        best = merge_best(best, sequences, log_p, complete, finished, t + 1, alpha)
        # What a live hypothesis can reach: its log P <= 0 only falls and its length L stays within
        # max_length, so with alpha >= 0, log P / L^alpha stays at most log P / max_length^alpha of
        # now. One that cannot pass the worst of the best is dropped, and a row whose hypotheses
        # are all gone is done. No result changes: what can still pass has a larger log P than what
        # cannot, so in no step does it give way to heirs of what is dropped here.
        reachable = penalized_score(log_p, max_length, alpha)
        dead = complete | (reachable <= best.keys[:, -1:])
        log_p = tf.where(dead, IMPOSSIBLE, log_p)
        return t + 1, (token, reordered(state, parents), log_p, sequences, best)

    width = [batch, beam_width]
    hypothesis = tf.broadcast_to(tf.range(beam_width), width)
    length = tf.reduce_max(max_length)
    beam = (
        tf.broadcast_to(tf.expand_dims(tf.cast(tokens, tf.int32), 1), width),
        tf.nest.map_structure(lambda x: tf.repeat(x, beam_width, axis=0), state),
        tf.where(hypothesis == 0, 0.0, IMPOSSIBLE),  # one to start from, not k equal ones
        tf.fill([*width, length], end_id),
        empty(batch, nbest, length, end_id),
    )
    _, (*_, best) = tf.while_loop(
        lambda _, beam: tf.reduce_any(beam[2] > IMPOSSIBLE),
        advance,
        (tf.constant(0), beam),
        shape_invariants=(tf.TensorShape([]), any_batch(beam)),
    )
    return best.hypotheses


def continuations(logits, log_p):
    """The k likeliest continuations of k hypotheses, of each row of the batch.

    Args:
        logits: `(batch * k, vocabulary)` float32.
        log_p: `(batch, k)` float32, of the hypotheses; those of `IMPOSSIBLE` do not exist.

    Returns:
        `(log_p, parents, tokens)`, each `(batch, k)`, the likeliest first; parents are from 0 to
        k - 1. Where there are fewer than k, those of `IMPOSSIBLE` do not exist.
    """
    k = log_p.shape[1]
    # None but the k likeliest tokens of a hypothesis can be among the k likeliest of all.
    gains, tokens = top_k_log_probs(logits, k)
    tokens_each = tokens.shape[1]
    log_p = tf.expand_dims(log_p, 2)
    gains = tf.reshape(gains, [-1, k, tokens_each])
    sums = log_p + gains
    # NaN is what a hypothesis without any possible continuation computes, or one that does not
    # exist may.
    sums = tf.where(sums > IMPOSSIBLE, sums, IMPOSSIBLE)
    log_p, chosen = tf.math.top_k(tf.reshape(sums, [-1, k * tokens_each]), k)
    tokens = take(tf.reshape(tokens, [-1, k * tokens_each]), chosen)
    return log_p, chosen // tokens_each, tokens
