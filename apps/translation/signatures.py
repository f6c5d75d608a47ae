"""The exported signatures of the translator."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from apps.common.errors import InputError
from apps.common.examples import read_examples
from apps.task import Signatures, Trained
from apps.translation.graph import TranslatorGraph
from apps.translation.model import VOCABULARIES
from apps.translation.search import source_ids
from rnn_keras import use_plan
from rnn_keras.text import Tokenizer

HYPOTHESES = 3  # per sentence, to compare `step` on
WEB_LENGTH = 64  # tokens of a source, and of a translation to align, in a file of fixed sizes
UNUSUAL = ["", "\x00 \u200b", "qzxv 日本 e\u0301 ..."]


def signatures(trained: Trained) -> Signatures:
    """Text to text in the SavedModel; ids in the LiteRT file, with both vocabularies.

    Both are compared with the Keras model on the validation sentences in `examples.json` and on
    `UNUSUAL` ones; a quantized file step by step, not by its whole translations.
    """
    model, (source, target) = trained.model, trained.assets
    sentences = read_examples(trained.run)
    with use_plan("graph"):  # for so few sentences, compilation would take longest
        graph = TranslatorGraph(trained.config, model, source, target)
        examples = _examples(graph, source, sentences)
    vocabularies = dict(zip(VOCABULARIES, (source.vocabulary, target.vocabulary)))
    return Signatures(
        saved_model={
            "functions": graph.saved_model,
            "trackables": graph.trackables,
            "vocabulary": vocabularies,
            "examples": {name: examples[name] for name in graph.saved_model},
        },
        litert={
            "functions": graph.litert,
            "trackables": [model],
            "vocabulary": vocabularies,
            "examples": {
                name: examples["encode" if name in ("greedy", "beam") else name]
                for name in graph.litert
            },
            "searches": ("greedy", "beam"),
        },
        facts={"sentences": len(sentences)},
        lengths=[WEB_LENGTH],
    )


def micro(_: Trained) -> Mapping[str, Any]:
    """None.

    Raises:
        InputError: in any case; the message has the reason.
    """
    raise InputError(
        "a translator reads the whole sentence before its first word, so there is no single step"
    )


def _examples(
    graph: TranslatorGraph, source: Tokenizer, sentences: list[str]
) -> dict[str, list[dict]]:
    """The shortest sentence, then all in one batch, as inputs of each signature."""
    examples = {name: [] for name in graph.functions}
    for batch in (sentences[:1], sentences + UNUSUAL):
        text = np.array([text.encode() for text in batch])
        ids = source_ids(source, tf.constant(text))
        found = graph.functions["beam_ids"](ids)
        found = found["ids"][:, : tf.reduce_max(found["lengths"])]
        encoded = graph.functions["encode"](ids)
        rows = np.repeat(found.numpy()[:, 0], HYPOTHESES)
        carried = {
            name: np.repeat(value, HYPOTHESES, axis=0) if name.startswith("state_") else value
            for name, value in ((name, value.numpy()) for name, value in encoded.items())
        }
        for name in ("translate", "greedy", "nbest"):
            examples[name].append({"text": text})
        examples["encode"].append({"ids": ids.numpy()})
        examples["step"].append({"ids": rows, **carried})
        single = {name: value.numpy() for name, value in encoded.items()}
        examples["step"].append({"ids": found.numpy()[:, 0], **single})
        if "align" in examples:
            examples["align"].append(
                {"ids": found.numpy()} | {name: value.numpy() for name, value in encoded.items()}
            )
    return examples
