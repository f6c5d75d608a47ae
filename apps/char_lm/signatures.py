"""The exported signatures of the character language model."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from apps.char_lm.graph import CharLMGraph
from apps.task import Signatures, Trained
from rnn_keras import use_plan

STEPS = 300  # characters of the text from which the scales of an int8 file are taken


def signatures(trained: Trained) -> Signatures:
    """Text to text in the SavedModel; ids and states in the LiteRT file, with the vocabulary."""
    graph = CharLMGraph(trained.config, trained.model, trained.assets)
    examples = graph.examples()
    return Signatures(
        saved_model={
            "functions": graph.saved_model,
            "trackables": graph.trackables,
            "vocabulary": trained.assets,
            "examples": {name: examples[name] for name in graph.saved_model},
        },
        litert={
            "functions": graph.litert,
            "trackables": [graph.streaming],
            "vocabulary": trained.assets,
            "examples": {
                "prefill": examples["prefill"],
                "step": examples["step"],
                "score": examples["score_ids"],
            },
        },
        lengths=[trained.config.steps],
    )


def micro(trained: Trained) -> Mapping[str, Any]:
    """`step`, with examples along a text that the model generates."""
    graph = CharLMGraph(trained.config, trained.model, trained.assets)
    step = graph.functions["step"]
    names = [spec.name for spec in step.input_signature]
    example = {"ids": np.zeros(1, "int32")}
    example |= {name: np.zeros((1, trained.config.units), "float32") for name in names[1:]}
    rng, examples = np.random.default_rng(0), []
    with use_plan("graph"):
        for _ in range(STEPS):
            examples.append(example)
            outputs = {name: value.numpy() for name, value in step(*example.values()).items()}
            # The largest of the logits with Gumbel noise is a sample.
            noisy = outputs.pop("logits") + rng.gumbel(size=len(trained.assets))
            example = {"ids": noisy.argmax(axis=1).astype("int32"), **outputs}
    return {
        "functions": {"step": step},
        "trackables": [graph.streaming],
        "vocabulary": trained.assets,
        "examples": {"step": examples},
    }


def onnx(trained: Trained) -> Mapping[str, Any]:
    """`step`: ids and states to logits and states."""
    return {"model": trained.model, "signature": "step", "vocabulary": trained.assets}
