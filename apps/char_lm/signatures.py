"""The exported signatures of the character language model."""

from apps.char_lm.graph import CharLMGraph
from apps.task import Signatures, Trained


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
    )
