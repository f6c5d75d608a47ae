"""The perplexity metric against its formula."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_keras.metrics import Perplexity


def perplexity(ids, logits, counts):
    """exp(-1/n Σ log P), as the documents write it."""
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    picked = np.take_along_axis(log_p, ids[..., None], -1)[..., 0]
    return np.exp(-picked[counts].sum() / counts.sum())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), batches=st.integers(1, 3))
def test_streams_and_ignores_padding(seed, batches):
    random = np.random.default_rng(seed)
    ids = random.integers(0, 7, (batches, 4, 6))
    ids[0, 0, 0] = 1  # at least one that counts
    logits = random.normal(0, 3, (batches, 4, 6, 7)).astype("float32")
    metric = Perplexity(ignore_class=0)
    for y, scores in zip(ids, logits):
        metric.update_state(y, scores)
    assert float(metric.result()) == pytest.approx(
        perplexity(ids, logits.astype("float64"), ids != 0), rel=1e-5
    )


def test_weights_of_sequences():
    ids, logits = np.array([[1, 2], [2, 0]]), np.random.default_rng(0).normal(size=(2, 2, 4))
    counts = np.array([[False, False], [True, False]])  # the first weighs nothing, 0 is padding
    score = Perplexity(ignore_class=0)(ids, logits, sample_weight=np.array([0.0, 2.0]))
    assert float(score) == pytest.approx(perplexity(ids, logits, counts), rel=1e-5)


def test_honours_the_mask_of_a_model():
    ids = np.array([[3, 1, 0, 0], [2, 2, 2, 0]])
    model = keras.Sequential([keras.layers.Embedding(4, 5, mask_zero=True), keras.layers.Dense(4)])
    model.compile(metrics=[Perplexity()], loss=keras.losses.SparseCategoricalCrossentropy(True))
    score = model.evaluate(ids, ids, verbose=0, return_dict=True)["perplexity"]
    expected = perplexity(ids, np.asarray(model(ids), "float64"), ids != 0)
    assert score == pytest.approx(expected, rel=1e-5)


def test_limits_and_round_trip():
    certain = np.eye(3, dtype="float32")[None] * 100
    assert float(Perplexity()([[0, 1, 2]], certain)) == pytest.approx(1)
    uniform = np.full((1, 2, 5), 1 / 5, "float32")
    assert float(Perplexity(from_logits=False)([[0, 4]], uniform)) == pytest.approx(5)
    config = Perplexity(name="p", ignore_class=2, from_logits=False).get_config()
    assert Perplexity.from_config(config).get_config() == config
