"""The classifier: what is passed over, pooling, adversarial steps, pretraining."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from apps.common.errors import InputError
from apps.common.pooling import MaskedPooling
from apps.common.run import Run
from apps.common.tokenized import learn_vocabulary
from apps.common.trained import load_in_float32
from apps.sentiment import ngrams
from apps.sentiment.adversarial import AdversarialModel
from apps.sentiment.batches import TokenizedReviews
from apps.sentiment.config import SentimentConfig
from apps.sentiment.model import build
from apps.sentiment.pretraining import STEPS, WordModel, _rows
from apps.sentiment.reviews import Reviews
from apps.sentiment.text import SPECIALS, WORDS
from rnn_keras import use_plan

SMALL = SentimentConfig(units=5, embedding=4, vocabulary=9, dropout=0.0, embedding_dropout=0.0)


def random_weights(model, seed=0):
    """Far from their initial values, so that an error would show."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=w.shape, scale=0.7) for w in model.get_weights()])
    return model


def logits(model, *rows):
    return model.predict_on_batch(np.array(rows, np.int32))[:, 0]


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "max"},
        {"pooling": "mean", "cell": "lstm", "bidirectional": False},
        {"pooling": "max+mean", "layers": 2},
        {"pooling": "attention", "cell": "vanilla"},
        {"pooling": "last"},
    ],
    ids=lambda options: options["pooling"],
)
def test_padding_is_passed_over_wherever_it_stands(options):
    model = random_weights(build(replace(SMALL, **options), 9))
    rows = [3, 4, 5, 0, 0], [3, 0, 4, 0, 5], [0, 0, 3, 4, 5], [3, 5, 4, 0, 0], [0, 0, 0, 0, 0]
    with use_plan("graph"):  # for rows this short, compiling would take longest
        alone, *spread, other, nothing = logits(model, *rows)
    np.testing.assert_allclose(spread, alone, rtol=1e-4, atol=1e-5)
    assert abs(alone - other) > 1e-4  # the order counts
    assert np.isfinite(nothing)


@pytest.mark.parametrize("kind", MaskedPooling.KINDS)
def test_pooling_is_that_of_the_valid_steps(kind):
    rng = np.random.default_rng(0)
    H = rng.normal(size=(9, 4, 2)).astype("float32") - 3  # so that zeros would be the maximum
    mask = rng.random((9, 4)) < 0.5
    mask[0] = False
    layer = MaskedPooling(kind)
    found = layer(H, mask=mask).numpy()
    assert found.shape == layer.compute_output_shape(H.shape)
    for row, states, valid in zip(found, H, mask):
        states = states[valid].astype("float64")
        if not len(states):
            want = np.zeros(len(row))
        elif kind == "attention":
            (kernel, bias), (v,) = layer.hidden.get_weights(), layer.score.get_weights()
            weight = np.exp(np.tanh(states @ kernel + bias) @ v[:, 0])
            want = weight / weight.sum() @ states
        else:
            want = np.concatenate([getattr(states, k)(axis=0) for k in kind.split("+")])
        np.testing.assert_allclose(row, want, rtol=1e-4, atol=1e-5)


def test_pooling_refuses():
    with pytest.raises(ValueError, match="must be one of max, mean"):
        MaskedPooling("min")
    with pytest.raises(ValueError, match="with a `mask`"):
        MaskedPooling("max")(np.zeros((1, 2, 3)))


def bce(labels, logits):
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))


@pytest.mark.slow
def test_an_adversarial_step_adds_the_loss_of_the_worst_change():
    ids = np.array([[3, 4, 5, 0], [6, 7, 8, 3]], np.int32)
    labels = np.array([[1.0], [0.0]], "float32")
    model = random_weights(build(replace(SMALL, adversarial=0.3), 9))
    model.compile(keras.optimizers.SGD(1.0), keras.losses.BinaryCrossentropy(from_logits=True))
    vectors, head = model.get_layer("word_vectors"), model.get_layer("head")

    with tf.GradientTape() as tape:
        V, mask = vectors(ids)
        tape.watch(V)
        loss = bce(labels, head([V, mask]))
    g = tape.gradient(loss, V).numpy()
    r = 0.3 * g / np.sqrt((g**2).sum((1, 2), keepdims=True))

    with tf.GradientTape() as tape:
        V, mask = vectors(ids)
        plain = bce(labels, head([V, mask]))
        both = plain + bce(labels, head([V + r, mask]))
    want = tape.gradient(both, model.trainable_variables)
    before = model.get_weights()
    logs = model.train_on_batch(ids, labels, return_dict=True)
    for old, new, gradient in zip(before, model.get_weights(), want):
        np.testing.assert_allclose(old - new, tf.convert_to_tensor(gradient), rtol=1e-4, atol=1e-6)
    assert logs["loss"] == pytest.approx(float(plain), rel=1e-5)  # not that of the change


