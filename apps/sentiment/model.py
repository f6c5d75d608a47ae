"""The classifier: word vectors, recurrent layers, pooling over the words, one logit."""

from dataclasses import replace

import keras
from keras import ops

from apps.common.pooling import MaskedPooling
from apps.common.recurrent import recurrent_stack
from apps.common.run import Run
from apps.common.trained import load_in_float32, load_vocabulary
from apps.sentiment import ngrams
from apps.sentiment.adversarial import AdversarialModel
from apps.sentiment.config import SentimentConfig
from apps.sentiment.text import PAD_ID, UNKNOWN_ID
from apps.task import Trained
from rnn_keras.layers import DeepRNN
from rnn_keras.text import known_ids


def build(config: SentimentConfig, vocab_size: int, dtype: str | None = None) -> AdversarialModel:
    """Ids `(batch, time)` int32 to logits `(batch, 1)` of being positive.

    A step whose id is `PAD_ID` is skipped at any position; a row of only such steps gets the logit
    of an empty text. Ids outside the vocabulary are read as `<unk>`.

    Args:
        config: the configuration.
        vocab_size: number of tokens.
        dtype: precision of all layers; None takes the policy that `environment.prepare` has set.
    """
    vectors, head = word_vectors(config, vocab_size, dtype), _head(config, dtype)
    ids = keras.Input((None,), dtype="int32", name="ids")
    model = AdversarialModel(ids, head(vectors(ids)), name="sentiment")
    model.radius = config.adversarial
    return model


def word_vectors(config: SentimentConfig, vocab_size: int, dtype: str | None = None) -> keras.Model:
    """Ids to vectors of mean 0 and variance 1, so that perturbations have a scale; and a mask."""
    embed = keras.layers.Embedding(
        vocab_size,
        config.embedding,
        # Small, so that the first steps of the optimizer already change the vectors' directions.
        embeddings_initializer=keras.initializers.RandomNormal(stddev=0.05),
        dtype=dtype,
        name="embedding",
    )
    normalise = keras.layers.LayerNormalization(center=False, scale=False, dtype=dtype)
    ids = keras.Input((None,), dtype="int32", name="ids")
    known = known_ids(ids, vocab_size, UNKNOWN_ID)
    outputs = [normalise(embed(known)), ops.not_equal(ids, PAD_ID)]
    return keras.Model(ids, outputs, name="word_vectors")


def recurrent_layers(
    config: SentimentConfig, dtype: str | None = None, return_sequences: bool = True
) -> DeepRNN:
    """The stacked recurrent layers."""
    return recurrent_stack(
        config.cell,
        config.layers,
        config.units,
        bidirectional=config.bidirectional,
        dropout=config.dropout,
        return_sequences=return_sequences,
        dtype=dtype,
        name="recurrent",
    )


def _head(config, dtype):
    """Vectors and the mask of the words to the logit."""
    X = keras.Input((None, config.embedding), name="vectors")
    mask = keras.Input((None,), dtype="bool", name="mask")
    H = _dropout(config.word_dropout, (None, None, 1), dtype)(X)
    H = _dropout(config.embedding_dropout, (None, 1, None), dtype)(H)
    H = recurrent_layers(config, dtype, return_sequences=config.pooling != "last")(H, mask=mask)
    if config.pooling != "last":
        H = MaskedPooling(config.pooling, dtype=dtype)(H, mask=mask)
    H = _dropout(config.dropout, None, dtype)(H)
    logit = keras.layers.Dense(1, dtype="float32", name="logit")(H)
    return keras.Model([X, mask], logit, name="head")


def _dropout(rate, noise_shape, dtype):
    return keras.layers.Dropout(rate, noise_shape=noise_shape, dtype=dtype)


def load_network(run: Run) -> Trained:
    """The trained network of a run, in float32, with its vocabulary as `assets`.

    Raises:
        InputError: a file is damaged, or they do not fit together.
    """
    config, vocabulary = run.read_config(SentimentConfig), load_vocabulary(run)
    network = load_in_float32(run, lambda: build(config, len(vocabulary), "float32"))
    return Trained(run, config, network, vocabulary)


def load(run: Run) -> Trained:
    """As `load_network`, with the n-gram model added if the run has one.

    Raises:
        InputError: a file is damaged, or they do not fit together.
    """
    trained = load_network(run)
    if trained.config.ngrams:
        buckets, size = trained.config.ngrams, len(trained.assets)
        return replace(trained, model=ngrams.load(run, trained.model, buckets, size))
    return trained
