"""The configuration of the translator, and its presets."""

from dataclasses import dataclass
from typing import Annotated, Literal

from apps.common.bounds import (
    Bound,
    NonNegative,
    Positive,
    PositiveInt,
    Rate,
    Seed,
    at_least,
    is_number,
)
from apps.common.config import TrainingConfig, named

Attention = Literal["none", "additive", "multiplicative"]
HeldOut = Annotated[
    float, Bound(lambda part: is_number(part) and 0 < part <= 0.4, "above 0 and at most 0.4")
]


DESCRIPTION = "Train a translator, compare its BLEU with two baselines, and export it."


@dataclass(frozen=True, kw_only=True)
class TranslationConfig(TrainingConfig):
    """The flags of the translator, in addition to those of every application."""

    source: str = "en"
    """Language that is translated: the ending of its parallel files, or its key in tfds."""

    target: str = "fr"
    """Language that it is translated to."""

    reverse: bool = False
    """Swap the two columns of a tab-separated file."""

    test_set: str | None = None
    """Name of the parallel files to test on, such as test_2016_flickr; None takes the only one."""

    limit: PositiveInt | None = None
    """Number of pairs to train on; held-out pairs are sampled from the others."""

    subset: Literal["random", "first"] = "random"
    """Pairs that --limit takes: random ones, by --split-seed and with all translations of a
    sentence; or the first of the file, which may be sorted by length."""

    validation_fraction: HeldOut = 0.05
    """Fraction of source sentences held out for validation when the data has no such split."""

    test_fraction: HeldOut = 0.05
    """Fraction of source sentences held out for testing when the data has no such split."""

    split_seed: Seed = 0
    """Seed of these splits and of the builtin pairs; trainings with another --seed share them."""

    tokens: Literal["word", "wordpiece"] = "wordpiece"
    """Kind of tokens: words, or the word pieces of keras_nlp."""

    vocabulary: Annotated[PositiveInt, at_least(5)] = 8_000
    """Maximum size of each vocabulary. Small data gives fewer word pieces, because a piece must
    occur ten times or be a single character: 29,000 captions give 2,900."""

    min_count: PositiveInt = 2
    """Words seen fewer times in training are read as one unknown word (--tokens word)."""

    lowercase: bool = True
    """Lower-case both languages."""

    max_pair_length: PositiveInt = 100
    """Maximum words and punctuation marks on either side of a training pair; longer pairs are
    left out."""

    max_length: PositiveInt = 250
    """Maximum length of a sentence to translate, in tokens; the rest is not read."""

    max_length_ratio: Positive = 2.0
    """Maximum output length: `ratio * source length + 10` tokens."""

    bucket: PositiveInt = 4
    """Batches are padded to a multiple of this length."""

    cell: Literal["vanilla", "gru", "lstm"] = "gru"
    """Recurrent layer."""

    layers: PositiveInt = 1
    """Recurrent layers of the encoder and of the decoder; with attention the decoder has these plus
    one layer that produces the attention query."""

    units: PositiveInt = 256
    """Size of the hidden state of each layer and direction."""

    embedding: PositiveInt = 256
    """Size of the word vectors, and with attention of the vector before the output layer."""

    bidirectional: bool = True
    """Encode in both directions (with attention)."""

    attention: Attention = "additive"
    """Score of the decoder's attention; none passes the encoder's final state instead."""

    input_feeding: bool = False
    """Feed the context into the next step of the decoder (with attention): training is then a loop
    over the attention, and slower."""

    tied: bool = False
    """Tie the weights of the output layer to the target's word vectors (with attention)."""

    embedding_dropout: Rate = 0.0
    """Dropout rate of the word vectors' components, with one mask for the whole sentence."""

    dropout: Rate = 0.0
    """Dropout rate of the outputs of each recurrent layer and of the layer before the output."""

    label_smoothing: Rate = 0.0
    """Label smoothing: share of each target's probability that is spread over the vocabulary."""

    weight_decay: NonNegative = 0.0
    """Decoupled weight decay of the optimizer (AdamW)."""

    keep: Literal["best", "last"] = "best"
    """The epoch whose weights are kept: the best on the validation pairs, or the last."""

    beam: PositiveInt = 5
    """Hypotheses that beam search keeps."""

    alpha: NonNegative = 0.75
    """Exponent α of the length penalty: hypotheses are ranked by log-probability / length^α."""

    def __post_init__(self):
        """Check what fields demand of each other."""
        super().__post_init__()
        self.check(self.source != self.target, "target", "another language than --source")
        for name in ("tied", "input_feeding"):
            allowed = self.attention != "none" or not getattr(self, name)
            self.check(allowed, name, "False with --attention none")


# Values that `apps.translation.tune` tries.
SEARCH = {
    "learning_rate": (1e-3, 2e-3, 5e-3, 1e-2),
    "dropout": (0.0, 0.2, 0.4),
    "units": (64, 128, 256),
}
PRESETS = named(
    {
        "tiny": (
            "a GRU of 64 units with attention on generated pairs, a minute on 2 cores",
            TranslationConfig(
                tokens="word",
                min_count=1,
                units=64,
                embedding=64,
                bucket=8,
                epochs=8,
                batch_size=64,
                learning_rate=1e-2,
                dropout=0.1,
                validation_fraction=0.07,
                test_fraction=0.07,
            ),
        ),
        "d2l": (
            "Dive into Deep Learning's translator without attention: a smoke test on 600 pairs",
            TranslationConfig(
                limit=600,
                subset="first",
                tokens="word",
                min_count=2,
                attention="none",
                layers=2,
                units=256,
                embedding=256,
                dropout=0.2,
                learning_rate=5e-3,
                epochs=100,
                keep="last",  # as in D2L, which translates training sentences
            ),
        ),
        "base": (
            "a GRU of 256 units with attention, for tens of thousands of pairs and 2 cores",
            TranslationConfig(
                tied=True,
                epochs=20,
                learning_rate=2e-3,
                embedding_dropout=0.3,
                dropout=0.4,
                label_smoothing=0.1,
                ema=0.999,
            ),
        ),
        "large": (
            "two LSTMs of 512 units with attention, for millions of pairs and a GPU",
            TranslationConfig(
                cell="lstm",
                layers=2,
                units=512,
                embedding=512,
                vocabulary=32_000,
                tied=True,
                epochs=10,
                batch_size=256,
                embedding_dropout=0.1,
                dropout=0.2,
                label_smoothing=0.1,
                ema=0.999,
                patience=3,
            ),
        ),
    }
)
