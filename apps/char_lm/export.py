"""Exports a run: `python -m apps.char_lm.export RUN [--quantization none|dynamic|float16]`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import tyro

from apps.common.cli import RunArgument, command
from apps.common.environment import import_tensorflow
from apps.common.errors import InputError
from apps.common.run import Run

Quantization = Literal["none", "dynamic", "float16"]


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """The command line."""

    run: RunArgument

    quantization: Quantization = "none"
    """Weights of the LiteRT file: none keeps float32, dynamic makes them int8, float16 halves
    them."""


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
    from rnn_keras.export import ExportError, write_litert, write_saved_model

    config, vocabulary, trained = load(run)
    graph = CharLMGraph(config, trained, vocabulary)
    examples = graph.examples()
    try:
        saved_model = write_saved_model(
            graph.saved_model,
            [graph.streaming],
            run.saved_model,
            examples={name: examples[name] for name in graph.saved_model},
        )
        litert = write_litert(
            graph.litert,
            [graph.streaming],
            run.tflite,
            quantization,
            vocabulary,
            examples={
                "prefill": examples["prefill"],
                "step": examples["step"],
                "score": examples["score_ids"],
            },
        )
    except ExportError as error:
        raise InputError(f"cannot export {run}: {error}") from error
    report = {
        "saved_model": _entry(run, asdict(saved_model), "directory"),
        "litert": _entry(run, asdict(litert), "file"),
        "quantization": quantization,
    }
    run.write_json("export.json", report)
    return report


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    options = tyro.cli(
        ExportOptions,
        args=argv,
        prog="python -m apps.char_lm.export",
        description="Export a trained run to a SavedModel and a LiteRT file.",
    )
    run = Run.open("char_lm", options.run)
    report = export(run, options.quantization)
    for name in ("saved_model", "litert"):
        entry = report[name]
        differences = ", ".join(f"{k} {d:.1e}" for k, d in entry["max_difference"].items())
        print(
            f"{run.path / entry['file']}: {entry['bytes'] / 1e3:,.0f} kB, "
            f"largest difference from the Keras model: {differences}"
        )


def _entry(run: Run, report: dict[str, Any], place: str) -> dict[str, Any]:
    return {
        "file": str(report[place].relative_to(run.path)),
        "bytes": report["bytes"],
        "max_difference": report["differences"],
    }


if __name__ == "__main__":
    main()
