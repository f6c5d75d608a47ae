"""The configuration of the tagger, and its presets."""

from dataclasses import dataclass
from typing import Annotated, Literal

from apps.common.bounds import NonNegative, PositiveInt, Rate, Seed, at_least, between
from apps.common.config import TrainingConfig, named

DESCRIPTION = "Train a tagger of named entities, compare it with a feature CRF, and export it."


@dataclass(frozen=True, kw_only=True)
class NERConfig(TrainingConfig):
    """The flags of the tagger, in addition to those of every application."""

    validation_fraction: Annotated[float, between(0, 0.5)] = 0.1
    """Fraction of the training documents held out for validation where the source has no such
    split."""

    split_seed: Seed = 0
    """Seed of this split and of the builtin sentences; trainings with another --seed share them."""

    vocabulary: Annotated[PositiveInt, at_least(3)] = 30_000
    """Maximum size of the vocabulary of lower-cased words."""

    min_count: PositiveInt = 1
    """Words seen fewer times in training are read as one unknown word."""

    unknown_rate: NonNegative = 0.5
    """In training, a word seen n times is read as unknown at the rate a / (a + n)."""

    word_length: PositiveInt = 20
    """Characters that are read of a word, the first ones."""

    bucket: PositiveInt = 8
    """Batches are padded to a multiple of this length."""

    embedding: PositiveInt = 100
    """Size of the word vectors."""

    character_embedding: PositiveInt = 30
    """Size of the characters' vectors."""

    filters: PositiveInt = 50
    """Filters of the convolution over the characters of a word, three wide."""

    cell: Literal["vanilla", "gru", "lstm"] = "lstm"
    """Recurrent layer."""

    layers: PositiveInt = 1
    """Number of stacked bidirectional layers."""

    units: PositiveInt = 128
    """Size of the hidden state of each layer and direction."""

    dropout: Rate = 0.5
    """Dropout rate of the inputs and the outputs of the recurrent layers."""


# Values that `apps.ner.tune` tries.
SEARCH = {
    "learning_rate": (1e-3, 3e-3, 1e-2),
    "dropout": (0.3, 0.5, 0.7),
    "units": (32, 100, 200),
}
PRESETS = named(
    {
        "tiny": (
            "a bidirectional LSTM of 32 units on generated sentences, a minute on 2 cores",
            NERConfig(
                epochs=4, batch_size=32, learning_rate=1e-2, bucket=16, embedding=32, units=32,
                filters=32,
            ),
        ),
        "base": (
            "a bidirectional LSTM of 200 units, for CoNLL-2003 and 2 cores",
            NERConfig(epochs=10, batch_size=32, learning_rate=3e-3, units=200, ema=0.998),
        ),
        "large": (
            "two bidirectional LSTMs of 400 units, for larger corpora and a GPU",
            NERConfig(
                epochs=30, batch_size=64, learning_rate=2e-3, embedding=300, units=400, layers=2,
                filters=100, vocabulary=100_000, ema=0.999, patience=5,
            ),
        ),
    }
)  # fmt: skip
