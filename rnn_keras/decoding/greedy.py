"""Greedy search: the most likely token at each step."""

import tensorflow as tf

from rnn_keras.decoding.hypotheses import (
    Hypotheses,
    State,
    Step,
    any_batch,
    check_limits,
    penalized_score,
    top_k_log_probs,
    write_step,
)


def greedy_search(
    step: Step,
    tokens: tf.Tensor,
    state: State,
    max_length: int | tf.Tensor,
    end_id: int | tf.Tensor,
    *,
    alpha: float | tf.Tensor = 0.75,
    padded_length: int | None = None,
) -> Hypotheses:
    r"""Takes the most likely token at each step.

    $$y_t = \operatorname{argmax}_y P(y \mid y_1, \ldots, y_{t-1})$$

    The sequence need not be the most likely one. Source: Dive into Deep Learning, section 10.8.

    Args:
        step: the step callable, `logits, state = step(tokens, state)`.
        tokens: `(batch,)` int32, the input of the first step, such as the id of `<bos>`.
        state: the state before the first step; any structure of tensors, batch first.
        max_length: the longest sequence, int32, scalar or `(batch,)`, the end token counted.
        end_id: the id that ends a sequence, such as that of `<eos>`, int32 scalar.
        alpha: the α of the score, which does not affect the choice; scalar or `(batch,)`.
        padded_length: the length of the returned tokens, an int that also limits `max_length`, so
            that the sizes of a graph do not depend on values; None takes the largest `max_length`.

    Returns:
        `Hypotheses`, one of each row.

    Raises:
        ValueError: a value is out of range, or the logits have no static vocabulary size.
    """
    max_length, alpha, length = check_limits(max_length, alpha, padded_length)
    end_id = tf.cast(end_id, tf.int32)
    token = tf.expand_dims(tf.cast(tokens, tf.int32), 1)
    sequence = tf.fill([tf.shape(token)[0], 1, length], end_id)
    state = tf.nest.map_structure(tf.convert_to_tensor, state)

    def advance(t, rows):
        token, state, live, log_p, length, sequence = rows
        logits, state = step(tf.squeeze(token, 1), state)
        gain, token = top_k_log_probs(logits, 1)
        token = tf.where(live, token, end_id)
        log_p += tf.where(live, gain, 0.0)
        length += tf.cast(live, tf.int32)
        sequence = write_step(sequence, t, token)
        live = live & (token != end_id) & (t + 1 < max_length)
        return t + 1, (token, state, live, log_p, length, sequence)

    rows = (
        token,
        state,
        tf.ones_like(token, tf.bool),
        tf.zeros_like(token, tf.float32),
        tf.zeros_like(token),
        sequence,
    )
    _, (_, _, _, log_p, length, sequence) = tf.while_loop(
        lambda _, rows: tf.reduce_any(rows[2]),
        advance,
        (tf.constant(0), rows),
        shape_invariants=(tf.TensorShape([]), any_batch(rows)),
    )
    return Hypotheses(sequence, length, penalized_score(log_p, length, alpha))
