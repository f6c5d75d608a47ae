"""The configuration of the character language model, and its presets."""

from dataclasses import dataclass
from typing import Annotated, Literal

from apps.common.bounds import NonNegative, PositiveInt, Rate, at_most, between
from apps.common.config import TrainingConfig, named

DESCRIPTION = "Train a character language model, compare it with n-grams, and export it."
D2L_STEPS = 32
MAX_LENGTH = 10_000  # limit of a call of the exported `generate`, in characters


@dataclass(frozen=True, kw_only=True)
class CharLMConfig(TrainingConfig):
    """The flags of the character language model, in addition to those of every application."""

    protocol: Literal["stream", "d2l"] = "stream"
    """stream: truncated BPTT over contiguous streams, validated on the end of the text.
    d2l: the windows of "Dive into Deep Learning" 1.0 for The Time Machine."""

    validation_fraction: Annotated[float, between(0, 1)] = 0.1
    """Fraction of the text, at its end, held out for validation (--protocol stream)."""

    cell: Literal["vanilla", "gru", "lstm"] = "lstm"
    """Recurrent layer."""

    layers: PositiveInt = 1
    """Number of stacked recurrent layers."""

    units: PositiveInt = 512
    """Size of the hidden state of each layer."""

    input: Literal["embedding", "onehot"] = "embedding"
    """Input representation of a character."""

    embedding: PositiveInt = 64
    """Size of the embedding."""

    input_dropout: Rate = 0.0
    """Dropout rate of the embedded characters."""

    dropout: Rate = 0.3
    """Dropout rate of each recurrent layer's output."""

    weight_decay: NonNegative = 0.0
    """Decoupled weight decay of the optimizer (AdamW)."""

    steps: PositiveInt = 128
    """Time steps through which the gradient flows (τ of truncated BPTT)."""

    sample: str = "\n"
    """Prompt of the text that is generated after each epoch."""

    sample_length: Annotated[PositiveInt, at_most(MAX_LENGTH)] = 200
    """Length of that text in characters."""

    def __post_init__(self):
        """Check what fields demand of each other."""
        super().__post_init__()
        self.check(
            self.protocol != "d2l" or self.steps == D2L_STEPS,
            "steps",
            f"{D2L_STEPS} with --protocol d2l",
        )
        self.check(bool(self.sample), "sample", "at least one character")


# Values that `apps.char_lm.tune` tries.
SEARCH = {
    "learning_rate": (5e-4, 1e-3, 2e-3, 4e-3, 8e-3),
    "dropout": (0.0, 0.2, 0.4, 0.6),
    "units": (128, 256, 512, 1024),
}
PRESETS = named(
    {
        "tiny": (
            "an LSTM of 256 units on the standard library's own prose, a minute on 2 cores",
            CharLMConfig(
                units=256,
                epochs=8,
                batch_size=32,
                steps=64,
                learning_rate=4e-3,
                dropout=0.2,
            ),
        ),
        "base": (
            "an LSTM of 512 units, for a megabyte of text and 2 cores",
            CharLMConfig(
                epochs=24,
                batch_size=32,
                learning_rate=2e-3,
                input_dropout=0.1,
                dropout=0.5,
                ema=0.995,
            ),
        ),
        "large": (
            "three LSTMs of 1,024 units, for tens of megabytes of text and a GPU",
            CharLMConfig(
                layers=3,
                units=1024,
                embedding=256,
                dropout=0.5,
                batch_size=128,
                steps=256,
                epochs=50,
                learning_rate=1e-3,
                ema=0.999,
                patience=5,
            ),
        ),
        "d2l": (
            "The Time Machine by the protocol of Dive into Deep Learning, 32 units",
            CharLMConfig(
                protocol="d2l",
                cell="gru",
                units=32,
                input="onehot",
                dropout=0.0,
                steps=D2L_STEPS,
                batch_size=1024,
                epochs=100,
                learning_rate=1e-2,
            ),
        ),
        "d2l_tuned": (
            "the same protocol, tuned: an LSTM of 256 units, much dropout, averaged weights",
            CharLMConfig(
                protocol="d2l",
                units=256,
                embedding=32,
                input_dropout=0.3,
                dropout=0.6,
                steps=D2L_STEPS,
                batch_size=256,
                epochs=20,
                learning_rate=8e-3,
                ema=0.98,
                patience=3,
            ),
        ),
    }
)
