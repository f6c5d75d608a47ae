"""The configuration of the summarizer, and its presets."""

from dataclasses import dataclass
from typing import Annotated, Literal

from apps.common.bounds import Count, NonNegative, PositiveInt, Rate, Seed, at_least, between
from apps.common.config import TrainingConfig, named

DESCRIPTION = "Train a summarizer of texts, compare it with leads and TextRank, and export it."


@dataclass(frozen=True, kw_only=True)
class SummarizationConfig(TrainingConfig):
    """The flags of the summarizer, in addition to those of every application."""

    model: Literal["extractive", "abstractive"] = "extractive"
    """Whether the network chooses sentences, or writes a summary and can copy words."""

    text: str | None = None
    """Column of the texts; None tries text, article and document."""

    summary: str | None = None
    """Column of the summaries; None tries summary, highlights and headline."""

    split: str | None = None
    """Column with train, validation or test; None samples the splits."""

    validation_fraction: Annotated[float, between(0, 0.5)] = 0.1
    """Fraction of the texts held out for validation where the data has no such split."""

    test_fraction: Annotated[float, between(0, 0.5)] = 0.1
    """The same for testing."""

    split_seed: Seed = 0
    """Seed of these splits and of the builtin texts; trainings with another --seed share them."""

    vocabulary: Annotated[PositiveInt, at_least(5)] = 20_000
    """Maximum size of the vocabulary, which texts and summaries share."""

    min_count: PositiveInt = 3
    """Words seen fewer times in training are unknown."""

    max_length: Annotated[PositiveInt, at_least(2)] = 40
    """Words that are read: of each sentence (extractive), of the text (abstractive)."""

    max_sentences: PositiveInt = 64
    """Sentences that are read (extractive)."""

    ratio: Annotated[float, between(0, 1)] = 0.4
    """Length of an extractive summary, as a fraction of the words of the text."""

    summary_length: PositiveInt = 20
    """Maximum length of a written summary, in words (abstractive)."""

    copies: Count = 50
    """Distinct unknown words of a text that can be copied (abstractive)."""

    coverage: NonNegative = 0.0
    """Weight of the coverage loss, against repetition (abstractive); 0 for none."""

    cell: Literal["vanilla", "gru", "lstm"] = "gru"
    """Recurrent layer."""

    units: PositiveInt = 128
    """Size of the hidden state of each layer and direction."""

    embedding: PositiveInt = 128
    """Size of the word vectors."""

    dropout: Rate = 0.3
    """Dropout rate of word vectors and of what the recurrent layers return."""

    weight_decay: NonNegative = 0.0
    """Decoupled weight decay of the optimizer (AdamW)."""

    beam: PositiveInt = 4
    """Hypotheses that beam search keeps (abstractive)."""

    alpha: NonNegative = 0.75
    """Exponent α of the length penalty: hypotheses are ranked by log-probability / length^α."""


# Values that `apps.summarization.tune` tries.
SEARCH = {
    "learning_rate": (1e-3, 3e-3, 5e-3),
    "dropout": (0.0, 0.3, 0.5),
    "units": (24, 48, 96),
}
PRESETS = named(
    {
        "tiny": (
            "writes summaries of generated news, with copied names, two minutes on 2 cores",
            SummarizationConfig(
                model="abstractive", epochs=6, batch_size=32, learning_rate=5e-3, max_length=100,
                units=48, embedding=48, dropout=0.0, beam=3,
            ),
        ),
        "tiny_extractive": (
            "chooses a sentence of generated news, a minute on 2 cores",
            SummarizationConfig(
                epochs=3, batch_size=16, learning_rate=5e-3, max_length=24, max_sentences=10,
                ratio=0.1, units=24, embedding=24, dropout=0.0,
            ),
        ),
        "base": (
            "chooses sentences of articles, for thousands of them and 2 cores",
            SummarizationConfig(
                epochs=4, batch_size=16, learning_rate=3e-3, units=32, embedding=64, dropout=0.5,
                ema=0.99,
            ),
        ),
        "headlines": (
            "writes headlines of articles, for thousands of them and 2 cores",
            SummarizationConfig(
                model="abstractive", epochs=5, batch_size=32, learning_rate=3e-3, max_length=80,
                vocabulary=5_000, coverage=1.0, units=64, embedding=64, ema=0.99,
            ),
        ),
    }
)  # fmt: skip
