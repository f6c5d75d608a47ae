"""The data of the translator: pairs of sentences in three parts that share no source."""

import hashlib
import random
from dataclasses import dataclass

import numpy as np

from apps.common.errors import InputError
from apps.common.files import json_pieces
from apps.common.progress import reports
from apps.translation import grammar, pairs
from apps.translation.config import TranslationConfig
from apps.translation.pairs import Pairs
from apps.translation.text import count_words


@dataclass(frozen=True)
class Corpus:
    """Pairs for training, for selecting the epoch, and for one final test.

    Attributes:
        train, validation, test: the parts; a source sentence is in one of them only.
        sha256: a digest of all sentences.
        about: how the parts were made, for the model card.
    """

    train: Pairs
    validation: Pairs
    test: Pairs
    sha256: str
    about: str


@reports("reading the pairs")
def load(config: TranslationConfig) -> Corpus:
    """The pairs that `config` names (see `pairs.read` and `grammar.generate`), in three parts.

    Parts that the source lacks are sampled from its training part, by distinct source sentences.
    Two sentences are the same if they have the same words and marks, in any case (see
    `Pairs.keys`).

    Args:
        config: the configuration.

    Raises:
        InputError: the source cannot be used, or is too small to be split.
    """
    given = _builtin(config) if config.data == "builtin" else pairs.read(config)
    parts, about = _given_splits(given)
    parts, sampled = _sample_missing_splits(config, parts)
    parts["train"], shortened = _drop_long_pairs(config, parts["train"])
    for name, part in parts.items():
        if not len(part):
            raise InputError(f"{config.data} is too small to be split: no pair is left to {name}")
    digest = hashlib.sha256()
    for name in pairs.PARTS:
        for piece in json_pieces([parts[name].sources, parts[name].targets]):
            digest.update(piece.encode())
    return Corpus(
        *(parts[name] for name in pairs.PARTS),
        digest.hexdigest(),
        (about + sampled + shortened).strip(),
    )


def _builtin(config):
    pairs.refuse_flags(config, "reverse", "test_set")
    written = grammar.generate(config.split_seed)
    if (config.source, config.target) == ("fr", "en"):
        written = Pairs(written.targets, written.sources)
    elif (config.source, config.target) != ("en", "fr"):
        raise InputError(
            f"the builtin pairs are English and French, not --source {config.source} "
            f"--target {config.target}; give --data a file of yours"
        )
    return {"train": written}


def _given_splits(given):
    """The parts that the source has, without sources of later parts; and a text for the card."""
    parts, left_out, later_keys = {}, [], set()
    for name in reversed(pairs.PARTS):  # so that the test part stays unchanged
        if name in given:
            parts[name] = _select(given[name], lambda key: key not in later_keys)
            later_keys.update(parts[name].keys.tolist())
            if dropped := len(given[name]) - len(parts[name]):
                left_out.append(f"{dropped:,} of {name}")
    own = " and ".join(name for name in pairs.PARTS[1:] if name in given)
    about = f"The data has its own {own} pairs. " if own else ""
    if left_out:
        about += f"Pairs left out because a later part has their source: {' and '.join(left_out)}. "
    return parts, about


def _sample_missing_splits(config, parts):
    """All three parts; missing ones are sampled from the training part."""
    pool, about = parts["train"], ""
    if is_limited := config.limit is not None and config.limit < len(pool):
        train = pool.select(_limited_rows(config, pool))
        about = f"Only {config.limit:,} of {len(pool):,} pairs are trained on, "
        about += "the first. " if config.subset == "first" else "sampled at random. "
        known = set(train.keys.tolist())
        parts, pool = parts | {"train": train}, _select(pool, lambda key: key not in known)
    trained = len(np.unique(parts["train"].keys))
    counts = {
        name: max(1, round(fraction * trained))
        for name, fraction in (
            ("validation", config.validation_fraction),
            ("test", config.test_fraction),
        )
        if name not in parts
    }
    sources = list(dict.fromkeys(pool.keys.tolist()))
    if is_limited and config.subset == "first":
        sources = sources[: sum(counts.values())]  # the ones similar to the training pairs
    random.Random(config.split_seed).shuffle(sources)
    for name, count in counts.items():
        chosen, sources = set(sources[:count]), sources[count:]
        parts = parts | {name: _select(pool, chosen.__contains__)}
        origin = "the others" if is_limited else "all"
        about += f"{name.capitalize()}: {len(chosen):,} distinct sources, sampled from {origin}. "
    if not is_limited:
        parts = parts | {"train": _select(pool, set(sources).__contains__)}
    return parts, about


def _limited_rows(config, pool):
    """The rows of `--limit`, in the order of the file."""
    rows = range(len(pool))
    if config.subset == "random":
        sources = list(dict.fromkeys(pool.keys.tolist()))
        random.Random(config.split_seed).shuffle(sources)
        place = {key: i for i, key in enumerate(sources)}
        keys = pool.keys.tolist()
        rows = sorted(rows, key=lambda row: place[keys[row]])
    return sorted(rows[: config.limit])


def _select(part, wanted):
    return part.select(row for row, key in enumerate(part.keys.tolist()) if wanted(key))


def _drop_long_pairs(config, part):
    """The pairs with no more than `config.max_pair_length` words or marks on a side."""
    lengths = [count_words(side, config.lowercase) for side in (part.sources, part.targets)]
    limit = config.max_pair_length
    kept = part.select((np.maximum(*lengths) <= limit).nonzero()[0])
    left_out = len(part) - len(kept)
    return kept, (
        f"{left_out:,} pairs of more than {limit} words on a side are not trained on. "
        if left_out
        else ""
    )
