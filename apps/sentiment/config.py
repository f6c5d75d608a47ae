"""The configuration of the sentiment classifier, and its presets."""

from dataclasses import dataclass
from typing import Annotated, Literal

from apps.common.bounds import (
    Count,
    NonNegative,
    Positive,
    PositiveInt,
    Rate,
    Seed,
    at_least,
    at_most,
    between,
)
from apps.common.config import TrainingConfig, named

Pooling = Literal["max", "mean", "max+mean", "attention", "last"]


DESCRIPTION = "Train a sentiment classifier, compare it with a bag of bigrams, and export it."


@dataclass(frozen=True, kw_only=True)
class SentimentConfig(TrainingConfig):
    """The flags of the sentiment classifier, in addition to those of every application."""

    text_column: str | None = None
    """Name of the column with the reviews (tables); None finds it by the usual names."""

    label_column: str | None = None
    """Name of the column with the labels (tables); None finds it by the usual names."""

    validation_fraction: Annotated[float, between(0, 0.5)] = 0.1
    """Fraction of the training reviews held out for validation; without a test split, the same
    fraction is held out for testing."""

    split_seed: Seed = 0
    """Seed of these splits and of the builtin reviews; trainings with another --seed share them."""

    tokens: Literal["word", "wordpiece"] = "word"
    """Kind of tokens: words, or the word pieces of keras_nlp."""

    vocabulary: Annotated[PositiveInt, at_least(3)] = 30_000
    """Maximum size of the vocabulary."""

    min_count: PositiveInt = 2
    """Words seen fewer times in training are read as one unknown word."""

    max_length: Annotated[PositiveInt, at_least(2)] = 1_000
    """Maximum length in tokens; longer reviews keep their first and last `max_length / 2`."""

    train_length: Annotated[PositiveInt, at_least(2)] = 400
    """Maximum length in training, in tokens; a lower one makes training faster."""

    bucket: PositiveInt = 64
    """Batches are padded to a multiple of this length."""

    cell: Literal["vanilla", "gru", "lstm"] = "gru"
    """Recurrent layer."""

    layers: PositiveInt = 1
    """Number of stacked recurrent layers."""

    units: PositiveInt = 64
    """Size of the hidden state of each layer and direction."""

    bidirectional: bool = True
    """Read in both directions."""

    pooling: Pooling = "max"
    """How the hidden states become one vector; last takes the final one of each direction."""

    embedding: PositiveInt = 128
    """Size of the word vectors."""

    word_dropout: Rate = 0.0
    """Fraction of the words that are replaced by zero vectors in training (word dropout)."""

    embedding_dropout: Rate = 0.2
    """Dropout rate of the word vectors' components, with one mask for the whole review."""

    dropout: Rate = 0.3
    """Dropout rate between the layers and of the pooled vector."""

    adversarial: NonNegative = 0.0
    """Norm of the adversarial perturbation of a review's normalised word vectors in training
    (Miyato et al. 2017); 0: no adversarial training."""

    pretraining: Count = 0
    """Epochs of pretraining as a language model on the training reviews; a bidirectional network
    must then have one layer."""

    pretraining_learning_rate: Positive = 3e-3
    """Learning rate of the pretraining."""

    ngrams: Annotated[Count, at_most(2**21)] = 0
    """Hash buckets for the bigrams and trigrams of a linear model that is added to the network;
    0 trains the network alone."""

    weight_decay: NonNegative = 0.0
    """Decoupled weight decay of the optimizer (AdamW)."""

    def __post_init__(self):
        """Check what fields demand of each other."""
        super().__post_init__()
        self.check(
            # A second layer would see each word through the other direction.
            not (self.pretraining and self.bidirectional and self.layers > 1),
            "pretraining",
            "0 with more than one bidirectional layer",
        )
        self.check(
            not self.ngrams or self.vocabulary <= 50_000,
            "vocabulary",
            "at most 50,000 with --ngrams",
        )


# Values that `apps.sentiment.tune` tries.
SEARCH = {
    "learning_rate": (1e-3, 2e-3, 4e-3, 1e-2),
    "dropout": (0.2, 0.35, 0.5),
    "units": (48, 64, 128),
}
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
