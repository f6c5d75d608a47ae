"""The exported translator, from a SavedModel or a LiteRT file."""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from apps.common.exported import load_export, one_line_export_errors
from apps.common.run import Run
from apps.translation.config import TranslationConfig
from apps.translation.model import VOCABULARIES
from apps.translation.pipeline import Pipeline
from apps.translation.text import UNKNOWN_ID, make_tokenizer
from rnn_keras.export import LiteRTModel, SavedModel


@dataclass(frozen=True)
class Source:
    """The input that the model reads of a sentence.

    Attributes:
        length: number of tokens of the sentence.
        read: number of tokens that are read, from the first on.
        unknown: the words that are unknown to the model.
        knows_any: whether any token that is read is known.
    """

    length: int
    read: int
    unknown: list[str]
    knows_any: bool


def read_sources(pipeline: Pipeline, sentences: Sequence[str]) -> list[Source]:
    """The input that the model reads of each sentence."""
    text, longest = tf.constant(sentences), pipeline.config.max_length
    ids = pipeline.source.encode(text).to_list()
    return [
        Source(
            length=len(tokens),
            read=min(len(tokens), longest),
            unknown=unknown,
            knows_any=any(token != UNKNOWN_ID for token in tokens[:longest]),
        )
        for tokens, unknown in zip(ids, pipeline.source.unknown_words(text))
    ]


def exported_pipeline(model: SavedModel | LiteRTModel, config: TranslationConfig) -> Pipeline:
    """A pipeline over the signatures `encode`, `step` and `align`.

    Beam width and length penalty are free, whereas the signatures that contain a search have those
    of the run.

    Args:
        model: a SavedModel or a LiteRT file with these signatures.
        config: the configuration of the run.

    Raises:
        ValueError: the model lacks a vocabulary.
    """
    states = sorted(name for name in model.signatures["step"] if name.startswith("state_"))

    def call(signature, memory, values=(), **inputs):
        inputs |= {**memory, **dict(zip(states, values))}
        outputs = model.run(signature, **{name: value.numpy() for name, value in inputs.items()})
        return {name: tf.constant(value) for name, value in outputs.items()}

    def encode(ids):
        memory = call("encode", {}, ids=ids)
        return memory, [memory.pop(name) for name in states]

    def step(tokens, values, memory):
        outputs = call("step", memory, values, ids=tokens)
        return outputs["logits"], [outputs[name] for name in states]

    def align(tokens, values, memory):
        return call("align", memory, values, ids=tokens)["attention"]

    tokenizers = (make_tokenizer(model.vocabulary(name), config) for name in VOCABULARIES)
    return Pipeline(
        config, *tokenizers, encode, step, align if "align" in model.signatures else None
    )


def load(run: Run, source: str) -> Pipeline:
    """The pipeline over the exported model of a run; `best.keras` is not read.

    Args:
        run: an exported run.
        source: "saved_model" or "litert".

    Raises:
        InputError: the run is not exported, or the export is damaged.
    """
    model = load_export(run, source, "encode", "step")
    with one_line_export_errors(run, model.path):
        return exported_pipeline(model, run.read_config(TranslationConfig))
