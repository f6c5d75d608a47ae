"""The loops of a linear-chain CRF: negative log-likelihood, marginals, best path.

All take the `scores` `(batch, tags + time, tags)` of a `CRF`: the transitions, from row to column,
and below them the emissions of each step, which include the start and end scores. The row of a
padded step is `PADDED`, so no loop needs a mask. All pairs of tags at all steps would be one tensor
of `tags` times the size: to write and to read it took longer than the loops.
"""

import functools

import tensorflow as tf

from rnn_keras.layers.buffers import Arrays, InPlace
from rnn_keras.layers.crf import PADDED

_compiled = functools.partial(tf.function, jit_compile=True, autograph=False, reduce_retracing=True)


def negative_log_likelihood(tags, scores):
    """`log Z - score(tags)` of each sequence, by loops that XLA compiles.

    Its gradient is, for each score, how often it is in the sum, in expectation over all paths less
    in the path `tags`.

    Args:
        tags: int32 `(batch, time)`; any value at a padded step.
        scores: `(batch, tags + time, tags)`.

    Returns:
        `(batch,)`, NaN where a tag is out of range.
    """

    @tf.custom_gradient
    def run(scores):
        # An outer tape must not record the loops.
        loss, *kept = map(tf.stop_gradient, _loss(tags, tf.stop_gradient(scores)))

        def gradient(d_loss):
            @tf.custom_gradient
            def differentiate(scores, d_loss):
                d_scores = _loss_gradient(*map(tf.stop_gradient, (scores, d_loss)), *kept)
                again = functools.partial(_second_gradient, scores, d_loss, kept[0])
                return tf.stop_gradient(d_scores), again

            return differentiate(tf.identity(scores), tf.identity(d_loss))

        return loss, gradient

    return run(tf.convert_to_tensor(scores))


@_compiled
def _loss(tags, scores):
    """The loss, the counts of `tags`, and what the way back needs."""
    log_z, *kept = _forward(scores, InPlace)
    valid, _ = _steps(scores)
    size = _size(scores)
    known = tf.reduce_all((tags >= 0) & (tags < size) | ~valid, axis=1)
    counts = _counts(tags, scores)
    loss = log_z - tf.reduce_sum(scores * counts, (1, 2))
    return tf.where(known, loss, tf.constant(float("nan"), scores.dtype)), counts, *kept


@_compiled
def _loss_gradient(scores, d_loss, counts, *kept):
    d_scores = _expected_counts(scores, kept, InPlace) - counts
    return tf.reshape(d_loss, (-1, 1, 1)) * d_scores


@functools.partial(tf.function, autograph=False, reduce_retracing=True)
def _second_gradient(scores, d_loss, counts, d_gradient):
    """The gradients of `_loss_gradient` by scores and by d_loss, through plain loops."""
    with tf.GradientTape() as tape:
        tape.watch((scores, d_loss))
        d_scores = _expected_counts(scores, _forward(scores, Arrays)[1:], Arrays) - counts
        d_scores = tf.reshape(d_loss, (-1, 1, 1)) * d_scores
    return tape.gradient(d_scores, (scores, d_loss), output_gradients=d_gradient)


def run(loop, scores, *, for_litert):
    """`loop(scores, buffers)`, `marginals` or `best_path`, with the buffers of the runtime."""
    scores = tf.convert_to_tensor(scores)
    if for_litert:
        return loop(scores, InPlace)
    return (_plain if tf.executing_eagerly() else _inline)(loop, scores)


def _inline(loop, scores):
    return loop(scores, Arrays)


_plain = tf.function(_inline, autograph=False, reduce_retracing=True)


def marginals(scores, buffers):
    """The probability of each tag at each step, `(batch, time, tags)`."""
    return _backward(scores, _forward(scores, buffers)[1:], buffers)[1]


def _forward(scores, buffers):
    r"""The forward algorithm, $\alpha_{tj} = X_{tj} + \log \sum_i \exp(\alpha_{t-1, i} + A_{ij})$.

    Returns:
        log Z `(batch,)`; the alphas before each step and after the last one, `(time + 1, batch,
        tags)`, each less its largest, so that no error grows with the length; and the logarithms of
        the sums, `(time, batch, tags)`.
    """
    transitions, emissions = _split(scores)
    valid, inner = _steps(scores)
    start = _start(scores)

    def body(t, log_z, alpha, alphas, sums):
        total = _log_sum_exp(tf.expand_dims(alpha, 2) + transitions, 1)
        sums = buffers.write(sums, t, total)
        total = tf.where(_at(inner, t), total, 0.0)
        alpha = tf.where(_at(valid, t), total + tf.gather(emissions, t, axis=1), alpha)
        gain = tf.stop_gradient(tf.reduce_max(alpha, 1, keepdims=True))
        alpha -= gain
        return t + 1, log_z + gain, alpha, buffers.write(alphas, t + 1, alpha), sums

    T = tf.shape(emissions)[1]
    alphas = buffers.write(buffers.allocate(T + 1, start), 0, start)
    loop = (0, start[:, :1], start, alphas, buffers.allocate(T, start))
    _, log_z, last, *kept = tf.while_loop(lambda t, *_: t < T, body, loop, maximum_iterations=T)
    return tf.squeeze(log_z, 1) + _log_sum_exp(last, 1), *map(buffers.read, kept)


