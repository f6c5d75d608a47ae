"""The configuration of the sentiment classifier, and its presets."""

from dataclasses import dataclass
from typing import Literal

from apps.common.config import TrainingConfig, is_integer, named

Pooling = Literal["max", "mean", "max+mean", "attention", "last"]


DESCRIPTION = "Train a sentiment classifier, compare it with a bag of bigrams, and export it."


@dataclass(frozen=True, kw_only=True)
class SentimentConfig(TrainingConfig):
    """The flags of the sentiment classifier, in addition to those of every application."""

    text_column: str | None = None
    """Name of the column with the reviews (tables); None finds it by the usual names."""

    label_column: str | None = None
    """Name of the column with the labels (tables); None finds it by the usual names."""

    validation_fraction: float = 0.1
    """Fraction of the training reviews held out for validation; without a test split, the same
    fraction is held out for testing."""

    split_seed: int = 0
    """Seed of these splits and of the builtin reviews; trainings with another --seed share them."""

    tokens: Literal["word", "wordpiece"] = "word"
    """Kind of tokens: words, or the word pieces of keras_nlp."""

    vocabulary: int = 30_000
    """Maximum size of the vocabulary."""

    min_count: int = 2
    """Words seen fewer times in training are read as one unknown word."""

    max_length: int = 1_000
    """Maximum length in tokens; longer reviews keep their first and last `max_length / 2`."""

    train_length: int = 400
    """Maximum length in training, where length costs most time."""

    bucket: int = 64
    """Batches are padded to a multiple of this length."""

    cell: Literal["vanilla", "gru", "lstm"] = "gru"
    """Recurrent layer."""

    layers: int = 1
    """Number of stacked recurrent layers."""

    units: int = 64
    """Size of the hidden state of each layer and direction."""

    bidirectional: bool = True
    """Read in both directions."""

    pooling: Pooling = "max"
    """How the hidden states become one vector; last takes the final one of each direction."""

    embedding: int = 128
    """Size of the word vectors."""

    word_dropout: float = 0.0
    """Fraction of the words that are replaced by zero vectors in training (word dropout)."""

    embedding_dropout: float = 0.2
    """Dropout rate of the word vectors' components, with one mask for the whole review."""

    dropout: float = 0.3
    """Dropout rate between the layers and of the pooled vector."""

    adversarial: float = 0.0
    """Norm of the worst-case change of a review's normalised word vectors that training adds
    (Miyato et al. 2017); 0 adds none."""

    pretraining: int = 0
    """Epochs of pretraining as a language model on the training reviews; a bidirectional network
    must then have one layer."""

    pretraining_learning_rate: float = 3e-3
    """Learning rate of the pretraining."""

    ngrams: int = 0
    """Hash buckets for the bigrams and trigrams of a linear model that is added to the network;
    0 trains the network alone."""

    weight_decay: float = 0.0
    """Decoupled weight decay of the optimizer (AdamW)."""

    def __post_init__(self):
        """Check the fields."""
        super().__post_init__()
        self.check_positive_integer(
            "vocabulary",
            "min_count",
            "max_length",
            "train_length",
            "bucket",
            "layers",
            "units",
            "embedding",
        )
        self.check_fraction("word_dropout", "embedding_dropout", "dropout")
        self.check(self.vocabulary >= 3, "vocabulary", "at least 3")
        self.check(self.max_length >= 2, "max_length", "at least 2")
        self.check(self.train_length >= 2, "train_length", "at least 2")
        self.check(
            0 < self.validation_fraction < 0.5, "validation_fraction", "a number between 0 and 0.5"
        )
        self.check(0 <= self.split_seed < 2**32, "split_seed", "an integer in [0, 2**32)")
        self.check(
            is_integer(self.pretraining) and self.pretraining >= 0,
            "pretraining",
            "zero or a positive integer",
        )
        self.check(
            # A second layer would see each word through the other direction.
            not (self.pretraining and self.bidirectional and self.layers > 1),
            "pretraining",
            "0 with more than one bidirectional layer",
        )
        self.check_positive("pretraining_learning_rate")
        self.check(is_integer(self.ngrams) and 0 <= self.ngrams <= 2**21, "ngrams", "in [0, 2**21]")
        self.check(
            not self.ngrams or self.vocabulary <= 50_000,
            "vocabulary",
            "at most 50,000 with --ngrams",
        )
        self.check(self.adversarial >= 0, "adversarial", "zero or a positive number")
        self.check(self.weight_decay >= 0, "weight_decay", "zero or a positive number")


PRESETS = named(
    {
        "tiny": (
            "a bidirectional LSTM of 48 units on generated reviews, a minute on 2 cores",
            SentimentConfig(
                epochs=20,
                learning_rate=1e-2,
                cell="lstm",
                units=48,
                embedding=32,
                bucket=16,
                embedding_dropout=0.1,
                dropout=0.2,
            ),
        ),
        "base": (
            "a bidirectional GRU of 128 units, pretrained, and n-grams; for IMDB and 2 cores",
            SentimentConfig(
                epochs=2,
                learning_rate=2e-3,
                vocabulary=20_000,
                units=128,
                pooling="max+mean",
                word_dropout=0.2,
                dropout=0.5,
                adversarial=1.0,
                pretraining=4,
                ngrams=2**20,
                ema=0.99,
            ),
        ),
        "large": (
            "two bidirectional LSTMs of 512 units, for hundreds of thousands of reviews and a GPU",
            SentimentConfig(
                epochs=10,
                batch_size=128,
                learning_rate=1e-3,
                cell="lstm",
                layers=2,
                units=512,
                embedding=256,
                vocabulary=50_000,
                ema=0.999,
                word_dropout=0.2,
                adversarial=2.0,
                ngrams=2**21,
                patience=3,
            ),
        ),
    }
)
