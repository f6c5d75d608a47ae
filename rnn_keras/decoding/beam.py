"""Beam search: the k most likely continuations at each step."""

import tensorflow as tf

from rnn_keras.decoding.hypotheses import (
    IMPOSSIBLE,
    Hypotheses,
    State,
    Step,
    any_batch,
    check_limits,
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
    padded_length: int | None = None,
) -> Hypotheses:
    r"""Keeps the k most likely continuations at each step; the best score wins.

    Of all continuations of a row's live hypotheses by one token, the k with the largest
    $\sum \log P$ are kept. Finished ones leave the beam. The result is the best by
    `penalized_score` of all finished ones, and after them of those cut off at the maximum length.
    A row is done when none of its live hypotheses can become better. With k = 1 it is
    greedy search; with k as large as the tree, exhaustive search. Source: Dive into Deep
    Learning, section 10.8.

    The step is called with `batch * beam_width` rows, with the rows of one sentence next to each
    other. Constants should not be in the state, where every step copies them: with `memory`
    `(batch, time, units)` in its closure, a step gets all queries of a row by
    `tf.reshape(queries, [batch, -1, units])`.

    Args:
        step: the step callable, `logits, state = step(tokens, state)`.
        tokens: `(batch,)` int32, the input of the first step, such as the id of `<bos>`.
        state: the state before the first step; any structure of tensors, batch first.
        max_length: the longest sequence, int32, scalar or `(batch,)`, the end token counted.
        end_id: the id that ends a sequence, such as that of `<eos>`, int32 scalar.
        beam_width: k, an int.
        alpha: the α of the score, 0 or more, scalar or `(batch,)`.
        nbest: number of hypotheses to return for each row, an int up to `beam_width`.
        padded_length: as in `greedy_search`.

    Returns:
        `Hypotheses`, `nbest` of each row, all different.

    Raises:
        ValueError: a value is out of range, or the logits have no static vocabulary size.
    """
    if not 1 <= nbest <= beam_width:
        raise ValueError(f"`nbest` must be from 1 to `beam_width`, got {nbest} of {beam_width}.")
    max_length, alpha, length = check_limits(max_length, alpha, padded_length)
    end_id = tf.cast(end_id, tf.int32)
    batch = tf.shape(tokens)[0]
    first_row = beam_width * tf.expand_dims(tf.range(batch), 1)

    def reorder(state, parents):
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
        # The bound of a live hypothesis: its log P <= 0 only falls and its length L is at most
        # max_length, so with alpha >= 0, log P / L^alpha is at most the present log P /
        # max_length^alpha. A hypothesis whose bound is below the worst of the best is dropped; a
        # row without hypotheses is done. The result is unchanged: a kept hypothesis has a larger
        # log P than a dropped one, so it never loses its place to continuations of a dropped one.
        reachable = penalized_score(log_p, max_length, alpha)
        dead = complete | (reachable <= best.keys[:, -1:])
        log_p = tf.where(dead, IMPOSSIBLE, log_p)
        return t + 1, (token, reorder(state, parents), log_p, sequences, best)

    width = [batch, beam_width]
    hypothesis = tf.broadcast_to(tf.range(beam_width), width)
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
    """The k most likely continuations of k hypotheses, for each row of the batch.

    Args:
        logits: `(batch * k, vocabulary)` float32.
        log_p: `(batch, k)` float32; hypotheses of `IMPOSSIBLE` do not exist.

    Returns:
        `(log_p, parents, tokens)`, each `(batch, k)`, the most likely first; parents are from 0 to
        k - 1. If there are fewer than k, the others have log_p `IMPOSSIBLE` and do not exist.
    """
    k = log_p.shape[1]
    # Only the k most likely tokens of a hypothesis can be among the k most likely of all.
    gains, tokens = top_k_log_probs(logits, k)
    tokens_each = tokens.shape[1]
    log_p = tf.expand_dims(log_p, 2)
    gains = tf.reshape(gains, [-1, k, tokens_each])
    sums = log_p + gains
    # NaN results from a hypothesis without any possible continuation, or from one that does not
    # exist.
    sums = tf.where(sums > IMPOSSIBLE, sums, IMPOSSIBLE)
    log_p, chosen = tf.math.top_k(tf.reshape(sums, [-1, k * tokens_each]), k)
    tokens = take(tf.reshape(tokens, [-1, k * tokens_each]), chosen)
    return log_p, chosen // tokens_each, tokens
