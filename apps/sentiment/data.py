"""The data of the sentiment classifier: reviews in three parts that share no text."""

import hashlib
from dataclasses import dataclass

import numpy as np

from apps.common.errors import InputError
from apps.common.files import json_pieces
from apps.common.progress import reports
from apps.sentiment import grammar, reviews
from apps.sentiment.config import SentimentConfig
from apps.sentiment.reviews import Reviews

NEIGHBOURS = 100  # rows; in IMDB at most 30 are of one film
PARTS = 25  # least number of runs of neighbours in a validation part


@dataclass(frozen=True, eq=False)
class Data:
    """Reviews for training, for selecting the epoch, and for one final test.

    Attributes:
        train, validation, test: the parts.
        about: how they were split, a sentence for the model card.
    """

    train: Reviews
    validation: Reviews
    test: Reviews
    about: str

    @property
    def sha256(self) -> str:
        """A digest of all texts and labels."""
        parts = [[r.texts, r.labels.tolist()] for r in (self.train, self.validation, self.test)]
        digest = hashlib.sha256()
        for piece in json_pieces(parts):
            digest.update(piece.encode())
        return digest.hexdigest()


@reports("reading the reviews")
def load(config: SentimentConfig) -> Data:
    """The reviews that `config` names (see `reviews.read` and `grammar.generate`), in three parts.

    The validation part is sampled from the training part, and so is the test part if the source
    has none: random runs of neighbouring rows of a class. Neighbours may be about the same film,
    as in IMDB, and its names identify a film, so parts that share films give too high scores.
    Copies of a text, which real data have, are never in two parts.

    Args:
        config: the configuration.

    Raises:
        InputError: the source cannot be used, or is too small to be split.
    """
    if config.data == "builtin":
        train, test = grammar.generate(config.split_seed)
    else:
        train, test = reviews.read(config.data, config.text_column, config.label_column)
    return _split(config, train, test)


def _split(config, train, test):
    fraction = config.validation_fraction
    shares = _shares(train, fraction, config.split_seed)
    held_out = fraction if test is not None else 2 * fraction
    validation = train.select(i for i, share in enumerate(shares) if share < fraction)
    if test is not None:
        about = (
            f"The source has a test part; {fraction:.0%} of its training part is for validation."
        )
        known = {_key(text) for text in train.texts}
        if copies := sum(_key(text) in known for text in test.texts):
            about += f" {copies:,} of the test reviews occur in the training part, too."
    else:
        test = train.select(i for i, share in enumerate(shares) if fraction <= share < held_out)
        about = (
            f"The source has no test part: {fraction:.0%} of its reviews are for validation and "
            f"{fraction:.0%} for testing, sampled in runs of neighbours."
        )
    train = train.select(i for i, share in enumerate(shares) if share >= held_out)
    for name, part in (("training", train), ("validation", validation), ("test", test)):
        if len(set(part.labels.tolist())) < 2:
            raise InputError(
                f"{config.data} is too small to be split: the {name} part has {len(part)} reviews, "
                "not of both classes"
            )
    return Data(train, validation, test, about)


def _shares(reviews, fraction, seed):
    """A number in [0, 1) for each review, the same for neighbours of a class and for copies."""
    random, shares = np.random.default_rng(seed), {}
    size = min(NEIGHBOURS, max(1, int(len(reviews) * fraction / PARTS)))
    for label in (0, 1):
        rows = np.flatnonzero(reviews.labels == label)
        runs = -(-len(rows) // size)
        draws = random.permutation(runs) / runs
        for i, row in enumerate(rows):
            shares.setdefault(_key(reviews.texts[row]), draws[i // size])
    return [shares[_key(text)] for text in reviews.texts]


def _key(text):
    """Equal for texts that differ in blanks and case only."""
    return " ".join(text.lower().split())