def _backward(scores, kept, buffers):
    r"""The way back: from the probabilities of the tags after a step to those before it.

    Tag i precedes a given tag j with probability $\operatorname{softmax}_i(\alpha_i + A_{ij})$.

    Args:
        kept: the alphas and the sums of `_forward`.

    Returns:
        How often each transition is expected `(batch, tags, tags)`, and the probability of each
        tag at each step, `(batch, time, tags)`.
    """
    transitions, emissions = _split(scores)
    _, inner = _steps(scores)

    def body(t, after, pairs, afters):
        alpha, total = (tf.gather(all_t, t) for all_t in kept)
        pair = tf.exp(tf.expand_dims(alpha, 2) + transitions - tf.expand_dims(total, 1))
        pair *= tf.expand_dims(after, 1)
        pair = tf.where(tf.expand_dims(_at(inner, t), 2), pair, 0.0)
        before = tf.where(_at(inner, t), tf.reduce_sum(pair, 2), after)
        return t - 1, before, pairs + pair, buffers.write(afters, t, after)

    T = tf.shape(emissions)[1]
    last = tf.nn.softmax(tf.gather(kept[0], T))
    loop = (T - 1, last, tf.zeros_like(transitions), buffers.allocate(T, last))
    *_, pairs, afters = tf.while_loop(lambda t, *_: t >= 0, body, loop, maximum_iterations=T)
    return pairs, tf.transpose(buffers.read(afters), (1, 0, 2))


def _expected_counts(scores, kept, buffers):
    """How often each score is in the sum of a path, in expectation, of the shape of `scores`."""
    pairs, tags = _backward(scores, kept, buffers)
    valid, _ = _steps(scores)
    return tf.concat([pairs, tf.where(tf.expand_dims(valid, 2), tags, 0.0)], 1)


def _counts(tags, scores):
    """How often each score is in the sum of the path `tags`."""
    valid, inner = _steps(scores)
    size, dtype = _size(scores), scores.dtype

    def carry(tag, step):
        tags, valid = step
        return tf.where(valid, tags, tag)

    steps = (tf.transpose(tags), tf.transpose(valid))
    tags = tf.transpose(tf.scan(carry, steps, tf.zeros_like(tags[:, 0])))
    after = tf.one_hot(tags, size, dtype=dtype)
    before = tf.pad(after, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    before = tf.where(tf.expand_dims(inner, 2), before, 0.0)
    pairs = tf.matmul(before, after, transpose_a=True)
    return tf.concat([pairs, tf.where(tf.expand_dims(valid, 2), after, 0.0)], 1)


def best_path(scores, buffers):
    """The Viterbi algorithm: `(tags, score)`, int32 `(batch, time)` and `(batch,)`."""
    transitions, emissions = _split(scores)
    valid, inner = _steps(scores)
    start = _start(scores)
    T = tf.shape(emissions)[1]

    def advance(t, alpha, alphas):
        before = tf.reduce_max(tf.expand_dims(alpha, 2) + transitions, 1)
        before = tf.where(_at(inner, t), before, 0.0)
        after = tf.where(_at(valid, t), before + tf.gather(emissions, t, axis=1), alpha)
        return t + 1, after, buffers.write(alphas, t, alpha)

    loop = (0, start, buffers.allocate(T, start))
    _, last, alphas = tf.while_loop(lambda t, *_: t < T, advance, loop, maximum_iterations=T)
    alphas = buffers.read(alphas)

    # The back-pointers are computed on the way back, for the best path only.
    def retreat(t, tag, tags):
        column = tf.gather(transitions, tag, axis=2, batch_dims=1)
        before = tf.argmax(tf.gather(alphas, t) + column, 1, tf.int32)
        before = tf.where(tf.gather(inner, t, axis=1), before, tag)
        return t - 1, before, buffers.write(tags, t, tag)

    tag = tf.argmax(last, 1, tf.int32)
    loop = (T - 1, tag, buffers.allocate(T, tag))
    *_, tags = tf.while_loop(lambda t, *_: t >= 0, retreat, loop, maximum_iterations=T)
    return tf.transpose(buffers.read(tags)), tf.reduce_max(last, 1)


def _size(scores):
    """The number of tags; a traced function may leave it open."""
    return tf.shape(scores)[-1] if scores.shape[-1] is None else scores.shape[-1]


def _split(scores):
    """The transitions `(batch, tags, tags)` and the emissions `(batch, time, tags)`."""
    size = _size(scores)
    return scores[:, :size], scores[:, size:]


def _steps(scores):
    """Booleans `(batch, time)`: the steps that are not padded; and those with one before them."""
    valid = _split(scores)[1][:, :, 0] > PADDED / 2
    return valid, valid & (tf.cumsum(tf.cast(valid, tf.int32), axis=1) > 1)


def _start(scores):
    """The alphas before the first step, `(batch, tags)`: those of tag 0."""
    first = tf.zeros_like(scores[:, 0, 0], tf.int32)
    return PADDED * (1 - tf.one_hot(first, _size(scores), dtype=scores.dtype))


def _at(values, t):
    """The values of step t, `(batch, 1)`."""
    return tf.expand_dims(tf.gather(values, t, axis=1), 1)


def _log_sum_exp(a, axis):
    # Not TensorFlow's, which also treats infinities.
    largest = tf.stop_gradient(tf.reduce_max(a, axis, keepdims=True))
    sums = tf.reduce_sum(tf.exp(a - largest), axis)
    return tf.math.log(sums) + tf.squeeze(largest, axis)
