"""Exports a run: `python -m apps.char_lm.export RUN [--quantization none|dynamic|float16]`."""

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

    Returns:
        What `export.json` holds: for `saved_model` and `litert` the `file`, its `bytes`, and
        `max_difference` from the Keras model by signature (the SavedModel reloaded in a fresh
        process); and the `quantization` of the LiteRT file.

    Raises:
        InputError: the run's files do not fit together, or the export failed.
    """
    import_tensorflow()
    from apps.char_lm.graph import CharLMGraph
    from apps.char_lm.model import load

    config, vocabulary, trained = load(run)
    graph = CharLMGraph(config, trained, vocabulary)
    examples = graph.examples()
    return write_exports(
        run,
        quantization,
        saved_model={
            "functions": graph.saved_model,
            "trackables": [graph.streaming],
            "examples": {name: examples[name] for name in graph.saved_model},
        },
        litert={
            "functions": graph.litert,
            "trackables": [graph.streaming],
            "vocabulary": vocabulary,
            "examples": {
                "prefill": examples["prefill"],
                "step": examples["step"],
                "score": examples["score_ids"],
            },
        },
    )


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    export_command("char_lm", export, argv)


if __name__ == "__main__":
    main()
