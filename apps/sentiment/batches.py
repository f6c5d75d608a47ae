"""Reviews as batches of ids, bucketed by length."""

import keras
import numpy as np
import tensorflow as tf

from apps.sentiment.config import SentimentConfig
from apps.sentiment.reviews import Reviews
from apps.sentiment.text import Tokenizer
from rnn_keras.data import Vocabulary, bucket_by_length, pad


class TokenizedReviews:
    """Reviews as ids.

    Args:
        config: the configuration.
        vocabulary: its vocabulary.
        reviews: the reviews.

    Attributes:
        ids: the ids of each review, int32 vectors of at most `config.max_length`.
        labels: int32 `(n,)`.
    """

    def __init__(self, config: SentimentConfig, vocabulary: Vocabulary, reviews: Reviews):
        self.ids = Tokenizer(vocabulary, config).encode(reviews.texts)
        self.labels = reviews.labels
        self._cropped = [crop(ids, config.train_length) for ids in self.ids]
        self._config = config

    def batches(self, epoch: int | None = None) -> tf.data.Dataset:
        """Ids `(batch, time)` int32 and labels `(batch, 1)` float32, bucketed by length.

        Args:
            epoch: of the training, which crops to `config.train_length` and shuffles; None keeps
                the order, for evaluation.
        """
        random = None if epoch is None else np.random.default_rng((self._config.seed, epoch))
        texts = self.ids if epoch is None else self._cropped
        batches = self._rows(texts, random)

        def generate():
            for rows in batches:
                yield self._pad(texts, rows), self.labels[rows, None].astype("float32")

        signature = (
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None, 1), tf.float32),
        )
        dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(2)

    def logits(self, model: keras.Model) -> np.ndarray:
        """The log-odds `(n,)` of being positive that a model gives to each review."""
        logits = np.empty(len(self.ids))
        for rows in self._rows(self.ids, None):
            logits[rows] = model.predict_on_batch(self._pad(self.ids, rows))[:, 0]
        return logits

    def _rows(self, texts, random):
        lengths = [len(ids) for ids in texts]
        return bucket_by_length(lengths, self._config.batch_size, self._config.bucket, random)

    def _pad(self, texts, rows):
        return pad([texts[row] for row in rows], self._config.bucket)


def crop(ids: np.ndarray, length: int) -> np.ndarray:
    """The first and the last `length / 2` ids of a long review, as `Tokenizer.crop`."""
    tail = length // 2
    return ids if len(ids) <= length else np.concatenate([ids[: length - tail], ids[-tail:]])
