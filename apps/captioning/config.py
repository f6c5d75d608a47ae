"""The configuration of the captioner, and its presets."""

from dataclasses import dataclass
from typing import Annotated, Literal

from apps.common.bounds import NonNegative, PositiveInt, Rate, Seed, at_least, between
from apps.common.config import TrainingConfig, named

DESCRIPTION = "Train a captioner of images, compare it with two baselines, and export it."


@dataclass(frozen=True, kw_only=True)
class CaptioningConfig(TrainingConfig):
    """The flags of the captioner, in addition to those of every application."""

    validation_fraction: Annotated[float, between(0, 0.5)] = 0.1
    """Fraction of a folder's images, those before the test images by file name, for validation."""

    test_fraction: Annotated[float, between(0, 0.5)] = 0.1
    """Fraction of a folder's images, the last ones by file name, for testing."""

    split_seed: Seed = 0
    """Seed of the builtin pictures; trainings with another --seed share them."""

    size: Annotated[PositiveInt, at_least(32)] = 96
    """Images are resized to this number of pixels in each direction."""

    vocabulary: Annotated[PositiveInt, at_least(5)] = 8_000
    """Maximum size of the vocabulary."""

    min_count: PositiveInt = 3
    """Words seen fewer times in training are read as one unknown word."""

    max_length: PositiveInt = 30
    """Maximum length of a caption, in tokens."""

    encoder: Literal["cnn", "efficientnetv2b0"] = "cnn"
    """Encoder of the image: a small convolutional network, trained from scratch, or a network of
    keras.applications, whose weights are not trained."""

    weights: str | None = None
    """File of the weights of that network without its top, .weights.h5 or .h5, as Keras
    distributes it."""

    filters: PositiveInt = 64
    """Filters of the first convolution; the last has four times as many."""

    cell: Literal["vanilla", "gru", "lstm"] = "gru"
    """Recurrent layer."""

    units: PositiveInt = 256
    """Size of the hidden states of both recurrent layers, and of the attention."""

    embedding: PositiveInt = 128
    """Size of the word vectors."""

    dropout: Rate = 0.0
    """Dropout rate of word vectors, of the features of the image and of the decoder's output."""

    label_smoothing: Rate = 0.0
    """Label smoothing: share of each target's probability that is spread over the vocabulary."""

    flip: bool = False
    """Mirror half of the training images; not for captions with left and right."""

    weight_decay: NonNegative = 0.0
    """Decoupled weight decay of the optimizer (AdamW)."""

    beam: PositiveInt = 3
    """Hypotheses that beam search keeps."""

    alpha: NonNegative = 0.75
    """Exponent α of the length penalty: hypotheses are ranked by log-probability / length^α."""

    def __post_init__(self):
        """Check what fields demand of each other."""
        super().__post_init__()
        ok = (self.encoder == "cnn") == (self.weights is None)
        self.check(ok, "weights", "a file for --encoder efficientnetv2b0, and only for it")


# Values that `apps.captioning.tune` tries.
SEARCH = {
    "learning_rate": (1e-3, 2e-3, 4e-3),
    "dropout": (0.0, 0.2, 0.4),
    "units": (64, 128, 256),
}
PRESETS = named(
    {
        "tiny": (
            "a small network on drawn pictures, three minutes on 2 cores",
            CaptioningConfig(
                epochs=14, batch_size=32, learning_rate=3e-3, size=48, min_count=1, max_length=10,
                filters=32, units=64, embedding=32,
            ),
        ),
        "base": (
            "a convolutional network and a GRU of 256 units, for thousands of photographs",
            CaptioningConfig(
                epochs=20, learning_rate=2e-3, dropout=0.4, label_smoothing=0.1, flip=True,
                ema=0.99,
            ),
        ),
        "large": (
            "the same with 512 units at 192 pixels, for tens of thousands and a GPU",
            CaptioningConfig(
                epochs=30, size=192, units=512, embedding=256, dropout=0.3, label_smoothing=0.1,
                flip=True, ema=0.999, patience=5,
            ),
        ),
    }
)  # fmt: skip
