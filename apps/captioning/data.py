"""Images and captions as batches, and the tokens of captions."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.captioning import drawings
from apps.captioning.config import CaptioningConfig
from apps.captioning.images import CaptionedImages, CaptionedSplits, read_folder
from apps.common.tokenized import tokenize, tokens_before
from rnn_keras.data import bucketed_batches
from rnn_keras.text import UNKNOWN, Tokenizer, Vocabulary, WordSplitter

SPECIALS = ("<pad>", UNKNOWN, "<bos>", "<eos>")
PAD_ID, UNKNOWN_ID, BOS_ID, EOS_ID = range(4)
JOINER = "￭"  # of words and marks that were attached
WORDS = WordSplitter(lowercase=True, joiner=JOINER)
BUCKET = 4  # captions are padded to a multiple of this length


def make_tokenizer(vocabulary: Vocabulary, config: CaptioningConfig) -> Tokenizer:
    """The tokenizer of a vocabulary; it reads as many tokens as a caption may have."""
    return Tokenizer(vocabulary, WORDS, specials=SPECIALS, max_length=config.max_length - 1)


def load(config: CaptioningConfig) -> CaptionedSplits:
    """The images of `config.data`.

    Raises:
        InputError: they cannot be read, or are too few.
    """
    if config.data != "builtin":
        return read_folder(
            Path(config.data), config.size, config.validation_fraction, config.test_fraction
        )
    return CaptionedSplits(
        **{
            split: CaptionedImages(
                np.stack([drawings.draw(each, config.size) for each in pictures]),
                [[each.caption] for each in pictures],
            )
            for split, pictures in drawings.generate(config.split_seed).items()
        }
    )


class TokenizedImages:
    """Images with their captions as ids, one pair per caption.

    Args:
        config: the configuration.
        tokenizer: of the captions.
        images: the images of a split.
    """

    def __init__(self, config: CaptioningConfig, tokenizer: Tokenizer, images: CaptionedImages):
        self._config, self._pixels = config, images.pixels
        rows = tokenize(tokenizer.read, images.texts)
        self._ids = [np.append(ids, np.int32(EOS_ID)) for ids in rows]
        counts = list(map(len, images.captions))
        self._image = np.repeat(np.arange(len(images), dtype="int32"), counts)

    def batches(self, epoch: int | None = None) -> tf.data.Dataset:
        """`((pixels, tokens), target)`, the tokens before and those to predict.

        Args:
            epoch: of the training, which shuffles the pairs; None keeps the order, for evaluation.
        """
        seed = None if epoch is None else (self._config.seed, epoch)
        size = self._config.batch_size
        pairs = bucketed_batches((self._ids,), size, BUCKET, seed, (self._image,))

        def with_pixels(target, image):
            pixels = tf.numpy_function(self._pixels.__getitem__, [image], tf.uint8)
            pixels.set_shape([None, *self._pixels.shape[1:]])
            return (pixels, tokens_before(target, BOS_ID, EOS_ID)), target

        return pairs.map(with_pixels)
