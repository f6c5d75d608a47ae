"""Copying: ids of unknown words, the mixture, coverage; a model that copies names it never saw."""

import numpy as np
import pytest
import tensorflow as tf

from apps.summarization.copier import Copier
from benchmarks.cases.copying import exact
from rnn_keras import seq2seq, use_plan
from rnn_keras.export import LiteRTModel, write_litert
from tests.export.flatbuffer import operators

UNKNOWN = 1


def test_unknown_words_are_numbered_in_the_order_in_which_they_occur():
    words = tf.constant([["zo", "the", "ka", "zo", "mi"], ["the", "", "", "", ""]])
    ids = tf.constant([[UNKNOWN, 5, UNKNOWN, UNKNOWN, UNKNOWN], [5, 0, 0, 0, 0]])
    copied = seq2seq.copy_ids(words, ids, tokens=10, copies=2)
    assert copied.numpy().tolist() == [[10, 5, 11, 10, UNKNOWN], [5, 0, 0, 0, 0]]
    targets = tf.constant([["ka", "the", "mi", "no"], ["zo", "the", "", ""]])
    target_ids = tf.constant([[UNKNOWN, 5, UNKNOWN, UNKNOWN], [UNKNOWN, 5, 0, 0]])
    found = seq2seq.copy_targets(targets, target_ids, words, copied)
    assert found.numpy().tolist() == [[11, 5, UNKNOWN, UNKNOWN], [UNKNOWN, 5, 0, 0]]
    written = seq2seq.copied_words(tf.constant([[11, 10, 5, 3], [10, 2, 0, 5]]), words, copied)
    assert written.numpy().tolist() == [[b"ka", b"zo", b"the", b""], [b"", b"", b"", b"the"]]


def test_the_mixture_sums_what_is_copied_twice():
    rng = np.random.default_rng(0)
    features, logits = rng.normal(size=(4, 3, 5)), rng.normal(size=(4, 3, 6))
    weights, ids = rng.dirichlet(np.ones(4), (4, 3)), np.array([[2, 6, 6, 0], [7, 2, 2, 5]])
    mixture = seq2seq.CopyMechanism(6, 2, dtype="float64")
    found = mixture(*map(tf.constant, (features, logits, weights, ids)))
    W, b = mixture.gate.get_weights()
    p = 1 / (1 + np.exp(-(features @ W + b)))
    wanted = np.pad(
        p * np.exp(logits) / np.exp(logits).sum(-1, keepdims=True), [(0, 0)] * 2 + [(0, 2)]
    )
    for row, t, s in np.ndindex(weights.shape):
        wanted[row, t, ids[row // 2, s]] += (1 - p[row, t, 0]) * weights[row, t, s]
    np.testing.assert_allclose(found, np.log(np.maximum(wanted, 1e-12)), rtol=1e-10)
    np.testing.assert_allclose(wanted.sum(-1), 1)


def test_coverage_loss():
    a = np.random.default_rng(0).dirichlet(np.ones(3), (2, 4))
    wanted = [[np.minimum(row[t], row[:t].sum(0)).sum() for t in range(4)] for row in a]
    np.testing.assert_allclose(seq2seq.coverage_loss(tf.constant(a)), np.mean(wanted))
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 0]], bool)
    masked = seq2seq.coverage_loss(tf.constant(a), mask)
    np.testing.assert_allclose(masked, np.array(wanted)[mask].mean())


def test_scheduled_sampling_takes_the_models_tokens():
    tokens = tf.constant([[2, 4, 5, 6], [2, 4, 0, 0]])

    def decode(inputs):  # certain that the next token is one more, up to 9
        return 1e3 * tf.one_hot(tf.minimum(inputs + 1, 9), 10)

    for rate, passes, wanted in (
        (0.0, 1, tokens),
        (1.0, 1, [[2, 3, 5, 6], [2, 3, 0, 0]]),
        (1.0, 2, [[2, 3, 4, 6], [2, 3, 0, 0]]),  # of the model's own tokens
    ):
        sampling = seq2seq.ScheduledSampling(rate, passes)
        assert np.array_equal(sampling(tokens, decode, training=True), wanted)
        assert sampling(tokens, decode, training=False) is tokens
    sampling.rate.assign(0.3)
    many = sampling(tf.fill([100, 50], 4), lambda t: decode(t * 0), training=True).numpy()
    assert set(np.unique(many)) == {1, 4} and np.mean(many[:, 1:] == 1) == pytest.approx(
        0.3, abs=0.03
    )


def test_samples_follow_the_distribution():
    logits = tf.math.log([0.2, 0.5, 0.3])
    sampling = seq2seq.ScheduledSampling(1.0, padding_id=-1, seed=0)
    tokens = sampling(
        tf.zeros([50, 201], tf.int32), lambda t: tf.zeros([*t.shape, 3]) + logits, training=True
    )
    counts = np.bincount(tokens.numpy()[:, 1:].ravel()) / 10_000
    np.testing.assert_allclose(counts, [0.2, 0.5, 0.3], atol=0.02)


@pytest.mark.slow
def test_copying_with_feeding_and_coverage_converts_to_builtin_operations(tmp_path):
    model = Copier(8, 6, 3, coverage=1.0, input_feeding=True)
    ids = np.array([[4, 9, 8, 3], [8, 8, 0, 0], [5, 6, 10, 0]], np.int32)
    tokens = np.array([[2, 9, 5], [2, 8, 4], [2, 10, 10]], np.int32)
    for w in model.weights:  # far from the initial ones
        w.assign(2 * w + 0.1)
    spec = tf.TensorSpec([None, None], tf.int32, "ids")

    def beam(ids):
        return model.search(ids, 2, 3, (0, 2), 5, beam_width=3)._asdict()

    def align(ids, tokens):
        memory, states = model.encode(ids)
        logits, _, weights = model.decoder.decode(tokens, states, memory)
        return {"logits": logits, "attention": weights}

    functions = {
        "beam": tf.function(beam, input_signature=[spec], autograph=False),
        "align": tf.function(
            align, input_signature=[spec, tf.TensorSpec([None, None], tf.int32, "tokens")],
            autograph=False,
        ),
    }  # fmt: skip
    examples = {
        "beam": [{"ids": ids}, {"ids": ids[:1]}],
        "align": [{"ids": ids, "tokens": tokens}, {"ids": ids[1:2, :2], "tokens": tokens[:1]}],
    }
    write_litert(functions, [model], file=tmp_path / "model.tflite", examples=examples)
    found = operators(tmp_path / "model.tflite")
    assert "WHILE" in found and not [name for name in found if name.startswith("Flex")]
    lite = LiteRTModel(tmp_path / "model.tflite")
    assert (lite.run("beam", ids=ids)["tokens"] >= 8).any()  # it writes words it does not know


@pytest.mark.slow
def test_names_that_were_never_seen_are_copied():
    with use_plan("graph"):  # compiling would take longest
        assert exact(copying=True, pairs=400, epochs=4) > 0.8


@pytest.mark.slow
def test_without_copying_no_name_is_written():
    assert exact(copying=True, pairs=2_000, epochs=6) > 0.95
    assert exact(copying=False, pairs=2_000, epochs=6) < 0.2
