"""Sampling against NumPy, and in a batch, in a graph and one by one."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from rnn_keras import decoding

LOGITS = np.array([[2.0, -1.0, 0.5, 0.5, -3.0]], "float32")


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def kept(logits, **options):
    return np.isfinite(decoding.filter_logits(tf.constant(logits), **options).numpy())


def expected_kept(logits, temperature, k, p):
    """Top-k, then the nucleus of what is left, for one row without ties."""
    order = np.argsort(-logits)[: k or None]
    probability = softmax(logits[order].astype("float64") / temperature)
    before = np.cumsum(probability) - probability
    return np.isin(np.arange(len(logits)), order[before < p])


@given(
    seed=st.integers(0, 2**31),
    temperature=st.sampled_from([0.3, 1.0, 2.5]),
    k=st.integers(0, 12),
    p=st.sampled_from([0.05, 0.4, 0.9]),
)
def test_filter_keeps_what_the_definitions_say(seed, temperature, k, p):
    logits = np.random.default_rng(seed).normal(size=(1, 9)).astype("float32")
    found = kept(logits, temperature=temperature, top_k=k, top_p=p)
    np.testing.assert_array_equal(found[0], expected_kept(logits[0], temperature, k, p))


def test_filter_options_per_row():
    logits = np.repeat(LOGITS, 4, axis=0)
    found = kept(
        logits, temperature=[1.0, 1.0, 1.0, 0.01], top_k=[1, 2, 0, 0], top_p=[1.0, 1.0, 0.7, 0.9]
    )
    assert found.astype(int).tolist() == [
        [1, 0, 0, 0, 0],
        [1, 0, 1, 1, 0],  # what ties with the last one kept is kept
        [1, 0, 1, 1, 0],
        [1, 0, 0, 0, 0],
    ]


@given(st.integers(2, 200), st.floats(0.01, 50))
def test_filter_defaults_keep_everything(vocabulary, spread):
    logits = np.random.default_rng(vocabulary).normal(0, spread, (2, vocabulary)).astype("float32")
    filtered = decoding.filter_logits(tf.constant(logits))
    np.testing.assert_array_equal(filtered, logits)


def test_filter_never_removes_everything():
    assert kept(LOGITS, top_p=1e-9).sum() == 1


@pytest.mark.slow
def test_draws_follow_the_distribution():
    n = 4000
    seeds = np.stack([np.arange(n), np.zeros(n)], axis=1).astype("int32")
    tokens = decoding.sample_token(tf.repeat(LOGITS, n, axis=0), seeds, 0.7).numpy()
    frequency = np.bincount(tokens, minlength=5) / n
    probability = softmax(LOGITS[0] / 0.7)
    deviation = np.sqrt(probability * (1 - probability) / n)
    assert (np.abs(frequency - probability) < 4.5 * deviation + 1e-9).all()


def test_temperature_zero_is_greedy():
    seeds = np.stack([np.arange(50), np.arange(50)], axis=1)
    tokens = decoding.sample_token(tf.repeat(LOGITS, 50, axis=0), seeds, 0.0, top_k=3)
    assert set(tokens.numpy()) == {0}


def test_a_removed_token_is_never_drawn():
    logits = np.array([[-np.inf, 0.0, -np.inf, 0.0]], "float32").repeat(200, axis=0)
    seeds = np.stack([np.arange(200), np.arange(200)], axis=1)
    assert set(decoding.sample_token(logits, seeds, 5.0).numpy()) == {1, 3}


def counting_step(tokens, state):
    """Logits that favour the token after the last one; the state counts the calls."""
    return tf.one_hot((tokens + 1) % 5, 5) * 3.0, state + 1


def sample(rows, length, graph=False, **options):
    """Samples rows of seeds from the uniform distribution on."""
    run = decoding.sample
    if graph:
        run = tf.function(run, autograph=False)
    logits, state = tf.zeros([len(rows), 5]), tf.zeros([len(rows)], tf.int32)
    return run(counting_step, logits, state, tf.constant(length), tf.constant(rows), **options)


def test_rows_do_not_depend_on_each_other():
    together, _, state = sample([3, 8, 3], 12)
    np.testing.assert_array_equal(together[0], together[2])
    np.testing.assert_array_equal(together[1], sample([8], 12)[0][0])
    assert not np.array_equal(together[0], together[1])
    np.testing.assert_array_equal(state, [12, 12, 12])


def test_a_longer_text_starts_with_the_shorter():
    np.testing.assert_array_equal(sample([5], 9)[0][:, :4], sample([5], 4)[0])


def test_graph_equals_eager():
    options = {"temperature": [1.0, 0.5], "top_k": [0, 3], "top_p": [0.9, 1.0]}
    for want, got in zip(sample([1, 2], 6, **options), sample([1, 2], 6, graph=True, **options)):
        np.testing.assert_array_equal(want, got)


def test_greedy_follows_the_logits():
    tokens, logits, _ = sample([0], 7, temperature=0.0)
    assert tokens.numpy().tolist() == [[0, 1, 2, 3, 4, 0, 1]]
    assert np.argmax(logits) == 2  # what continues them


@pytest.mark.parametrize("length", [0, 1])
def test_short_lengths(length):
    tokens, _, state = sample([4, 4], length)
    assert tokens.shape == (2, length)
    assert state.numpy().tolist() == [length, length]
