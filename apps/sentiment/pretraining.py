"""Pretraining as a language model: predicts each word of the training reviews from its context.

It initialises the word vectors and the recurrent layers, for which 25,000 labels are too few
(Dai & Le, *Semi-supervised Sequence Learning*, 2015).
"""

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from apps.common.errors import InputError
from apps.common.fit import fit
from apps.common.optimizer import adamw
from apps.common.run import Run
from apps.sentiment.batches import TokenizedReviews
from apps.sentiment.config import SentimentConfig
from apps.sentiment.model import recurrent_layers, word_vectors
from apps.sentiment.text import PAD_ID

STEPS, ROWS, SAMPLES, DROPOUT = 128, 128, 1_000, 0.1
VALIDATION_ROWS = 400  # few, as the softmax over the whole vocabulary is slow


@keras.saving.register_keras_serializable(package="rnn_keras")
class WordModel(keras.Model):
    r"""The negative log-likelihood of each word, given the recurrent states around it.

    $$P(x_t) = \mathrm{softmax}(E\,(W [\overrightarrow H_{t-1}, \overleftarrow H_{t+1}] + b) + c)$$

    in both directions, or from $H_{t-1}$ alone. E is the table of the word vectors. In training
    the softmax is over `SAMPLES` words sampled for each batch (Jean et al. 2015).

    Args:
        config: the fields of a `SentimentConfig`.
        vocab_size: number of tokens.

    Call arguments:
        ids: int32 `(batch, time)`, time at least 3.

    Returns:
        Float32 `(batch, time - 2)`: of the words with a neighbour on either side.
    """

    def __init__(self, config, vocab_size, **options):
        super().__init__(**options)
        self._settings, self._vocab_size = config, vocab_size
        config = SentimentConfig.from_json(config)
        self._bidirectional = config.bidirectional
        self.vectors = word_vectors(config, vocab_size)
        self.recurrent = recurrent_layers(config)
        self.project = keras.layers.Dense(config.embedding)
        self.drop_vectors = keras.layers.Dropout(DROPOUT, noise_shape=(None, 1, None))
        self.drop_states = keras.layers.Dropout(DROPOUT)
        self.bias = self.add_weight(shape=(vocab_size,), initializer="zeros", name="bias")

    def call(self, ids, training=False):
        V, _ = self.vectors(ids)
        H = self.recurrent(self.drop_vectors(V, training=training), training=training)
        H = _around(H) if self._bidirectional else H[:, :-2]
        H = tf.cast(self.project(self.drop_states(H, training=training)), tf.float32)
        words, inputs = tf.reshape(ids[:, 1:-1], [-1]), tf.reshape(H, [-1, H.shape[-1]])
        table = tf.convert_to_tensor(self.vectors.get_layer("embedding").embeddings)
        bias = tf.convert_to_tensor(self.bias)
        if training:
            labels = tf.expand_dims(tf.cast(words, tf.int64), 1)
            samples = min(SAMPLES, self._vocab_size - 1)
            nats = tf.nn.sampled_softmax_loss(
                table, bias, labels, inputs, samples, self._vocab_size
            )
        else:
            logits = tf.matmul(inputs, table, transpose_b=True) + bias
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(words, logits)
        return tf.reshape(nats, tf.shape(ids[:, 1:-1]))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Keras's hook: the mean of the output of `call`."""
        return tf.reduce_mean(y_pred)

    def get_config(self):
        return {
            **super().get_config(),
            "config": self._settings,
            "vocab_size": self._vocab_size,
        }


def _around(H):
    """The states before and after each word but the first and the last, of `[→H, ←H]`."""
    forward, backward = tf.split(H, 2, axis=-1)
    return tf.concat([forward[:, :-2], backward[:, 2:]], axis=-1)


def pretrain(
    model: keras.Model,
    config: SentimentConfig,
    vocab_size: int,
    training: TokenizedReviews,
    validation: TokenizedReviews,
    run: Run,
) -> None:
    """Copy the word vectors and recurrent layers of a trained `WordModel` into a classifier.

    The `WordModel` is trained for `config.pretraining` epochs in a run of its own,
    `pretraining/words` in the directory of `run`, where an interrupted training also resumes.

    Args:
        model: the classifier.
        config: its configuration.
        vocab_size: number of tokens.
        training: the training reviews.
        validation: the validation reviews.
        run: the run of the classifier.

    Raises:
        InputError: there is too little text.
    """
    settings = replace(
        config,
        epochs=config.pretraining,
        learning_rate=config.pretraining_learning_rate,
        ema=None,
        patience=None,
        run="words",
    )
    inner = pretraining_run(run)
    if not inner.config_file.exists():
        inner = Run.create("pretraining", settings, root=run.path)
    words = WordModel(config.to_json(), vocab_size, name="word_model")
    words(np.zeros((1, 3), "int32"))

    def batches(epoch):
        rows = _rows(training.ids, config.seed, epoch)
        return tf.data.Dataset.from_tensor_slices(rows).batch(ROWS)

    validation_rows = _rows(validation.ids, 0, 0)[:VALIDATION_ROWS]
    words.compile(adamw(settings, len(batches(0)), beta_2=0.99))
    print(f"pretraining: {words.count_params():,} weights, "
          f"{sum(map(len, training.ids)):,} tokens", flush=True)  # fmt: skip
    try:
        fit(
            words,
            train=batches,
            validation=tf.data.Dataset.from_tensor_slices(validation_rows).batch(8),
            config=settings,
            run=inner,
            task="pretraining, ",
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; continue with: {run.resume_command}") from None
    model.get_layer("word_vectors").set_weights(words.vectors.get_weights())
    head = model.get_layer("head")
    head.get_layer("recurrent").set_weights(words.recurrent.get_weights())


def pretraining_run(run: Run) -> Run:
    """The run of the language model in the run of a classifier."""
    return Run("pretraining", run.path / "pretraining" / "words")


def _rows(texts: Sequence[np.ndarray], seed: int, epoch: int) -> np.ndarray:
    """All texts one after the other, a `PAD_ID` after each, cut into rows `(n, STEPS)`.

    Seed and epoch determine their order and the cuts, but not the number of rows.

    Raises:
        InputError: there is less than one row.
    """
    random = np.random.default_rng((seed, epoch))
    end = np.array([PAD_ID], np.int32)
    order = random.permutation(len(texts))
    stream = np.concatenate([part for text in order for part in (texts[text], end)])
    count = len(stream) // STEPS - 1
    if count < 1:
        raise InputError(
            f"too little text for --pretraining: a part has {len(stream):,} tokens, "
            f"{2 * STEPS:,} are needed"
        )
    rows = stream[random.integers(STEPS) :][: count * STEPS].reshape(count, STEPS)
    return random.permutation(rows)
