"""The configuration of the translator, and its presets."""

from dataclasses import dataclass
from typing import Literal

from apps.common.config import TrainingConfig, is_integer, is_number, named

Attention = Literal["none", "additive", "multiplicative"]


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

    limit: int | None = None
    """Number of pairs to train on; held-out pairs are sampled from the others."""

    subset: Literal["random", "first"] = "random"
    """Pairs that --limit takes: random ones, by --split-seed and with all translations of a
    sentence; or the first of the file, which may be sorted by length."""

    validation_fraction: float = 0.05
    """Fraction of source sentences held out for validation when the data has no such split."""

    test_fraction: float = 0.05
    """Fraction of source sentences held out for testing when the data has no such split."""

    split_seed: int = 0
    """Seed of these splits and of the builtin pairs; trainings with another --seed share them."""

    tokens: Literal["word", "wordpiece"] = "wordpiece"
    """Kind of tokens: words, or the word pieces of keras_nlp."""

    vocabulary: int = 8_000
    """Maximum size of each vocabulary. Small data gives fewer word pieces, as each occurs ten
    times or is a single character: 2,900 in 29,000 captions."""

    min_count: int = 2
    """Words seen fewer times in training are read as one unknown word (--tokens word)."""

    lowercase: bool = True
    """Lower-case both languages."""

    max_pair_length: int = 100
    """Training leaves out pairs with more words and marks on a side."""

    max_length: int = 250
    """Maximum length of a sentence to translate, in tokens; the rest is not read."""

    max_length_ratio: float = 2.0
    """Maximum output length: `ratio * source length + 10` tokens."""

    bucket: int = 4
    """Batches are padded to a multiple of this length."""

    cell: Literal["vanilla", "gru", "lstm"] = "gru"
    """Recurrent layer."""

    layers: int = 1
    """Recurrent layers of the encoder and of the decoder; with attention the decoder has these plus
    one layer that produces the attention query."""

    units: int = 256
    """Size of the hidden state of each layer and direction."""

    embedding: int = 256
    """Size of the word vectors, and with attention of the vector before the output layer."""

    bidirectional: bool = True
    """Encode in both directions (with attention)."""

    attention: Attention = "additive"
    """Score of the decoder's attention; none passes the encoder's final state instead."""

    tied: bool = False
    """Tie the weights of the output layer to the target's word vectors (with attention)."""

    embedding_dropout: float = 0.0
    """Dropout rate of the word vectors' components, with one mask for the whole sentence."""

    dropout: float = 0.0
    """Dropout rate of the outputs of each recurrent layer and of the layer before the output."""

    label_smoothing: float = 0.0
    """Label smoothing: share of each target's probability that is spread over the vocabulary."""

    weight_decay: float = 0.0
    """Decoupled weight decay of the optimizer (AdamW)."""

    keep: Literal["best", "last"] = "best"
    """The epoch whose weights are kept: the best on the validation pairs, or the last."""

    beam: int = 5
    """Hypotheses that beam search keeps."""

    alpha: float = 0.75
    """Exponent α of the length penalty: hypotheses are ranked by log-probability / length^α."""

    def __post_init__(self):
        """Check the fields."""
        super().__post_init__()
        self.check_positive_integer(
            "vocabulary",
            "min_count",
            "max_pair_length",
            "max_length",
            "bucket",
            "layers",
            "units",
            "embedding",
            "beam",
        )
        if self.limit is not None:
            self.check_positive_integer("limit")
        self.check(self.source != self.target, "target", "another language than --source")
        self.check(self.vocabulary >= 5, "vocabulary", "at least 5")
        self.check_positive("max_length_ratio")
        for field in ("validation_fraction", "test_fraction"):
            value = getattr(self, field)
            self.check(is_number(value) and 0 < value <= 0.4, field, "above 0 and at most 0.4")
        self.check(
            is_integer(self.split_seed) and 0 <= self.split_seed < 2**32,
            "split_seed",
            "an integer in [0, 2**32)",
        )
        self.check_fraction("embedding_dropout", "dropout", "label_smoothing")
        self.check(self.weight_decay >= 0, "weight_decay", "zero or a positive number")
        self.check(is_number(self.alpha) and self.alpha >= 0, "alpha", "zero or a positive number")
        self.check(self.attention != "none" or not self.tied, "tied", "False with --attention none")


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
