"""Exports a run: `python -m apps.translation.export RUN [--quantization none|dynamic|float16]`."""

from collections.abc import Sequence
from typing import Any

from apps.common.cli import command
from apps.common.environment import import_tensorflow
from apps.common.exporting import Quantization, export_command, write_exports
from apps.common.progress import reports
from apps.common.run import Run

HYPOTHESES = 3  # of each sentence, that `step` is compared on


@reports("export")
def export(run: Run, quantization: Quantization = "none") -> dict[str, Any]:
    """Write `saved_model/1/` and `model.tflite` of a trained run, each verified, and `export.json`.

    Both are compared with the Keras model on the validation sentences in `examples.json`, and on
    texts that are hardly any; a quantized file step by step, not by its whole translations.

    Returns:
        What `export.json` holds: for `saved_model` and `litert` the `file`, its `bytes`, and
        `max_difference` from the Keras model by signature (the SavedModel reloaded in a fresh
        process); the `quantization` of the LiteRT file, and the number of `sentences` compared.

    Raises:
        InputError: the run's files do not fit together, or the export failed.
    """
    import_tensorflow()
    from apps.common.examples import read_examples
    from apps.translation.graph import TranslatorGraph
    from apps.translation.model import load, vocabulary_files
    from rnn_keras import use_plan

    config, model, source, target = load(run)
    sentences = read_examples(run)
    with use_plan("graph"):  # for sentences so few, compiling would take longest
        graph = TranslatorGraph(config, model, source, target)
        examples = _examples(graph, source, sentences)
    names = [path.name for path in vocabulary_files(run)]
    return write_exports(
        run,
        quantization,
        saved_model={
            "functions": graph.saved_model,
            "trackables": graph.trackables,
            "examples": {name: examples[name] for name in graph.saved_model},
        },
        litert={
            "functions": graph.litert,
            "trackables": [model],
            "vocabulary": dict(zip(names, (source.vocabulary, target.vocabulary))),
            "examples": {
                name: examples["encode" if name in ("greedy", "beam") else name]
                for name in graph.litert
            },
            "searches": ("greedy", "beam"),
        },
        sentences=len(sentences),
    )


def _examples(graph, source, sentences):
    """The shortest sentence, then all in one batch, as inputs of each signature."""
    import numpy as np
    import tensorflow as tf

    from apps.translation.search import source_ids

    hardly = ["", "\x00 \u200b", "qzxv 日本 e\u0301 ..."]
    examples = {name: [] for name in graph.functions}
    for batch in (sentences[:1], sentences + hardly):
        text = np.array([text.encode() for text in batch])
        ids = source_ids(source, tf.constant(text))
        found = graph.functions["beam_ids"](ids)["ids"]
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
        if "align" in examples:
            examples["align"].append({"ids": ids.numpy(), "target_ids": found.numpy()})
    return examples


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    export_command("translation", export, argv)


if __name__ == "__main__":
    main()
