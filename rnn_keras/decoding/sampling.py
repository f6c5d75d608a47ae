"""Sampling: random draws of each next token, from all tokens or from the likely ones."""

import tensorflow as tf

from rnn_keras.decoding.hypotheses import State, Step, column


def filter_logits(
    logits: tf.Tensor,
    temperature: float | tf.Tensor = 1.0,
    top_k: int | tf.Tensor = 0,
    top_p: float | tf.Tensor = 1.0,
) -> tf.Tensor:
    r"""Scales logits by the temperature and removes the unlikely tokens.

    With probabilities from softmax(logits / temperature): `top_k` keeps the k most likely tokens
    (Fan et al. 2018), `top_p` the smallest set of most likely tokens whose probability is at
    least p (nucleus sampling, Holtzman et al. 2020), applied in this order. Ties with the last
    kept token are kept.

    Args:
        logits: `(batch, vocabulary)` float32.
        temperature: positive, scalar or `(batch,)`.
        top_k: int32, scalar or `(batch,)`; 0 or the vocabulary's size and more keep all.
        top_p: in (0, 1], scalar or `(batch,)`; 1 keeps all.

    Returns:
        `(batch, vocabulary)` float32, removed tokens at minus infinity.
    """
    batch, vocabulary = tf.unstack(tf.shape(logits))
    logits = logits / column(temperature, tf.float32)
    k = column(top_k, tf.int32)
    k = tf.broadcast_to(tf.where(k <= 0, vocabulary, tf.minimum(k, vocabulary)), [batch, 1])
    descending = tf.sort(logits, direction="DESCENDING")
    threshold = tf.gather(descending, k - 1, batch_dims=1)
    descending = tf.where(descending >= threshold, descending, -tf.float32.max)
    mass_before = tf.cumsum(tf.nn.softmax(descending), axis=-1, exclusive=True)
    p = column(top_p, tf.float32)
    # Rounding may bring the sum to 1 before the last token, so p = 1 is a case of its own.
    inside = tf.logical_or(mass_before < p, p >= 1)
    kept = tf.math.count_nonzero(inside, axis=-1, keepdims=True, dtype=tf.int32)
    threshold = tf.maximum(threshold, tf.gather(descending, tf.maximum(kept, 1) - 1, batch_dims=1))
    return tf.where(logits >= threshold, logits, -float("inf"))


def sample_token(
    logits: tf.Tensor,
    seeds: tf.Tensor,
    temperature: float | tf.Tensor = 1.0,
    top_k: int | tf.Tensor = 0,
    top_p: float | tf.Tensor = 1.0,
) -> tf.Tensor:
    """Draws one token per row; the draw depends on the row's own seed alone.

    By the Gumbel-max trick: argmax(logits + Gumbel noise) is distributed as softmax(logits).

    Args:
        logits: `(batch, vocabulary)` float32.
        seeds: `(batch, 2)` integers.
        temperature, top_k, top_p: as in `filter_logits`; temperature 0 is greedy: the most
            likely token.

    Returns:
        `(batch,)` int32.
    """
    vocabulary = tf.shape(logits)[-1]
    temperature = column(temperature, tf.float32)
    greedy = temperature <= 0
    allowed = filter_logits(logits, tf.where(greedy, 1.0, temperature), top_k, top_p)
    tiny = 1e-20  # uniform noise may be 0
    uniform = tf.map_fn(
        lambda seed: tf.random.stateless_uniform([vocabulary], seed, tiny, 1.0),
        tf.convert_to_tensor(seeds),
        fn_output_signature=tf.float32,
    )
    noisy = allowed - tf.math.log(-tf.math.log(uniform))
    return tf.argmax(tf.where(greedy, logits, noisy), axis=-1, output_type=tf.int32)


def sample(
    step: Step,
    logits: tf.Tensor,
    state: State,
    length: int | tf.Tensor,
    seeds: tf.Tensor,
    temperature: float | tf.Tensor = 1.0,
    top_k: int | tf.Tensor = 0,
    top_p: float | tf.Tensor = 1.0,
) -> tuple[tf.Tensor, tf.Tensor, State]:
    """Draws sequences token by token.

    Args:
        step: the step callable.
        logits: `(batch, vocabulary)` float32, for the first token to draw.
        state: the state after these logits.
        length: tokens to draw, an int32 scalar.
        seeds: `(batch,)` integers; row and seed determine the sequence, in any batch.
        temperature, top_k, top_p: as in `sample_token`.

    Returns:
        `(tokens, logits, state)`: tokens `(batch, length)` int32, and the values to continue with.
    """
    seeds = tf.cast(seeds, tf.int32)
    batch = tf.shape(logits)[0]
    # One entry more than is drawn, as an empty array cannot be stacked.
    tokens = tf.TensorArray(tf.int32, size=length + 1, element_shape=[None])
    tokens = tokens.write(0, tf.zeros([batch], tf.int32))

    def draw(t, tokens, logits, state):
        numbered = tf.stack([seeds, tf.broadcast_to(t, [batch])], axis=1)
        token = sample_token(logits, numbered, temperature, top_k, top_p)
        logits, state = step(token, state)
        return t + 1, tokens.write(t + 1, token), logits, state

    _, tokens, logits, state = tf.while_loop(
        lambda t, *_: t < length, draw, (0, tokens, logits, state)
    )
    return tf.transpose(tf.ensure_shape(tokens.stack(), [None, None])[1:]), logits, state
