"""Exports a run: `python -m apps.sentiment.export RUN [--quantization none|dynamic|float16]`."""

from collections.abc import Sequence
from typing import Any

from apps.common.cli import command
from apps.common.environment import import_tensorflow
from apps.common.exporting import Quantization, export_command, write_exports
from apps.common.progress import reports
from apps.common.run import Run


@reports("export")
def export(run: Run, quantization: Quantization = "none") -> dict[str, Any]:
    """Write `saved_model/1/` and `model.tflite` of a trained run, each verified, and `export.json`.

    Both are compared with the Keras model on the validation reviews in `examples.json`, and on
    texts that are hardly any.

    Returns:
        What `export.json` holds: for `saved_model` and `litert` the `file`, its `bytes`, and
        `max_difference` from the Keras model by signature (the SavedModel reloaded in a fresh
        process); the `quantization` of the LiteRT file, and the number of `reviews` compared.

    Raises:
        InputError: the run's files do not fit together, or the export failed.
    """
    import_tensorflow()
    from apps.common.examples import read_examples
    from apps.sentiment.graph import SentimentGraph
    from apps.sentiment.model import load
    from apps.sentiment.text import Encoder

    config, vocabulary, model = load(run)
    graph = SentimentGraph(model, Encoder(vocabulary, config))
    texts = read_examples(run)
    examples = _examples(graph, texts)
    return write_exports(
        run,
        quantization,
        saved_model={
            "functions": graph.functions,
            "trackables": graph.trackables,
            "examples": examples,
        },
        litert={
            "functions": graph.litert,
            "trackables": [model],
            "vocabulary": vocabulary,
            "examples": {"score": examples["score"]},
        },
        reviews=len(texts),
    )


def _examples(graph, texts):
    """All texts one by one, then all in one batch, as inputs of each signature."""
    import numpy as np

    hardly = ["", "...", "\x00\x07 \u200b", "qzxv wkjq", "ＧＯＯＤ 😀 e\u0301"]
    batches = [[text] for text in texts + hardly] + [texts + hardly]
    as_text = [{"text": np.array([text.encode() for text in batch])} for batch in batches]
    ids = [{"ids": graph.tokenize(example["text"])["ids"].numpy()} for example in as_text]
    return {"classify": as_text, "tokenize": as_text, "score": ids}


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    export_command("sentiment", export, argv)


if __name__ == "__main__":
    main()
