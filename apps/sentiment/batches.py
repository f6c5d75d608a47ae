"""Reviews as batches of ids, bucketed by length."""

import keras
import numpy as np
import tensorflow as tf

from apps.common.tokenized import tokenize
from apps.sentiment.config import SentimentConfig
from apps.sentiment.reviews import Reviews
from apps.sentiment.text import WORDS, make_tokenizer
from rnn_keras.data import bucketed_batches
from rnn_keras.text import Vocabulary


class TokenizedReviews:
    """Reviews as ids.

    Args:
        config: the configuration.
        vocabulary: its vocabulary.
        reviews: the reviews.

    Attributes:
        ids: `RaggedRows`, the ids of each review, int32 vectors of at most `config.max_length`.
        labels: int32 `(n,)`.
    """

    def __init__(self, config: SentimentConfig, vocabulary: Vocabulary, reviews: Reviews):
        read = make_tokenizer(vocabulary, config).read
        key = [vocabulary.tokens, config.tokens, config.max_length, repr(WORDS)]
        self.ids = tokenize(read, reviews.texts, key)
        self.labels = reviews.labels
        # The first and the last ids of a long review, as the tokenizer keeps them.
        self._cropped = self.ids.cut(config.train_length)
        self._config = config

    def batches(self, epoch: int | None = None) -> tf.data.Dataset:
        """Ids `(batch, time)` int32 and labels `(batch, 1)` float32, bucketed by length.

        Args:
            epoch: of the training, which crops to `config.train_length` and shuffles; None keeps
                the order, for evaluation.
        """
        texts = self.ids if epoch is None else self._cropped
        return self._bucketed(texts, epoch, self.labels[:, None].astype("float32"))

    def logits(self, model: keras.Model) -> np.ndarray:
        """The log-odds `(n,)` of being positive that a model gives to each review."""
        logits = np.empty(len(self.ids))
        batches = self._bucketed(self.ids, None, np.arange(len(logits)))
        for ids, rows in batches.as_numpy_iterator():
            logits[rows] = model.predict_on_batch(ids)[:, 0]
        return logits

    def _bucketed(self, texts, epoch, array):
        config = self._config
        seed = None if epoch is None else (config.seed, epoch)
        return bucketed_batches((texts,), config.batch_size, config.bucket, seed, (array,))
