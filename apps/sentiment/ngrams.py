"""A linear part beside the network: words and pairs of words, each with its own weight.

It knows what 25,000 reviews say with which pairs of words; the network knows how the rest of the
sentence turns it. Together they err less than either.
"""

import keras
import numpy as np
import scipy.sparse
from keras import ops
from sklearn.linear_model import LogisticRegression

from apps.common.errors import InputError
from apps.common.files import replacing
from apps.common.run import Run
from apps.sentiment.batches import Encoded
from apps.sentiment.text import PAD_ID

FILE = "ngrams.npz"
STRENGTH = 20.0  # scikit-learn's C; chosen on training reviews of IMDB
FACTORS = (31_337, 7_919)  # of the hash of a pair; no int32 overflows below 54,000 tokens


@keras.saving.register_keras_serializable(package="rnn_keras")
class NgramLogit(keras.layers.Layer):
    r"""The weights of all words and of all pairs of neighbours.

    $$\frac1{\sqrt n} \Big(\sum_t u_{x_t} + \sum_t v_{h(x_t, x_{t+1})}\Big) + b$$

    where h hashes a pair into a number of buckets, and n is the number of words and pairs.

    Args:
        vocab_size: number of tokens.
        buckets: number of buckets.
        **options: `name`, `dtype`, `trainable`.

    Call arguments:
        ids: int32 `(batch, time)`; a `PAD_ID` is no word and no neighbour.

    Returns:
        `(batch, 1)`.

    Reference: Wang & Manning, *Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification*, 2012.
    """

    def __init__(self, vocab_size, buckets, **options):
        super().__init__(**options)
        self.vocab_size, self.buckets = vocab_size, buckets

    def build(self, _):
        self.words = self.add_weight(shape=(self.vocab_size,), initializer="zeros", name="words")
        self.pairs = self.add_weight(shape=(self.buckets,), initializer="zeros", name="pairs")
        self.bias = self.add_weight(shape=(), initializer="zeros", name="bias")

    def call(self, ids):
        valid = ops.not_equal(ids, PAD_ID)
        both = valid[:, :-1] & valid[:, 1:]
        pairs = hashed_pairs(ids[:, :-1], ids[:, 1:], self.buckets)
        weights = _sum(self.words, ids, valid) + _sum(self.pairs, pairs, both)
        n = ops.sum(ops.cast(valid, "float32"), 1) + ops.sum(ops.cast(both, "float32"), 1)
        return ops.expand_dims(weights / ops.sqrt(ops.maximum(n, 1.0)) + self.bias, 1)

    def compute_output_shape(self, shape):
        return (shape[0], 1)

    def get_config(self):
        return {**super().get_config(), "vocab_size": self.vocab_size, "buckets": self.buckets}


def hashed_pairs(first, second, buckets: int):
    """The buckets of pairs of ids, of NumPy arrays or tensors."""
    return (first * FACTORS[0] + second * FACTORS[1]) % buckets


def _sum(weights, features, valid):
    found = ops.take(weights, features, axis=0)
    return ops.sum(ops.where(valid, found, ops.zeros_like(found)), axis=1)


def combine(network: keras.Model, buckets: int, vocab_size: int) -> keras.Model:
    """The weighted sum of the network's logit and that of the n-grams.

    Args:
        network: what `model.build` returned.
        buckets: number of buckets of the pairs.
        vocab_size: number of tokens.
    """
    ids = keras.Input((None,), dtype="int32", name="ids")
    ngrams = NgramLogit(vocab_size, buckets, name="ngrams", dtype="float32")(ids)
    logits = ops.concatenate([network(ids), ngrams], axis=1)
    weigh = keras.layers.Dense(1, name="weigh", dtype="float32")
    return keras.Model(ids, weigh(logits), name="sentiment_and_ngrams")


def fit(
    network: keras.Model, buckets: int, vocab_size: int, training: Encoded, validation: Encoded
) -> keras.Model:
    """Fit the n-grams to the training reviews, and their weight to the validation reviews.

    The n-grams are scikit-learn's logistic regression on the naive Bayes log-count ratios of the
    reference. What weighs them and the network is a logistic regression of the validation labels
    on both logits, which also calibrates the sum: on the training reviews either is far too sure.

    Args:
        network: the trained network.
        buckets: number of buckets of the pairs.
        vocab_size: number of tokens.
        training: the training reviews.
        validation: the validation reviews.

    Returns:
        What `combine` gives, with all weights.
    """
    X, y = _features(training.ids, buckets, vocab_size), training.labels
    texts_with = [np.asarray((X[y == label] > 0).sum(axis=0)).ravel() + 1 for label in (0, 1)]
    ratio = np.log(texts_with[1] / texts_with[1].sum()) - np.log(
        texts_with[0] / texts_with[0].sum()
    )
    linear = LogisticRegression(C=STRENGTH, solver="liblinear")
    linear.fit(X.multiply(ratio).tocsr(), y)
    weights = (linear.coef_[0] * ratio).astype("float32")
    ngrams = _features(validation.ids, buckets, vocab_size) @ weights + linear.intercept_[0]

    logits = np.stack([validation.logits(network), ngrams], axis=1)
    weigh = LogisticRegression(C=1e6).fit(logits, validation.labels)

    model = combine(network, buckets, vocab_size)
    bias = np.float32(linear.intercept_[0])
    model.get_layer("ngrams").set_weights([weights[:vocab_size], weights[vocab_size:], bias])
    model.get_layer("weigh").set_weights([weigh.coef_.T, weigh.intercept_])
    return model


def save(run: Run, model: keras.Model) -> None:
    """Write what `fit` added to the network to `ngrams.npz`, all or nothing."""
    weights = model.get_layer("ngrams").get_weights() + model.get_layer("weigh").get_weights()
    with replacing(run.path / FILE) as beside:
        np.savez(beside, *weights)


def load(run: Run, network: keras.Model, buckets: int, vocab_size: int) -> keras.Model:
    """The network of a run with what `save` wrote.

    Raises:
        InputError: the file is missing, damaged, or of another model.
    """
    model = combine(network, buckets, vocab_size)
    path = run.path / FILE
    try:
        with np.load(path) as saved:
            *ngrams, kernel, bias = [saved[name] for name in saved.files]
        model.get_layer("ngrams").set_weights(ngrams)
        model.get_layer("weigh").set_weights([kernel, bias])
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"cannot read {path}: {reason}; train a new run") from error
    return model


def _features(texts, buckets, vocab_size):
    """A sparse matrix `(texts, vocab_size + buckets)`: the counts of words and pairs, over √n."""
    columns = [
        np.concatenate([ids, vocab_size + hashed_pairs(ids[:-1], ids[1:], buckets)])
        for ids in texts
    ]
    sizes = np.array([len(row) for row in columns])
    values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    shape = (len(texts), vocab_size + buckets)
    matrix = scipy.sparse.csr_matrix((values, np.concatenate(columns), ends), shape)
    matrix.sum_duplicates()
    return matrix
