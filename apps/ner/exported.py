"""The exported tagger: from texts to entities, by a SavedModel or a LiteRT file."""

from typing import NamedTuple

import tensorflow as tf

from apps.common.exported import load_export, one_line_export_errors
from apps.common.run import Run
from apps.ner.config import NERConfig
from apps.ner.text import FILES, Assets, find_tokens
from rnn_keras.export import LiteRTModel, SavedModel
from rnn_keras.metrics import find_entities


class Found(NamedTuple):
    """An entity in a text: `text[start:end]`; its probability is that of its least certain tag."""

    text: str
    type: str
    start: int
    end: int
    probability: float


class Tagger:
    """Tags texts with an exported model, which contains its vocabularies.

    Args:
        model: a SavedModel or a LiteRT file with the signature `score`.
        config: the configuration of the run.

    Raises:
        ValueError: the model holds no vocabularies.
    """

    def __init__(self, model: SavedModel | LiteRTModel, config: NERConfig):
        self._model = model
        self._assets = Assets(*map(model.vocabulary, FILES), config.word_length)

    def tag(self, text: str) -> list[Found]:
        """The entities of a text, from left to right."""
        tokens, starts, ends = (each[0].numpy() for each in find_tokens(tf.constant([text])))
        if not len(tokens):
            return []
        words, characters = (each.numpy()[None] for each in self._assets.ids(tf.constant(tokens)))
        found = self._model.run("score", words=words, characters=characters)
        return [
            Found(
                text[starts[e.start] : ends[e.end - 1]],
                e.type,
                int(starts[e.start]),
                int(ends[e.end - 1]),
                float(found["probability"][0, e.start : e.end].min()),
            )
            for e in find_entities(self._assets.tags[i] for i in found["tags"][0])
        ]


def load(run: Run, source: str) -> Tagger:
    """The tagger of a run; nothing but its export and `config.json` is read.

    Args:
        run: an exported run.
        source: "saved_model" or "litert".

    Raises:
        InputError: the run is not exported, or the export is damaged.
    """
    model = load_export(run, source, "score")
    with one_line_export_errors(run, model.path):
        return Tagger(model, run.read_config(NERConfig))
