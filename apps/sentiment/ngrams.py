"""A linear n-gram model, added to the network: one weight per word, bigram and trigram.

It learns the phrases of praise and blame in 25,000 reviews; the network learns how the rest of
the sentence changes them.
"""

import keras
import numpy as np
import scipy.sparse
from keras import ops
from sklearn.linear_model import LogisticRegression

from apps.common.errors import InputError
from apps.common.files import atomic_path
from apps.common.progress import reports
from apps.common.run import Run
from apps.sentiment.batches import TokenizedReviews
from apps.sentiment.text import PAD_ID, UNKNOWN_ID
from rnn_keras.text import known_ids

FILE = "ngrams.npz"
STRENGTH = 40.0  # scikit-learn's C; chosen on training reviews of IMDB
FACTORS = (31_337, 613, 7_919)  # of the hashes; no int32 overflows up to
MOST_TOKENS, MOST_BUCKETS = 50_000, 2**21


@keras.saving.register_keras_serializable(package="rnn_keras")
class NgramLogit(keras.layers.Layer):
    r"""The sum of the weights of the distinct words, bigrams and trigrams of a text.

    $$\frac1{\sqrt{|S|}} \sum_{s \in S} w_s + b$$

    where S is the set of the words and of the hashed bigrams and trigrams: presence is more
    informative than frequency.

    Args:
        vocab_size: number of tokens.
        buckets: number of buckets that pairs and triples are hashed into.
        **options: `name`, `dtype`, `trainable`.

    Call arguments:
        ids: int32 `(batch, time)`; a `PAD_ID` belongs to no n-gram.

    Returns:
        `(batch, 1)`.

    Reference: Wang & Manning, *Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification*, 2012; with triples, Mesnil et al., *Ensemble of Generative and Discriminative
    Techniques for Sentiment Analysis of Movie Reviews*, 2014.
    """

    def __init__(self, vocab_size, buckets, **options):
        super().__init__(**options)
        self.vocab_size, self.buckets = vocab_size, buckets

    def build(self, _):
        size = self.vocab_size + self.buckets
        self.weights_of = self.add_weight(shape=(size,), initializer="zeros", name="weights")
        self.bias = self.add_weight(shape=(), initializer="zeros", name="bias")

    def call(self, ids):
        none = self.vocab_size + self.buckets
        word = ops.not_equal(ids, PAD_ID)
        pair = word[:, :-1] & word[:, 1:]
        triple = pair[:, :-1] & pair[:, 1:]
        found = ops.concatenate(
            [
                ops.where(valid, feature, none)
                for valid, feature in zip(
                    (word, pair, triple), features(ids, self.vocab_size, self.buckets)
                )
            ],
            axis=1,
        )
        # Sorting puts equal indices next to each other.
        found = ops.sort(found, axis=1)
        before = ops.concatenate([ops.full_like(found[:, :1], -1), found[:, :-1]], axis=1)
        counted = ops.not_equal(found, before) & ops.not_equal(found, none)
        weights = ops.take(self.weights_of, ops.minimum(found, none - 1), axis=0)
        total = ops.sum(ops.where(counted, weights, ops.zeros_like(weights)), axis=1)
        size = ops.sum(ops.cast(counted, "float32"), axis=1)
        return ops.expand_dims(total / ops.sqrt(ops.maximum(size, 1.0)) + self.bias, 1)

    def compute_output_shape(self, shape):
        return (shape[0], 1)

    def get_config(self):
        return {**super().get_config(), "vocab_size": self.vocab_size, "buckets": self.buckets}


