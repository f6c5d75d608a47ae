"""Scores of captions, and the caption of the nearest image as baseline."""

from collections.abc import Sequence

import numpy as np

from apps.captioning.images import CaptionedImages
from apps.common.tokenized import by_chunks
from rnn_keras.metrics import corpus_bleu, corpus_chrf
from rnn_keras.text import WordSplitter


def scores(texts: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """BLEU-1 to 4 (lower-cased words and marks), chrF, and the fraction of exact captions."""
    ours, known = _tokens(texts), [_tokens(each) for each in references]
    options = {"tokenize": "none", "force": True}
    return {
        **{
            f"BLEU-{n}": corpus_bleu(ours, known, max_ngram_order=n, **options).score
            for n in range(1, 5)
        },
        "chrF": corpus_chrf(ours, known),
        "exact": float(np.mean([text in each for text, each in zip(ours, known)])),
    }


def _tokens(texts):
    """Lower-case tokens between blanks."""
    words = WordSplitter(lowercase=True)
    rows = [row for part in by_chunks(words.split, texts, "splitting") for row in part.to_list()]
    return [b" ".join(row).decode() for row in rows]


def nearest(train: CaptionedImages, test: CaptionedImages) -> list[str]:
    """The first caption of the training image that looks most like each test image.

    Images are compared by the mean colours of 8 x 8 fields.
    """
    known, seen = (_fields(images.pixels) for images in (train, test))
    rows = [int(np.argmin(((known - each) ** 2).sum(-1))) for each in seen]
    return [train.captions[row][0] for row in rows]


def _fields(pixels):
    n, size = len(pixels), pixels.shape[1] // 8 * 8
    fields = pixels[:, :size, :size].reshape(n, 8, size // 8, 8, size // 8, 3)
    return fields.mean((2, 4), dtype="float32").reshape(n, -1)
