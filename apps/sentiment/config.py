"""The configuration of the sentiment classifier, and its presets."""

from dataclasses import dataclass
from typing import Literal

from apps.common.config import TrainingConfig, is_integer

Pooling = Literal["max", "mean", "max+mean", "attention", "last"]


DESCRIPTION = "Train a sentiment classifier, compare it with a bag of bigrams, and export it."


@dataclass(frozen=True, kw_only=True)
class SentimentConfig(TrainingConfig):
    """The flags of the sentiment classifier, beside those of every application."""

    text_column: str | None = None
    """Name of the column with the reviews (tables); None finds it by the usual names."""

    label_column: str | None = None
    """Name of the column with the labels (tables); None finds it by the usual names."""

    validation_fraction: float = 0.1
    """Part of the training reviews that chooses the epoch; data without a test part give as
    many again for testing."""

    split_seed: int = 0
    """Seed of that split and of the builtin reviews, apart from --seed, so that trainings with
    several seeds are judged on the same reviews."""

    tokens: Literal["word", "wordpiece"] = "word"
    """What the network reads: words, or the word pieces of keras_nlp."""

    vocabulary: int = 30_000
    """Largest number of different tokens."""

    min_count: int = 2
    """Words seen fewer times in training are read as one unknown word."""

    max_length: int = 1_000
    """Tokens read of a review; of a longer one the first half and the last half of so many."""

    train_length: int = 400
    """The same in training, where the length costs most."""

    bucket: int = 64
    """Batches are padded to multiples of so many tokens."""

    cell: Literal["vanilla", "gru", "lstm"] = "gru"
    """Recurrent layer."""

    layers: int = 1
    """Recurrent layers on top of one another."""

    units: int = 64
    """Size of the hidden state of each layer and direction."""

    bidirectional: bool = True
    """Read in both directions."""

    pooling: Pooling = "max"
    """How the hidden states become one vector; last takes the final one of each direction."""

    embedding: int = 128
    """Size of the word vectors."""

    word_dropout: float = 0.0
    """Part of the words that are blanked in training."""

    embedding_dropout: float = 0.2
    """Dropout rate of the word vectors' components, the same ones in the whole review."""

    dropout: float = 0.3
    """Dropout rate between the layers and of the pooled vector."""

    adversarial: float = 0.0
    """Norm of the worst-case change of a review's normalised word vectors that training adds
    (Miyato et al. 2017); 0 adds none."""

    pretraining: int = 0
    """Passes over the training reviews as a language model, before any label is seen; one layer
    if bidirectional."""

    pretraining_learning_rate: float = 3e-3
    """Step size of the optimizer in these."""

    ngrams: int = 0
    """Buckets that hold the hashed pairs and triples of words of a linear part beside the network;
    0 for a network alone."""

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
            # A second layer would be told each word by what reads it from the other side.
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


PRESETS = {
    "tiny": (
        "a bidirectional LSTM of 48 units on reviews that a grammar wrote, a minute on 2 cores",
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