def features(ids, vocab_size: int, buckets: int):
    """The words, bigrams and trigrams as indices of weights: the ids first, then the buckets.

    Args:
        ids: `(..., time)` int32, an array or a tensor.
        vocab_size: number of tokens, up to `MOST_TOKENS`.
        buckets: number of buckets, up to `MOST_BUCKETS`.

    Returns:
        `(..., time)`, `(..., time - 1)` and `(..., time - 2)`.
    """
    pair, one_more, word = FACTORS
    pairs = (ids[..., :-1] * pair + ids[..., 1:] * word) % buckets
    triples = (pairs[..., :-1] * one_more + ids[..., 2:] * word) % buckets
    return ids, vocab_size + pairs, vocab_size + triples


def combine(network: keras.Model, buckets: int, vocab_size: int) -> keras.Model:
    """The weighted sum of the network's logit and that of the n-grams.

    Args:
        network: what `model.build` returned.
        buckets: number of buckets.
        vocab_size: number of tokens.
    """
    ids = keras.Input((None,), dtype="int32", name="ids")
    known = known_ids(ids, vocab_size, UNKNOWN_ID)
    ngrams = NgramLogit(vocab_size, buckets, name="ngrams", dtype="float32")(known)
    logits = ops.concatenate([network(ids), ngrams], axis=1)
    weigh = keras.layers.Dense(1, name="weigh", dtype="float32")
    return keras.Model(ids, weigh(logits), name="sentiment_and_ngrams")


@reports("fitting the n-grams")
def fit(
    network: keras.Model,
    buckets: int,
    vocab_size: int,
    training: TokenizedReviews,
    validation: TokenizedReviews,
) -> keras.Model:
    """Fit the n-grams to the training reviews, and their weight to the validation reviews.

    The n-grams are scikit-learn's logistic regression on the naive Bayes log-count ratios of the
    reference. A logistic regression of the validation labels on both logits weights the n-grams
    and the network and calibrates the sum: both are overconfident on the training reviews.

    Args:
        network: the trained network.
        buckets: number of buckets.
        vocab_size: number of tokens.
        training: the training reviews.
        validation: the validation reviews.

    Returns:
        The model of `combine`, with all weights.
    """
    X, y = _matrix(training.ids, vocab_size, buckets), training.labels
    texts_with = [np.asarray((X[y == label] > 0).sum(axis=0)).ravel() + 1 for label in (0, 1)]
    ratio = np.log(texts_with[1] / texts_with[1].sum()) - np.log(
        texts_with[0] / texts_with[0].sum()
    )
    linear = LogisticRegression(C=STRENGTH, solver="liblinear", tol=1e-3)
    linear.fit(X.multiply(ratio).tocsr(), y)
    weights = (linear.coef_[0] * ratio).astype("float32")
    ngrams = _matrix(validation.ids, vocab_size, buckets) @ weights + linear.intercept_[0]

    logits = np.stack([validation.logits(network), ngrams], axis=1)
    weigh = LogisticRegression(C=1e6).fit(logits, validation.labels)

    model = combine(network, buckets, vocab_size)
    model.get_layer("ngrams").set_weights([weights, np.float32(linear.intercept_[0])])
    model.get_layer("weigh").set_weights([weigh.coef_.T, weigh.intercept_])
    return model


def save(run: Run, model: keras.Model) -> None:
    """Write what `fit` added to the network to `ngrams.npz`, atomically."""
    weights = model.get_layer("ngrams").get_weights() + model.get_layer("weigh").get_weights()
    with atomic_path(run.path / FILE) as temporary:
        np.savez(temporary, *weights)


def load(run: Run, network: keras.Model, buckets: int, vocab_size: int) -> keras.Model:
    """The network of a run with the n-gram model that `save` wrote.

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


def _matrix(texts, vocab_size, buckets):
    """Sparse, `(texts, vocab_size + buckets)`: 1 / √|S| for each of the set S of a text."""
    sets = [np.unique(np.concatenate(features(ids, vocab_size, buckets))) for ids in texts]
    sizes = np.array([len(found) for found in sets])
    values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    shape = (len(texts), vocab_size + buckets)
    return scipy.sparse.csr_matrix((values, np.concatenate(sets), ends), shape)
