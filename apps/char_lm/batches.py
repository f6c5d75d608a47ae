"""The batches of both protocols: contiguous streams, or D2L's shuffled windows."""

import numpy as np
import tensorflow as tf

from apps.char_lm.config import CharLMConfig
from apps.char_lm.data import D2L_STEPS, Corpus, load
from rnn_keras.data import contiguous_streams, sliding_windows


def load_corpus(config: CharLMConfig) -> Corpus:
    """The corpus that `config` asks for.

    Raises:
        InputError: the source cannot be used, or is too short for one batch in each part.
    """
    if config.protocol == "d2l":
        return load(config.data, split="d2l", clean="d2l")
    batch = config.batch_size * config.steps + 1
    return load(
        config.data,
        validation_fraction=config.validation_fraction,
        min_train=batch + config.steps - 1,
        min_validation=batch,
    )


def train(config: CharLMConfig, corpus: Corpus, epoch: int) -> tf.data.Dataset:
    """The training batches of an epoch: ids and next ids, each `(batch, time)`.

    The streams start at another character in each epoch, so that the cuts, where the gradient
    stops, fall elsewhere; the number of batches is the same.
    """
    random = np.random.default_rng((config.seed, epoch))
    if config.protocol == "d2l":
        X, Y = sliding_windows(corpus.train_ids, D2L_STEPS)
        order = random.permutation(len(X))
        return tf.data.Dataset.from_tensor_slices((X[order], Y[order])).batch(config.batch_size)
    spare = config.steps - 1
    ids = corpus.train_ids[random.integers(spare + 1) :]
    ids = ids[: len(corpus.train_ids) - spare]
    return tf.data.Dataset.from_tensor_slices(
        contiguous_streams(ids, config.batch_size, config.steps)
    )


def validation(config: CharLMConfig, corpus: Corpus) -> tf.data.Dataset:
    """The batches that an epoch is judged on; `evaluate` scores every character of the tail."""
    if config.protocol == "d2l":
        windows = sliding_windows(corpus.validation_ids, D2L_STEPS)
        return tf.data.Dataset.from_tensor_slices(windows).batch(config.batch_size)
    return tf.data.Dataset.from_tensor_slices(
        contiguous_streams(corpus.validation_ids, config.batch_size, config.steps)
    )
