"""The data of the tagger: sentences in three parts, and their tokens and tags as ids."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from apps.common.errors import InputError
from apps.common.progress import reports
from apps.common.tagged import Sentence, read_source
from apps.ner import grammar
from apps.ner.config import NERConfig
from apps.ner.text import Assets
from rnn_keras.data import bucketed_batches
from rnn_keras.metrics import Entity, find_entities, write_tags


@dataclass(frozen=True, eq=False)
class Data:
    """Sentences for training, for selecting the epoch, and for the scores.

    Attributes:
        config: the configuration.
        train, validation, test: the parts; test is validation where the source has none.
        notes: about the tags of each file.
        assets: vocabularies and tags.
    """

    config: NERConfig
    train: list[Sentence]
    validation: list[Sentence]
    test: list[Sentence]
    notes: list[str]
    assets: Assets

    @property
    def sha256(self) -> str:
        """A digest of all tokens and entities."""
        parts = [self.train, self.validation, self.test]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @cached_property
    def _ids(self):
        """Distinct words with their ids and characters; and of each split, its words and tags."""
        names = {id(part): part for part in (self.train, self.validation, self.test)}
        forms = sorted({word for part in names.values() for s in part for word in s.tokens})
        words, characters = (x.numpy() for x in self.assets.ids(tf.constant(forms)))
        number, tags = {form: i for i, form in enumerate(forms, 1)}, self.assets.tag_ids
        rows = {
            key: (
                [np.array([number[word] for word in s.tokens], np.int32) for s in part],
                [np.array([tags[t] for t in tags_of(s)], np.int32) for s in part],
            )
            for key, part in names.items()
        }
        return np.append([0], words), np.pad(characters, [(1, 0), (0, 0)]), rows

    def batches(self, epoch: int | None = None, part: list[Sentence] | None = None):
        """`((words, characters), tags)`, bucketed by length: see `model.build`.

        Args:
            epoch: of the training, which shuffles and reads some words as unknown.
            part: the sentences without an epoch; None for those of the validation. Their batches
                end with the numbers of the rows.
        """
        words, characters, rows = self._ids
        forms, tags = rows[id(self.train if epoch is not None else part or self.validation)]
        config, seed, sides = self.config, None, [[words[f] for f in forms], forms, tags]
        if epoch is not None:
            seed = (config.seed, epoch)
            random, a = np.random.default_rng(seed), config.unknown_rate
            counts = np.bincount(np.concatenate(sides[0]), minlength=len(self.assets.words))
            rate = a / (a + counts)
            unknown = self.assets.words.unk_id
            sides[0] = [np.where(random.random(len(w)) < rate[w], unknown, w) for w in sides[0]]
        arrays = () if part is None else (np.arange(len(forms)),)
        batches = bucketed_batches(sides, config.batch_size, config.bucket, seed, arrays)
        table = tf.constant(characters)
        return batches.map(lambda w, f, t, *more: ((w, tf.gather(table, f)), t, *more))

    def predict(self, model, part: list[Sentence]) -> list[list[Entity]]:
        """The entities that a model finds in each sentence."""
        from rnn_keras.layers import viterbi

        found = [[] for _ in part]
        for inputs, _, rows in self.batches(part=part):
            for row, path in zip(rows.numpy(), viterbi(model.predict_on_batch(inputs))[0].numpy()):
                names = [self.assets.tags[i] for i in path[: len(part[row].tokens)]]
                found[row] = find_entities(names)
        return found


def tags_of(sentence: Sentence) -> list[str]:
    """The tags of a sentence, as the network gives them."""
    return write_tags(sentence.entities, len(sentence.tokens))


@reports("reading the sentences")
def load(config: NERConfig, assets: Assets | None) -> Data:
    """The sentences that `config` names in three parts.

    Without a validation part, documents of the training part are held out for it; a file without
    documents counts as one document per sentence.

    Args:
        config: the configuration.
        assets: those of a run; None makes them from the training part.

    Raises:
        InputError: the source cannot be used, or is too small to be split.
    """
    builtin = config.data == "builtin"
    parts, notes = (
        (grammar.generate(config.split_seed), []) if builtin else read_source(config.data)
    )
    train, validation = parts["train"], parts.get("validation")
    if not validation:
        one = len({s.document for s in train}) == 1
        documents = [i if one else s.document for i, s in enumerate(train)]
        names = np.random.default_rng(config.split_seed).permutation(np.unique(documents))
        held_out = {*names[: round(len(names) * config.validation_fraction)].tolist()}
        validation = [s for s, d in zip(train, documents) if d in held_out]
        train = [s for s, d in zip(train, documents) if d not in held_out]
    for name, part in (("training", train), ("validation", validation)):
        if not any(s.entities for s in part):
            raise InputError(f"{config.data}: the {name} part has no entity")
    assets = assets or Assets.learn(config, train)
    test = parts.get("test") or validation
    return Data(config, train, validation, test, notes, assets)
