"""The translator: one decoder for training and search, masks, files, the textbook equations."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.common.errors import InputError
from apps.translation.config import TranslationConfig
from apps.translation.model import Translator, build
from rnn_keras import use_plan
from rnn_keras.seq2seq import TokenCrossentropy
from tests.variants import variants

SMALL = TranslationConfig(units=5, embedding=4)
VARIANTS = [
    {"attention": "none", "layers": 2},
    {"attention": "none", "cell": "lstm"},
    {"attention": "additive"},
    {"attention": "additive", "cell": "lstm", "layers": 2, "bidirectional": False},
    {"attention": "multiplicative", "tied": True, "cell": "vanilla", "layers": 2},
    {"attention": "additive", "input_feeding": True, "layers": 2},
]
SOURCE = np.array([[4, 5, 6, 3, 0], [7, 3, 0, 0, 0]], np.int32)
TOKENS = np.array([[2, 4, 5, 6], [2, 8, 7, 0]], np.int32)


@pytest.fixture(autouse=True)
def plain_loops():
    """For sentences this short, compiling would take longest."""
    with use_plan("graph"):
        yield


def translator(options):
    """With weights far from their initial values, so that an error would show."""
    model = build(replace(SMALL, **options), 8, 9)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape, scale=0.6) for w in model.get_weights()])
    return model


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


NAMED = {"-".join(map(str, options.values())): options for options in VARIANTS}
every_variant = pytest.mark.parametrize(
    "options", variants(NAMED, ["none-2", "additive", "additive-True-2"])
)


@every_variant
def test_one_step_at_a_time_is_the_whole_sentence(options):
    model = translator(options)
    memory, states = model.encode(SOURCE)
    whole, last, weights = model.decode(TOKENS, states, memory)
    close(whole, model((SOURCE, TOKENS)))
    for t in range(TOKENS.shape[1]):
        logits, states, weights_t = model.decode(TOKENS[:, t : t + 1], states, memory)
        close(logits[:, 0], whole[:, t])
        if weights is not None:
            close(weights_t[:, 0], weights[:, t])
    for found, wanted in zip(states, last, strict=True):
        close(found, wanted)


@every_variant
def test_hypotheses_of_one_sentence_share_its_memory(options):
    model = translator(options)
    memory, states = model.encode(SOURCE)
    states = [tf.repeat(s, 3, axis=0) for s in states]
    tokens = np.random.default_rng(1).integers(2, 9, (6, 4)).astype(np.int32)
    shared = model.decode(tokens, states, memory)
    tiled = {name: tf.repeat(value, 3, axis=0) for name, value in memory.items()}
    own = model.decode(tokens, states, tiled)
    for found, wanted in zip(tf.nest.flatten(shared), tf.nest.flatten(own), strict=True):
        if wanted is not None:  # there is no attention
            close(found, wanted)


@every_variant
def test_padding_of_the_source_says_nothing(options):
    model = translator(options)
    alone = model((SOURCE[1:, :2], TOKENS[1:]))
    close(model((SOURCE, TOKENS))[1:], alone)
    assert np.abs(alone - model((SOURCE[:1, :2], TOKENS[1:]))).max() > 1e-3  # but words do


@every_variant
def test_a_saved_translator_is_the_same(options, tmp_path):
    model = translator(options)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(again, Translator)
    np.testing.assert_array_equal(again((SOURCE, TOKENS)), model((SOURCE, TOKENS)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(X, H, layer):
    """All states of a GRU by its equations; Keras keeps z, r and h side by side."""
    (W_z, W_r, W_h), (U_z, U_r, U_h), (b_z, b_r, b_h) = (
        np.split(w.astype("float64"), 3, axis=-1) for w in layer.get_weights()
    )
    states = []
    for x in X:
        Z, R = sigmoid(x @ W_z + H @ U_z + b_z), sigmoid(x @ W_r + H @ U_r + b_r)
        H = Z * H + (1 - Z) * np.tanh(x @ W_h + (R * H) @ U_h + b_h)
        states.append(H)
    return np.array(states)


def test_without_attention_it_is_the_textbook_encoder_decoder():
    model = translator({"attention": "none"})
    (encoder,), (decoder,) = model.encoder.layers, model.decoder.decoder.recurrent.layers
    source, tokens = SOURCE[1, :2], TOKENS[1]
    c = gru(model.source_embedding.get_weights()[0][source], np.zeros(5), encoder)[-1]
    X = [np.append(e, c) for e in model.decoder.embed.get_weights()[0][tokens]]
    W, b = model.decoder.output_layer.get_weights()
    close(model((SOURCE, TOKENS))[1], gru(X, c, decoder) @ W + b)


@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
def test_attention_by_its_equations(attention):
    model = translator({"attention": attention, "tied": True})
    decoder, bidirectional = model.decoder.decoder, model.encoder.layers[0]
    E = model.source_embedding.get_weights()[0][SOURCE[0, :4]]
    forward = gru(E, np.zeros(5), bidirectional.forward_layer)
    backward = gru(E[::-1], np.zeros(5), bidirectional.backward_layer)
    H = np.concatenate([forward, backward[::-1]], axis=1)
    W, b = decoder.bridge.get_weights()
    start = np.tanh(np.append(forward[-1], backward[-1]) @ W + b)
    vectors = model.decoder.embed.get_weights()[0]
    e = vectors[TOKENS[0]]
    S = gru(e, start[:5], decoder.query_rnn.layers[0])
    K = H @ decoder.attention.key.get_weights()[0]
    if attention == "additive":
        (W, b), w = decoder.attention.query.get_weights(), decoder.attention.scale
        score = np.tanh((S @ W + b)[:, None] + K) @ w
    else:
        score = S @ K.T / np.sqrt(5)
    a = np.exp(score) / np.exp(score).sum(-1, keepdims=True)
    c = a @ H
    top = gru(np.concatenate([S, c], axis=1), start[5:], decoder.recurrent.layers[0])
    W, b = decoder.read.get_weights()
    output = np.tanh(np.concatenate([top, c, e], axis=1) @ W + b)
    logits, _, weights = model.decode(TOKENS, *reversed(model.encode(SOURCE)))
    close(logits[0], output @ vectors.T + model.decoder.output_bias.numpy())
    close(weights[0], np.pad(a, ((0, 0), (0, 1))))  # nothing for the padding


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_is_the_mean_over_tokens_of_the_smoothed_cross_entropy(smoothing):
    rng = np.random.default_rng(0)
    logits, ids = rng.normal(size=(2, 3, 5)).astype("float32"), np.array([[1, 4, 0], [2, 0, 0]])
    wanted = np.eye(5)[ids] * (1 - smoothing) + smoothing / 5
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    of_token = -(wanted * log_p).sum(-1)
    loss = TokenCrossentropy(smoothing)
    close(loss(ids, logits), of_token[ids != 0].mean())
    assert loss(np.zeros_like(ids), logits) == 0
    again = TokenCrossentropy.from_config(loss.get_config())
    close(again(ids, logits), loss(ids, logits))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"source": "fr"}, "--target must be another language"),
        ({"attention": "none", "tied": True}, "--tied must be False"),
        ({"attention": "local"}, "--attention must be none or additive or multiplicative"),
        ({"validation_fraction": 0}, "--validation-fraction must be above 0"),
        ({"alpha": -1.0}, "--alpha must be zero or a positive number"),
        ({"beam": 0}, "--beam must be a positive integer"),
        ({"limit": 0}, "--limit must be a positive integer"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        TranslationConfig(**options)
