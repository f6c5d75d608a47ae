"""The exported signatures of the classifier."""

from collections.abc import Mapping
from typing import Any

import keras

from apps.common.errors import InputError
from apps.common.examples import read_examples, text_examples
from apps.sentiment.graph import SentimentGraph
from apps.sentiment.text import make_tokenizer
from apps.task import Signatures, Trained


def signatures(trained: Trained) -> Signatures:
    """Text to probability in the SavedModel; ids in the LiteRT file, with the vocabulary.

    Both are compared with the Keras model on validation reviews and unusual texts: see
    `text_examples`.
    """
    model, vocabulary = trained.model, trained.assets
    graph = SentimentGraph(model, make_tokenizer(vocabulary, trained.config))
    examples = _examples(graph, text_examples(trained.run))
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
        facts={"reviews": len(read_examples(trained.run))},
        labels=["negative", "positive"],
        lengths=[trained.config.train_length],
    )


def onnx(trained: Trained) -> Mapping[str, Any]:
    """`score`: the ids of words to the probability of being positive."""
    ids, logit = trained.model.input, trained.model.output
    probability = keras.layers.Activation("sigmoid", name="probability")(logit)
    examples = signatures(trained).litert["examples"]["score"]
    return {
        "model": keras.Model(ids, probability, name="sentiment"),
        "vocabulary": trained.assets,
        "examples": {"serving_default": examples},
    }


def micro(trained: Trained) -> Mapping[str, Any]:
    """None: a review is classified when it has been read to its end.

    Raises:
        InputError: in any case; the message has the reason.
    """
    parts = "in both directions" if trained.config.bidirectional else "as a whole"
    raise InputError(f"the classifier reads a review {parts}, so it has no step for single words")


def _examples(graph: SentimentGraph, as_text: list[dict]) -> dict[str, list[dict]]:
    """The texts as inputs of each signature."""
    ids = [{"ids": graph.tokenize(example["text"])["ids"].numpy()} for example in as_text]
    return {"classify": as_text, "tokenize": as_text, "score": ids}