def test_a_saved_model_comes_back_and_computes_in_float32(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = random_weights(build(replace(SMALL, adversarial=1.0), 9))
        half = logits(model, [3, 4, 5])
    finally:
        keras.config.set_dtype_policy("float32")
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras", compile=False)
    assert isinstance(loaded, AdversarialModel)
    run = SimpleNamespace(best=tmp_path / "a.keras")
    exact = load_in_float32(run, lambda: build(SMALL, 9, "float32"))
    assert exact.compute_dtype == "float32"
    np.testing.assert_allclose(logits(exact, [3, 4, 5]), half, rtol=2e-2)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_the_language_model_does_not_see_the_word_it_predicts(bidirectional):
    config = replace(SMALL, bidirectional=bidirectional)
    model = WordModel(config.to_json(), 9)
    model(np.zeros((9, 6), np.int32))
    random_weights(model)

    def likelihoods(*ids):
        """P of each word at position 3, by its nats when it stands there."""
        rows = np.tile(np.array(ids, np.int32), (9, 1))
        rows[:, 3] = np.arange(9)
        return np.exp(-model(rows).numpy()[:, 2].astype("float64"))

    with use_plan("graph"):
        before, after = likelihoods(1, 2, 3, 4, 5, 6), likelihoods(1, 2, 3, 4, 7, 6)
    assert before.sum() == pytest.approx(1, abs=1e-5)  # so none depended on the word itself
    assert np.allclose(before, after) != bidirectional


@pytest.mark.slow
def test_its_sampled_loss_is_about_the_whole_one():
    model = WordModel(replace(SMALL, vocabulary=300).to_json(), 300)
    ids = np.random.default_rng(0).integers(0, 300, (64, 20), np.int32)
    model(ids)
    whole = float(tf.reduce_mean(model(ids, training=False)))
    assert whole == pytest.approx(np.log(300), rel=0.05)
    assert float(tf.reduce_mean(model(ids, training=True))) == pytest.approx(whole, rel=0.1)


def test_rows_of_the_stream():
    texts = [np.full(n, n, np.int32) for n in range(1, 60)]
    total = sum(map(len, texts)) + len(texts)
    first, again, other = (_rows(texts, 1, epoch) for epoch in (0, 0, 1))
    assert first.shape == other.shape == (total // STEPS - 1, STEPS)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    line = first[0].tolist()
    for before, word, after in zip(line, line[1:], line[2:]):
        assert word == 0 or {before, after} <= {0, word}  # whole texts, an end after each
    with pytest.raises(InputError, match="a part has 5 tokens, 256 are needed"):
        _rows(texts[3:4], 0, 0)


def test_the_linear_part_sums_what_is_there_once():
    layer = ngrams.NgramLogit(9, 7)
    layer.build((None, None))
    rng = np.random.default_rng(0)
    weights, bias = (rng.normal(size=size) for size in ((16,), ()))
    layer.set_weights([weights, bias])

    @given(st.lists(st.integers(0, 8), min_size=3, max_size=12))
    def check(ids):
        found = {i for i in ids if i}
        for a, b, c in zip([0, *ids], ids, [*ids[1:], 0]):
            if a and b:
                found.add(9 + (a * 31_337 + b * 7_919) % 7)
            if a and b and c:
                found.add(9 + ((a * 31_337 + b * 7_919) % 7 * 613 + c * 7_919) % 7)
        want = weights[sorted(found)].sum() / np.sqrt(max(1, len(found))) + bias
        logits = layer(np.array([ids, ids], np.int32)).numpy()
        np.testing.assert_allclose(logits, [[want]] * 2, rtol=1e-4, atol=1e-5)

    check()


def test_no_hash_overflows():
    pair, one_more, word = ngrams.FACTORS
    assert ngrams.MOST_TOKENS * (pair + word) < 2**31
    assert ngrams.MOST_BUCKETS * one_more + ngrams.MOST_TOKENS * word < 2**31


@pytest.mark.slow
def test_the_linear_part_is_fitted_and_weighed(tmp_path):
    """Where the network knows nothing, the n-grams decide, as they were fitted."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300).astype("int32")
    texts = [
        f"{'film plot actor'.split()[i % 3]} was {'good' if y else 'bad'}"
        for i, y in enumerate(labels)
    ]
    config = replace(SMALL, ngrams=64, min_count=1)
    vocabulary = learn_vocabulary(config, WORDS, SPECIALS, texts)
    training, validation = (
        TokenizedReviews(config, vocabulary, Reviews(texts[rows], labels[rows]))
        for rows in (slice(200), slice(200, 300))
    )
    network = build(config, len(vocabulary))
    model = ngrams.fit(network, 64, len(vocabulary), training, validation)
    logits = validation.logits(model)
    assert ((logits > 0) == labels[200:]).all()
    (weigh,) = model.get_layer("weigh").get_weights()[0].T
    linear = keras.Model(model.input, model.get_layer("ngrams").output)
    parts = np.stack([validation.logits(network), validation.logits(linear)], 1)
    bias = model.get_layer("weigh").get_weights()[1]
    np.testing.assert_allclose(logits, parts @ weigh + bias, rtol=1e-3, atol=1e-3)

    run = Run("sentiment", tmp_path)
    ngrams.save(run, model)
    again = ngrams.load(run, network, 64, len(vocabulary))
    np.testing.assert_allclose(validation.logits(again), logits, rtol=1e-5)
    with pytest.raises(InputError, match="cannot read .*ngrams.npz: .*; train a new run"):
        ngrams.load(run, network, 32, len(vocabulary))
