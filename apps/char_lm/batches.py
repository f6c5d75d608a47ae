"""The batches of both protocols: contiguous streams, or D2L's shuffled windows."""

import numpy as np
import tensorflow as tf

from apps.char_lm.config import CharLMConfig
from apps.char_lm.data import Corpus
from rnn_keras.data import contiguous_streams, sliding_windows

BATCHES = 64  # that Python makes at a time, as each call of a generator takes a millisecond


def batches(config: CharLMConfig, corpus: Corpus, epoch: int | None) -> tf.data.Dataset:
    """Ids and next ids, each `(batch, time)`: of a training epoch, or the validation batches."""
    return validation(config, corpus) if epoch is None else train(config, corpus, epoch)


def train(config: CharLMConfig, corpus: Corpus, epoch: int) -> tf.data.Dataset:
    """The training batches of an epoch: ids and next ids, each `(batch, time)`.

    The streams start at another character in each epoch, so that the cuts, where the gradient
    stops, fall elsewhere; the number of batches is the same.
    """
    random = np.random.default_rng((config.seed, epoch))
    if config.protocol == "d2l":
        X, Y = sliding_windows(corpus.train_ids.astype("int32"), config.steps)
        order = random.permutation(len(X))
        return tf.data.Dataset.from_tensor_slices((X[order], Y[order])).batch(config.batch_size)
    offset = random.integers(config.steps)
    ids = corpus.train_ids[: len(corpus.train_ids) - (config.steps - 1) + offset]
    return _streams(config, ids, offset)


def validation(config: CharLMConfig, corpus: Corpus) -> tf.data.Dataset:
    """The validation batches of an epoch; `evaluate` scores every character of the tail."""
    if config.protocol == "d2l":
        windows = sliding_windows(corpus.validation_ids.astype("int32"), config.steps)
        return tf.data.Dataset.from_tensor_slices(windows).batch(config.batch_size)
    return _streams(config, corpus.validation_ids)


def _streams(config: CharLMConfig, ids: np.ndarray, offset: int = 0) -> tf.data.Dataset:
    """Contiguous streams; only the ids of the next batches are copied."""
    streams = contiguous_streams(ids, config.batch_size, config.steps, offset)
    count, *shape = streams[0].shape

    def generate():
        for start in range(0, count, BATCHES):
            yield tuple(ids[start : start + BATCHES].astype("int32") for ids in streams)

    several = tf.TensorSpec((None, *shape), tf.int32)
    batches = tf.data.Dataset.from_generator(generate, output_signature=(several, several))
    batches = batches.prefetch(1).unbatch()
    return batches.apply(tf.data.experimental.assert_cardinality(count))
