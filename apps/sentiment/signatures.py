"""The exported signatures of the classifier."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from apps.common.errors import InputError
from apps.common.examples import read_examples
from apps.sentiment.graph import SentimentGraph
from apps.sentiment.text import make_tokenizer
from apps.task import Signatures, Trained

UNUSUAL = ["", "...", "\x00\x07 \u200b", "qzxv wkjq", "ＧＯＯＤ 😀 e\u0301"]


def signatures(trained: Trained) -> Signatures:
    """Text to probability in the SavedModel; ids in the LiteRT file, with the vocabulary.

    Both are compared with the Keras model on the validation reviews in `examples.json` and on
    `UNUSUAL` texts.
    """
    model, vocabulary = trained.model, trained.assets
    graph = SentimentGraph(model, make_tokenizer(vocabulary, trained.config))
    texts = read_examples(trained.run)
    examples = _examples(graph, texts)
    return Signatures(
        saved_model={
            "functions": graph.functions,
            "trackables": graph.trackables,
            "vocabulary": vocabulary,
            "examples": examples,
        },
        litert={
            "functions": graph.litert,
            "trackables": [model],
            "vocabulary": vocabulary,
            "examples": {"score": examples["score"]},
        },
        facts={"reviews": len(texts)},
        lengths=[trained.config.train_length],
    )


def micro(trained: Trained) -> Mapping[str, Any]:
    """None: a review is classified when it has been read to its end.

    Raises:
        InputError: in any case; the message has the reason.
    """
    parts = "in both directions" if trained.config.bidirectional else "as a whole"
    raise InputError(f"the classifier reads a review {parts}, so it has no step for single words")


def _examples(graph: SentimentGraph, texts: list[str]) -> dict[str, list[dict]]:
    """All texts one by one, then all in one batch, as inputs of each signature."""
    batches = [[text] for text in texts + UNUSUAL] + [texts + UNUSUAL]
    as_text = [{"text": np.array([text.encode() for text in batch])} for batch in batches]
    ids = [{"ids": graph.tokenize(example["text"])["ids"].numpy()} for example in as_text]
    return {"classify": as_text, "tokenize": as_text, "score": ids}
