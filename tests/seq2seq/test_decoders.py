"""Attention and decoders against the equations in float64; a step equals teacher forcing."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras import seq2seq, use_plan
from rnn_keras.layers import GRU, LSTM, Bidirectional
from tests import oracle

MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], bool)
RNG = np.random.default_rng(0)
VALUES, QUERIES = RNG.normal(size=(2, 4, 6)), RNG.normal(size=(2, 3, 5))
COVERAGE = RNG.uniform(size=(2, 4))
TOKENS = np.array([[2, 4, 5, 9], [2, 6, 7, 0]], np.int32)
COPY_IDS = np.array([[4, 8, 9, 0], [9, 5, 9, 6]], np.int32)
STATE = RNG.normal(size=(2, 7))


@pytest.fixture(autouse=True)
def plain_loops():
    """For sequences this short, compiling would take longest."""
    with use_plan("graph"):
        yield


def close(found, wanted, **options):
    np.testing.assert_allclose(found, wanted, **{"rtol": 1e-9, "atol": 1e-11} | options)


def random_weights(layer):
    """Far from the initial ones, so that an error would show."""
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape, scale=0.6) for w in layer.get_weights()])
    return layer


def softmax(scores, mask):
    powers = np.exp(scores) * mask
    return powers / powers.sum(-1, keepdims=True)


def additive(attention, Q, V, mask, coverage=None):
    """`(context, weights)` of queries `(batch, n)`."""
    (W, b), (U,) = attention.query.get_weights(), attention.key.get_weights()
    sums = (Q @ W + b)[:, None] + V @ U
    if coverage is not None:
        sums = sums + coverage[..., None] * attention.coverage_kernel.numpy()
    weights = softmax(np.tanh(sums) @ attention.scale.numpy(), mask)
    return np.einsum("bs,bsf->bf", weights, V), weights


def test_additive_attention():
    attention = seq2seq.AdditiveAttention(8, coverage=True, dtype="float64")
    attention(QUERIES, VALUES)
    random_weights(attention)
    context, weights = attention(QUERIES, VALUES, MASK)
    for t in range(3):
        wanted = additive(attention, QUERIES[:, t], VALUES, MASK)
        close(context[:, t], wanted[0])
        close(weights[:, t], wanted[1])
    memory = attention.start(tf.constant(VALUES), MASK)
    found = attention.read(tf.constant(QUERIES[:, :1]), memory, tf.constant(COVERAGE))
    for ours, wanted in zip(found, additive(attention, QUERIES[:, 0], VALUES, MASK, COVERAGE)):
        close(ours[:, 0], wanted)


def test_multiplicative_attention():
    attention = seq2seq.MultiplicativeAttention(dtype="float64")
    context, weights = attention(QUERIES, VALUES, MASK)
    (W,) = attention.key.get_weights()
    wanted = softmax(QUERIES @ (VALUES @ W).transpose(0, 2, 1) / np.sqrt(5), MASK[:, None])
    close(weights, wanted)
    close(context, wanted @ VALUES)


def test_a_mask_of_keras_is_used_and_rows_share_a_memory():
    ids = np.array([[3, 1, 2, 0], [1, 1, 2, 3]])
    values = keras.layers.Embedding(4, 6, mask_zero=True)(ids)
    attention = seq2seq.AdditiveAttention(8)
    queries = RNG.normal(size=(6, 3, 5)).astype("float32")  # three rows of each
    context, weights = attention(queries, values)
    assert not weights.numpy()[:3, :, 3].any() and weights.numpy()[3:].all()
    own = attention(queries, tf.repeat(values, 3, axis=0), tf.repeat(ids != 0, 3, axis=0))
    for found, wanted in zip((context, weights), own):
        close(found, wanted, rtol=1e-5, atol=1e-6)


def decoder(layers=2, cell=GRU, attention=None, input_feeding=False, coverage=False):
    attention = attention or seq2seq.AdditiveAttention(8, coverage, dtype="float64")
    layers = [cell(5, dtype="float64") for _ in range(layers)]
    options = {"input_feeding": input_feeding, "dtype": "float64"}
    return seq2seq.AttentionDecoder(layers, attention, 3, **options)


VARIANTS = {
    "plain": lambda: decoder(3),
    "one layer": lambda: decoder(1),
    "multiplicative, LSTM": lambda: decoder(
        cell=LSTM, attention=seq2seq.MultiplicativeAttention(dtype="float64")
    ),
    "Keras's layers": lambda: decoder(cell=keras.layers.LSTM, input_feeding=True),
    "input feeding": lambda: decoder(input_feeding=True),
    "coverage": lambda: decoder(1, coverage=True),
    "both, LSTM": lambda: decoder(3, LSTM, input_feeding=True, coverage=True),
    "context": lambda: seq2seq.ContextDecoder([GRU(7, dtype="float64")], dtype="float64"),
}


@pytest.fixture(params=VARIANTS)
def tokens_decoder(request):
    """A decoder of tokens, which copies where it attends."""
    inner = VARIANTS[request.param]()
    copies = 2 if hasattr(inner, "attention") else None
    whole = seq2seq.TokenDecoder(8, 4, inner, copies=copies, dtype="float64")
    whole.build(TOKENS.shape, VALUES.shape, [STATE.shape])
    return random_weights(whole)


def start(whole, rows=1):
    copied = None if whole.copy is None else tf.constant(COPY_IDS)
    values, states = tf.constant(VALUES), [tf.constant(STATE)]
    memory, states = whole.start(values, states, MASK, copied)
    return memory, [tf.repeat(s, rows, axis=0) for s in states]


def test_a_step_is_teacher_forcing(tokens_decoder):
    """And hypotheses of a sentence share its memory."""
    memory, states = start(tokens_decoder, rows=2)
    tokens = np.concatenate([TOKENS[:1, ::-1], TOKENS, TOKENS[:1]])  # two rows of each
    whole, last, weights = tokens_decoder.decode(tokens, states, memory)
    step = tokens_decoder.step(memory)
    for t in range(tokens.shape[1]):
        logits, states = step(tokens[:, t], states)
        close(logits, whole[:, t], rtol=1e-5, atol=1e-5)  # logits are float32
    for found, wanted in zip(states, last, strict=True):
        close(found, wanted)
    assert np.ptp(whole, axis=1).max() > 0.01 and (weights is None) == (tokens_decoder.copy is None)


def test_by_its_equations_with_feeding_and_coverage():
    whole = decoder(2, LSTM, input_feeding=True, coverage=True)
    E = RNG.normal(size=(2, 4, 6))
    whole.build(E.shape, VALUES.shape, [STATE.shape])
    random_weights(whole)
    memory, states = whole.start(tf.constant(VALUES), [tf.constant(STATE)], MASK)
    output, states, weights, _ = whole.decode(tf.constant(E), states, memory)

    W, b = whole.bridge.get_weights()
    H, C, H_top, C_top = np.split(np.tanh(STATE @ W + b), 4, axis=-1)
    cells = [
        oracle.unpack(layer.get_weights(), 4)
        for layer in (*whole.query_rnn.layers, *whole.recurrent.layers)
    ]
    W, b = whole.read.get_weights()
    context, coverage = np.zeros((2, 6)), np.zeros((2, 4))
    for t in range(4):
        e = E[:, t]
        _, (H, C) = oracle.lstm(np.concatenate([e, context], -1)[:, None], *cells[0], H, C)
        context, a = additive(whole.attention, H, VALUES, MASK, coverage)
        X = np.concatenate([H, context], -1)
        _, (H_top, C_top) = oracle.lstm(X[:, None], *cells[1], H_top, C_top)
        coverage = coverage + a
        close(weights[:, t], a)
        close(output[:, t], np.tanh(np.concatenate([H_top, context, e], -1) @ W + b))
    for found, wanted in zip(states, (H, C, H_top, C_top, context, coverage), strict=True):
        close(found, wanted)


@pytest.mark.slow
def test_the_gradient_of_the_loop_is_that_of_its_steps():
    """Compiled by XLA, as in training."""
    whole = decoder(2, input_feeding=True, coverage=True)
    whole.build((2, 4, 6), VALUES.shape, [STATE.shape])
    random_weights(whole)
    E = tf.constant(RNG.normal(size=(2, 4, 6)))

    def gradients(stepwise):
        with tf.GradientTape() as tape:
            memory, states = whole.start(tf.constant(VALUES), [tf.constant(STATE)], MASK)
            steps = tf.split(E, 4, axis=1) if stepwise else [E]
            total = 0.0
            for e in steps:
                output, states, _, _ = whole.decode(e, states, memory)
                total += tf.reduce_sum(output**2)
        return tape.gradient(total, [v.value for v in whole.trainable_variables])

    wanted = gradients(True)
    found = tf.function(gradients, jit_compile=True, autograph=False)(False)
    for ours, theirs in zip(found, wanted, strict=True):
        close(ours, theirs, rtol=1e-7)


def test_a_functional_model_is_saved_with_all_its_parts(tmp_path):
    source, tokens = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    E = keras.layers.Embedding(9, 4, mask_zero=True)(source)
    H, *states = Bidirectional(GRU(5, return_sequences=True, return_state=True))(E)
    attention = seq2seq.AdditiveAttention(6, coverage=True)
    inner = seq2seq.AttentionDecoder([GRU(5), GRU(5)], attention, 4, dropout=0.1)
    outer = seq2seq.TokenDecoder(8, 4, inner, tied=True, copies=1, dropout=0.1)
    logits = outer(tokens, H, states, copy_ids=source)
    model = keras.Model([source, tokens], logits)
    assert logits.shape == (None, None, 9)
    ids = np.array([[4, 8, 3, 0]], np.int32)
    expected = model([ids, TOKENS[:1]])
    close(model([ids[:, :3], TOKENS[:1]]), expected, rtol=1e-4, atol=1e-5)  # it is masked
    close(tf.reduce_sum(tf.exp(expected), -1), np.ones((1, 4)), rtol=1e-5)
    dropped = model([ids, TOKENS[:1]], training=True)
    assert np.abs(dropped - expected).max() > 1e-3
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again([ids, TOKENS[:1]]), expected)


@pytest.mark.parametrize("looped", [False, True])
def test_in_mixed_precision_the_logits_are_float32(looped):
    policy = keras.DTypePolicy("mixed_bfloat16")
    attention = seq2seq.AdditiveAttention(6, coverage=looped, dtype=policy)
    layers = [GRU(5, dtype=policy), GRU(5, dtype=policy)]
    options = {"input_feeding": looped, "dropout": 0.1, "dtype": policy}
    inner = seq2seq.AttentionDecoder(layers, attention, 4, **options)
    whole = seq2seq.TokenDecoder(8, 4, inner, tied=True, copies=2, dtype=policy)
    inputs = TOKENS, tf.cast(VALUES, "float32"), [tf.cast(STATE, "float32")]
    logits = whole(*inputs, copy_ids=tf.constant(COPY_IDS), training=True)
    assert logits.dtype == "float32" and np.isfinite(logits).all()


def test_layers_that_cannot_be_are_refused():
    attention = seq2seq.AdditiveAttention(4)
    for layers, options, message in (
        ([Bidirectional(GRU(4))], {}, "run forwards only"),
        ([GRU(4, dropout=0.5)], {"input_feeding": True}, "use the `dropout` of the decoder"),
    ):
        with pytest.raises(ValueError, match=message):
            seq2seq.AttentionDecoder(layers, attention, 4, **options)
    with pytest.raises(ValueError, match="must be `embedding` 6, got 4"):
        seq2seq.TokenDecoder(9, 6, seq2seq.AttentionDecoder([GRU(4)], attention, 4), tied=True)
    with pytest.raises(ValueError, match="need a decoder with attention"):
        seq2seq.TokenDecoder(9, 6, seq2seq.ContextDecoder([GRU(4)]), copies=3)
