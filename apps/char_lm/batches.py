"""The batches of both protocols: contiguous streams, or D2L's shuffled windows."""

import numpy as np
import tensorflow as tf

from apps.char_lm.config import CharLMConfig
from apps.char_lm.data import Corpus, load
from apps.char_lm.model import load_vocabulary
from apps.common.errors import InputError
from apps.common.run import Run
from rnn_keras.data import contiguous_streams, sliding_windows


def load_corpus(config: CharLMConfig, run: Run | None = None) -> Corpus:
    """The corpus that `config` asks for.

    Args:
        config: the configuration.
        run: a run that was trained on it already.

    Raises:
        InputError: the source cannot be used, is too short for one batch in each part, or is not
            what `run` was trained on.
    """
    if config.protocol == "d2l":
        corpus = load(config.data, protocol="d2l")
    else:
        batch = config.batch_size * config.steps + 1
        corpus = load(
            config.data,
            validation_fraction=config.validation_fraction,
            min_train=batch + config.steps - 1,
            min_validation=batch,
        )
    if run is not None and not _is_the_data_of(run, corpus):
        raise InputError(
            f"{config.data} is not what {run} was trained on any more; "
            "bring that text back, or train a new run"
        )
    return corpus


def train(config: CharLMConfig, corpus: Corpus, epoch: int) -> tf.data.Dataset:
    """The training batches of an epoch: ids and next ids, each `(batch, time)`.

    The streams start at another character in each epoch, so that the cuts, where the gradient
    stops, fall elsewhere; the number of batches is the same.
    """
    random = np.random.default_rng((config.seed, epoch))
    if config.protocol == "d2l":
        X, Y = sliding_windows(corpus.train_ids, config.steps)
        order = random.permutation(len(X))
        return tf.data.Dataset.from_tensor_slices((X[order], Y[order])).batch(config.batch_size)
    offset = random.integers(config.steps)
    ids = corpus.train_ids[: len(corpus.train_ids) - (config.steps - 1) + offset]
    return tf.data.Dataset.from_tensor_slices(
        contiguous_streams(ids, config.batch_size, config.steps, offset)
    )


def validation(config: CharLMConfig, corpus: Corpus) -> tf.data.Dataset:
    """The batches that an epoch is judged on; `evaluate` scores every character of the tail."""
    if config.protocol == "d2l":
        windows = sliding_windows(corpus.validation_ids, config.steps)
        return tf.data.Dataset.from_tensor_slices(windows).batch(config.batch_size)
    return tf.data.Dataset.from_tensor_slices(
        contiguous_streams(corpus.validation_ids, config.batch_size, config.steps)
    )


def _is_the_data_of(run: Run, corpus: Corpus) -> bool:
    if run.data_sha256 is None:  # a run of version 0.1.0 may have none
        return load_vocabulary(run) == corpus.vocab
    return run.data_sha256 == corpus.sha256
